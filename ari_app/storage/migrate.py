"""Brings the database to the code's revision, and tells where it stands."""

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class Revision:
    """Where a database stands: `current` is None before the first migration, `known` are this code's, oldest first."""

    current: str | None
    known: tuple[str, ...]

    @property
    def head(self) -> str:
        """The revision that this code writes."""
        return self.known[-1]

    @property
    def is_newer(self) -> bool:
        """Whether a newer version of the code made the database."""
        return self.current is not None and self.current not in self.known

    @property
    def is_older(self) -> bool:
        """Whether a migration is due."""
        return self.current != self.head and not self.is_newer


async def revision(engine: AsyncEngine) -> Revision:
    """Where the database stands. Raises StorageError when it cannot be read."""
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_revision)
    except DBAPIError as error:
        raise _unusable(engine, error) from error


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
            raise _unusable(engine, error) from error
    return before, Revision(before.head, before.known)


def migration_config(connection: Connection) -> Config:
    """Alembic's configuration for this connection, without an alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(migration_config(connection), "head")


def _revision(connection: Connection) -> Revision:
    scripts = ScriptDirectory.from_config(migration_config(connection))
    newest_first = [script.revision for script in scripts.walk_revisions()]
    current = MigrationContext.configure(connection).get_current_revision()
    return Revision(current, tuple(reversed(newest_first)))


def _unusable(engine: AsyncEngine, error: DBAPIError) -> StorageError:
    return StorageError(
        f"the database {engine.url.database} cannot be used: {error.orig}",
        "Is it an SQLite file of agi-router, may this user write beside it (be the router's user, or root), "
        "is the disk full, does another program hold it locked?",
    )
