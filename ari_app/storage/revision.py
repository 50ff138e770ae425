"""Where the database stands among the code's revisions. Asked by every reader, so without alembic's long import."""

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.migrations import REVISIONS


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
    except FAILURES as error:
        raise unusable(engine, error) from error


def _revision(connection: Connection) -> Revision:
    migrated = inspect(connection).has_table("alembic_version")
    current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if migrated else None
    return Revision(current, REVISIONS)
