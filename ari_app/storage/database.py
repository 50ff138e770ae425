"""Engines for the database: one that writes, one that only reads."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ari_app.storage.errors import StorageError
from ari_app.storage.settings import StorageSettings

# A writer that finds the database locked waits this long in SQLite, then backs off by itself (see call_log).
BUSY_TIMEOUT_MS = 2000


def writing_engine(settings: StorageSettings) -> AsyncEngine:
    """An engine whose every transaction takes SQLite's write lock at its begin. Creates the file when it is missing.

    Raises StorageError when the file cannot be created or written.
    """
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


def reading_engine(settings: StorageSettings) -> AsyncEngine:
    """An engine that cannot write, for use beside a running router. Raises StorageError when there is no database."""
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
