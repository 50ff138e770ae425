"""Brings the database to the code's revision."""

from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, name_of, unusable
from ari_app.storage.revision import Revision, revision


async def migrate(engine: AsyncEngine) -> tuple[Revision, Revision]:
    """Bring the database to the code's revision; gives where it stood and where it stands.

    All migrations happen in one transaction, or none. Raises StorageError when the database is newer than the code.
    """
    before = await revision(engine)
    if before.is_newer:
        raise StorageError(
            f"the database {name_of(engine)} was made by a newer agi-router: its revision is {before.current}, "
            f"this one knows up to {before.head}",
            "Run that newer version, or name another database in storage.url.",
        )
    if before.is_older:
        from ari_app.storage.migrations.upgrade import upgrade  # noqa: PLC0415 - alembic is spared where none is due

        try:
            async with engine.begin() as connection:
                await connection.run_sync(upgrade)
        except FAILURES as error:
            raise unusable(engine, error) from error
    return before, Revision(before.head, before.known)
