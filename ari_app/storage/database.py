"""Engines for the database, a file or on a server: one that writes, one that only reads."""

import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ari_app.storage.errors import StorageError
from ari_app.storage.settings import StorageSettings

COMMAND_S: Final = 60.0
"""No statement of a serving router takes as long; one to a server that has vanished would never end."""

# A writer that finds the database locked waits this long in SQLite, then backs off by itself (see call_log).
BUSY_TIMEOUT_MS = 2000


def writing_engine(settings: StorageSettings, *, command_s: float | None = COMMAND_S) -> AsyncEngine:
    """The engine of the one router that serves: it has one connection, for which its users queue.

    On a server that connection holds the serving lock, and a command may take `command_s` (None: as long as it takes).
    Raises StorageError when an SQLite file cannot be created or written.
    """
    return _postgresql_writer(settings, command_s) if settings.is_postgresql else _sqlite_writer(settings)


def sharing_engine(settings: StorageSettings) -> AsyncEngine:
    """An engine that writes to a database on a server beside the router that serves, without its lock.

    For what several processes may do at a time. It has one connection.
    """
    from ari_app.storage import postgresql  # noqa: PLC0415

    return create_async_engine(
        _shown(settings),
        async_creator=lambda: postgresql.connect(settings, command_s=COMMAND_S),
        pool_size=1,
        max_overflow=0,
        pool_timeout=None,
        pool_pre_ping=True,
    )


def reading_engine(settings: StorageSettings) -> AsyncEngine:
    """An engine that cannot write, for use beside a running router. Raises StorageError when there is no SQLite file.

    All that is read in one of its transactions is of one moment.
    """
    return _postgresql_reader(settings) if settings.is_postgresql else _sqlite_reader(settings)


def _postgresql_writer(settings: StorageSettings, command_s: float | None) -> AsyncEngine:
    from ari_app.storage import postgresql  # noqa: PLC0415 - who has a file is spared its driver

    return create_async_engine(
        _shown(settings),
        async_creator=lambda: postgresql.connect_to_serve(settings, command_s),
        pool_size=1,
        max_overflow=0,
        pool_timeout=None,
    )


def _postgresql_reader(settings: StorageSettings) -> AsyncEngine:
    from ari_app.storage import postgresql  # noqa: PLC0415

    return create_async_engine(
        _shown(settings),
        async_creator=lambda: postgresql.connect(settings, read_only=True),
        isolation_level="REPEATABLE READ",
        pool_pre_ping=True,  # a server that was restarted costs a reader nothing
    )


def _shown(settings: StorageSettings) -> URL:
    """Tells people, and SQLAlchemy, which database it is; asyncpg reads the whole URL by its own rules."""
    return URL.create("postgresql+asyncpg", database=settings.name)


def _sqlite_writer(settings: StorageSettings) -> AsyncEngine:
    """Every transaction takes SQLite's write lock at its begin. Creates the file when it is missing."""
    path = settings.path
    _create_private(path)
    # No pool timeout: whoever writes waits for the one connection as long as another's transaction takes.
    url = URL.create("sqlite+aiosqlite", database=str(path))
    engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=None)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        # synchronous=FULL: what is committed survives a power cut. Nobody waits for it: calls write to a queue, and
        # one fsync commits all that gathered during the last one.
        _pragmas(connection, f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL")

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        # Immediate: a transaction that reads before it writes would otherwise fail at its first write, not wait.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _sqlite_reader(settings: StorageSettings) -> AsyncEngine:
    path = settings.path
    if not path.exists():
        raise StorageError(
            f"there is no database at {path}",
            "It is created by the first `agi-router serve`. Is this the router's configuration (--config)?",
        )
    if not os.access(path, os.R_OK):
        raise StorageError(f"{path} may not be read by this user", "Run the command as the router's user, or as root.")
    read_only = URL.create("sqlite+aiosqlite", database=path.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
    engine = create_async_engine(read_only)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        _pragmas(connection, f"busy_timeout={BUSY_TIMEOUT_MS}")

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")  # one snapshot for all that is read in it

    return engine


def _pragmas(connection: Any, *pragmas: str) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy's do, not where the driver guesses
    cursor = connection.cursor()
    for pragma in ("foreign_keys=ON", *pragmas):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _create_private(path: Path) -> None:
    """Make the file, and the last folder above it, unreadable for others: it holds who called whom."""
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
    except OSError as error:
        raise StorageError(
            f"the database {path} cannot be opened for writing: {error.strerror}",
            f"Let the router's user own the folder {path.parent}, or name another place in storage.url.",
        ) from error
