"""The gaps of the history, and the marks by which one is found after a stop of the router, or its sudden end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain.gaps import Gap
from ari_app.storage.database import reading_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, reason
from ari_app.storage.schema import history_gaps, history_marks
from ari_app.storage.settings import StorageSettings
from ari_app.storage.uncut import uncut

AMI: Final = "ami"


class StoredGaps:
    """Implements `ari_app.domain.gaps.Gaps`. Every method raises StorageError when the database fails."""

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine | None = None) -> None:
        self._reader = reader
        self._writer = writer or reader

    @uncut
    async def gaps(
        self, since: datetime | None = None, before: datetime | None = None, limit: int = 1000
    ) -> Sequence[Gap]:
        """See the protocol."""
        table = history_gaps
        query = select(table).order_by(table.c.began_at.desc(), table.c.id.desc()).limit(limit)
        if since is not None:
            query = query.where(or_(table.c.ended_at.is_(None), table.c.ended_at >= since))
        if before is not None:
            query = query.where(table.c.began_at < before)
        try:
            async with self._reader.connect() as connection:
                rows = (await connection.execute(query)).all()
        except FAILURES as error:
            raise _failed("read", error) from error
        return [
            Gap(id=row.id, began_at=row.began_at, ended_at=row.ended_at, filled=row.filled, source=row.source)
            for row in rows
        ]

    async def mark(self, at: datetime) -> None:
        """Asterisk was heard at this moment."""
        try:
            async with self._writer.begin() as connection:
                await _mark(connection, at)
        except FAILURES as error:
            raise _failed("written", error) from error

    async def begin(self, at: datetime | None = None) -> None:
        """A gap goes on since this moment, else since the last mark. One that goes on already goes on."""
        try:
            async with self._writer.begin() as connection:
                if await _open(connection) is not None:
                    return
                since = at or (await connection.execute(select(history_marks.c.at))).scalar()
                if since is not None:  # else nobody has ever heard anything: there is no history to have a gap
                    row = {"began_at": since, "ended_at": None, "source": "", "filled": False}
                    await connection.execute(insert(history_gaps).values(row))
        except FAILURES as error:
            raise _failed("written", error) from error

    async def end(self, at: datetime) -> None:
        """Asterisk is heard again."""
        try:
            async with self._writer.begin() as connection:
                still = history_gaps.c.ended_at.is_(None)
                await connection.execute(update(history_gaps).where(still).values(ended_at=at))
                await _mark(connection, at)
        except FAILURES as error:
            raise _failed("written", error) from error

    async def filled(self, gap: Gap, source: str) -> None:
        """Its calls were read from this source."""
        try:
            async with self._writer.begin() as connection:
                this = history_gaps.c.id == gap.id
                await connection.execute(update(history_gaps).where(this).values(filled=True, source=source))
        except FAILURES as error:
            raise _failed("written", error) from error

    async def forget(self) -> None:
        """The PBX's calls are not wanted: what comes until they are is no gap."""
        try:
            async with self._writer.begin() as connection:
                await connection.execute(delete(history_marks))
                await connection.execute(delete(history_gaps).where(history_gaps.c.ended_at.is_(None)))
        except FAILURES as error:
            raise _failed("written", error) from error


async def read_gaps(settings: StorageSettings, limit: int) -> Sequence[Gap]:
    """The newest ones, beside a running router or without one. Raises StorageError."""
    reader = reading_engine(settings)
    try:
        return await StoredGaps(reader).gaps(limit=limit)
    finally:
        await reader.dispose()


async def _open(connection: AsyncConnection) -> int | None:
    still = select(history_gaps.c.id).where(history_gaps.c.ended_at.is_(None))
    found: int | None = (await connection.execute(still)).scalar()
    return found


async def _mark(connection: AsyncConnection, at: datetime) -> None:
    await connection.execute(delete(history_marks).where(history_marks.c.name == AMI))
    await connection.execute(insert(history_marks).values(name=AMI, at=at))


def _failed(done: str, error: Exception) -> StorageError:
    return StorageError(
        f"the gaps of the history cannot be {done}: {reason(error)}",
        "Look after the disk and the database: agi-router doctor",
    )
