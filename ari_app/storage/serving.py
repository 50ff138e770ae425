"""The database of a running router: locked for this process, migrated, one engine that writes and one that reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.storage.database import reading_engine, writing_engine
from ari_app.storage.migrate import migrate
from ari_app.storage.serving_lock import serving_lock
from ari_app.storage.settings import StorageSettings


@dataclass(frozen=True, slots=True)
class Database:
    """`writer` has one connection, for which its users queue: SQLite takes one writer at a time."""

    settings: StorageSettings
    writer: AsyncEngine
    reader: AsyncEngine


@asynccontextmanager
async def open_database(settings: StorageSettings) -> AsyncIterator[Database]:
    """Serve with this database until the block ends.

    Raises StorageError when it is newer than the code, cannot be written, or another router serves with it.
    """
    writer = writing_engine(settings)
    with serving_lock(settings.path):
        reader = reading_engine(settings)
        try:
            await migrate(writer)
            yield Database(settings, writer, reader)
        finally:
            await reader.dispose()
            await writer.dispose()
