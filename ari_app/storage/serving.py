"""The database of a running router: locked for this process, migrated, one engine that writes and one that reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.storage.database import reading_engine, writing_engine
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.migrate import migrate
from ari_app.storage.revision import Revision
from ari_app.storage.serving_lock import serving_lock
from ari_app.storage.settings import StorageSettings
from ari_app.storage.uncut import readings_over


@dataclass(frozen=True, slots=True)
class Database:
    """`writer` has one connection, for which its users queue: SQLite takes one writer at a time, and on a server that
    connection is what tells that no other router serves.
    """

    settings: StorageSettings
    writer: AsyncEngine
    reader: AsyncEngine


@asynccontextmanager
async def open_database(settings: StorageSettings) -> AsyncIterator[Database]:
    """Serve with this database until the block ends.

    Raises StorageError when it is newer than the code, cannot be written, or another router serves with it.
    """
    writer = writing_engine(settings)
    with serving_lock(settings):
        await _migrate(settings)
        reader = reading_engine(settings)
        try:
            await _have_lock(writer)
            yield Database(settings, writer, reader)
        finally:
            await readings_over()
            await reader.dispose()
            await writer.dispose()


async def upgrade(settings: StorageSettings) -> tuple[Revision, Revision]:
    """Migrate with the lock of a serving router; gives where the database stood and where it stands.

    Raises StorageError as `open_database` does.
    """
    if not settings.is_postgresql:
        await writing_engine(settings).dispose()  # makes the file, and the folder in which the lock is to stand
    with serving_lock(settings):
        return await _migrate(settings)


async def _migrate(settings: StorageSettings) -> tuple[Revision, Revision]:
    """However long it takes: an index over a million calls is made in one command."""
    engine = writing_engine(settings, command_s=None)
    try:
        return await migrate(engine)
    finally:
        await engine.dispose()


async def _have_lock(writer: AsyncEngine) -> None:
    """On a server the first connection takes the lock: also a router that writes nothing yet is known to serve."""
    try:
        async with writer.connect():
            pass
    except FAILURES as error:
        raise unusable(writer, error) from error
