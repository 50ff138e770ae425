"""Brings the database to the code's revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.storage.errors import StorageError
from ari_app.storage.revision import Revision, revision, unusable


async def migrate(engine: AsyncEngine) -> tuple[Revision, Revision]:
    """Bring the database to the code's revision; gives where it stood and where it stands.

    All migrations happen in one transaction, or none. Raises StorageError when the database is newer than the code.
    """
    before = await revision(engine)
    if before.is_newer:
        raise StorageError(
            f"the database {engine.url.database} was made by a newer agi-router: its revision is {before.current}, "
            f"this one knows up to {before.head}",
            "Run that newer version, or name another database in storage.url.",
        )
    if before.is_older:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_upgrade)
        except DBAPIError as error:
            raise unusable(engine, error) from error
    return before, Revision(before.head, before.known)


def migration_config(connection: Connection) -> Config:
    """Alembic's configuration for this connection, without an alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(migration_config(connection), "head")
