"""Connections to PostgreSQL, and why one does not come about. The one that writes holds the lock of who serves.

The lock is of the connection's session: who has lost the connection writes nothing before he has lock and connection
again, and a router that died holds neither.
"""

import os
import socket
import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from ari_app.storage.errors import StorageError
from ari_app.storage.settings import StorageSettings

CONNECT_S: Final = 5.0
# A connection that broke may still hold the lock, until the server has noticed.
LOCK_S: Final = 3.0
SERVING_LOCK: Final = 0x6167692D726F7574  # "agi-rout": one per database, by the rules of advisory locks
_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_NO_TLS: Final = "rejected SSL upgrade"
"""asyncpg's words; it has no class for that."""

_HOLDER: Final = """
SELECT application_name, client_addr FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = $1::bigint::oid AND objid = $2::bigint::oid
  AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def connect(
    settings: StorageSettings, *, read_only: bool = False, command_s: float | None = None
) -> "asyncpg.Connection[Any]":
    """A connection. Raises StorageError, which tells why there is none."""
    server_settings = {"application_name": f"agi-router {os.getpid()} on {socket.gethostname()}"[:63]}
    if read_only:
        server_settings["default_transaction_read_only"] = "on"
    try:
        return await asyncpg.connect(
            settings.url, timeout=CONNECT_S, command_timeout=command_s, server_settings=server_settings
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise _unreachable(settings, error) from error


async def connect_to_serve(settings: StorageSettings, command_s: float | None) -> "asyncpg.Connection[Any]":
    """A connection that holds the lock of the router that serves with this database. Raises StorageError."""
    connection = await connect(settings, command_s=command_s)
    try:
        await connection.execute(f"SET lock_timeout = {LOCK_S * 1000:.0f}")
        await connection.execute("SELECT pg_advisory_lock($1)", SERVING_LOCK)
        await connection.execute("RESET lock_timeout")
    except asyncpg.LockNotAvailableError:
        holder = await _holder(connection)
        await connection.close()
        raise StorageError(
            f"another agi-router ({holder or 'unknown'}) already serves with the database {settings.name}",
            "Stop it first, or give this one its own storage.url.",
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        connection.terminate()
        raise _unreachable(settings, error) from error
    except BaseException:
        connection.terminate()
        raise
    return connection


async def lock_holder(settings: StorageSettings) -> str | None:
    """Who serves with this database: "agi-router 4711 on pbx1, from 192.0.2.7". Raises StorageError."""
    connection = await connect(settings, read_only=True)
    try:
        return await _holder(connection)
    finally:
        await connection.close()


async def _holder(connection: "asyncpg.Connection[Any]") -> str | None:
    row = await connection.fetchrow(_HOLDER, SERVING_LOCK >> 32, SERVING_LOCK & 0xFFFFFFFF)
    if row is None:
        return None
    return f"{row['application_name']}, from {row['client_addr'] or 'the host of the server'}"


def _unreachable(settings: StorageSettings, error: Exception) -> StorageError:
    name = settings.name
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return StorageError(
                f"the database {name} lets nobody in: {error}",
                "See user and password in storage.url (in a password, %40 stands for @, %2F for /, %23 for #), "
                "and what pg_hba.conf of the server asks of this host.",
            )
        case asyncpg.InvalidCatalogNameError():
            return StorageError(
                f"there is no database {name}: {error}",
                "Make it on the server: createdb --owner USER NAME; its tables are made by the router.",
            )
        case asyncpg.TooManyConnectionsError():
            return StorageError(
                f"the server of {name} takes no more connections: {error}",
                "A router needs about 10: raise max_connections, or find who holds them in pg_stat_activity.",
            )
        case asyncpg.CannotConnectNowError():
            return StorageError(f"the server of {name} starts or stops: {error}", "Wait until it runs.")
        case asyncpg.PostgresError():
            return StorageError(f"the database {name} cannot be used: {error}", "See the server's log.")
        case TimeoutError():
            return StorageError(
                f"the server of {name} does not answer within {CONNECT_S:g} s",
                "See the host and port of storage.url, and firewalls on the way.",
            )
        case ssl.SSLError():
            return StorageError(
                f"the server of {name} cannot be trusted: {error}",
                "See sslmode and sslrootcert of storage.url, and the certificate of the server.",
            )
        case ConnectionError() if _NO_TLS in str(error):
            return StorageError(
                f"the server of {name} speaks no TLS, which sslmode of storage.url asks for",
                "Have it speak TLS: ssl, ssl_cert_file and ssl_key_file in postgresql.conf.",
            )
        case OSError() if unreadable := _unreadable_file(settings):
            option, file = unreadable
            return StorageError(
                f"the file {file}, which storage.url names as {option}, cannot be read",
                "Correct its path, or let the router's user read it.",
            )
        case OSError():
            return StorageError(
                f"the server of {name} cannot be reached: {error}",
                "Start it, or see the host and port of storage.url.",
            )
        case _:
            return StorageError(
                f"the database {name} cannot be reached as storage.url says: {error}",
                "See its options: docs/history.md has them.",
            )


def _unreadable_file(settings: StorageSettings) -> tuple[str, str] | None:
    """The first of the options for TLS that names a file which can't be opened; the errors of OpenSSL name none."""
    options = parse_qs(urlsplit(settings.url).query)
    named = ((option, file) for option in _FILES for file in options.get(option, []))
    return next(((option, file) for option, file in named if not os.access(Path(file), os.R_OK)), None)
