"""The calls to numbers outside of the last day, so that the dial policy counts on after a restart. Written behind."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from agi_router.routing.outgoing import Outgoing, OutgoingCall
from ari_app.storage.database import reading_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, reason
from ari_app.storage.schema import outgoing_calls
from ari_app.storage.serving import Database
from ari_app.storage.settings import StorageSettings
from ari_app.storage.upsert import upsert
from ari_app.storage.write_behind import WriteBehind

GATHER_S: Final = 0.2
"""A killed router forgets at most what was dialled in this time."""

KEPT: Final = timedelta(days=1)
"""No window is longer."""


class OutgoingJournal:
    """Implements `agi_router.routing.outgoing.Journal`. Made by `open_outgoing`."""

    def __init__(self, database: Database) -> None:
        self._writer = database.writer
        self._reader = database.reader
        self.rows: WriteBehind[Outgoing] = WriteBehind("counts of the dial policy", self._commit, gather_s=GATHER_S)

    def keep(self, outgoing: Outgoing) -> None:
        """See the protocol."""
        self.rows.put(outgoing.call.id, outgoing)

    async def kept(self) -> Sequence[Outgoing]:
        """What is committed of the last day. Raises StorageError."""
        return await _kept(self._reader)

    async def flush(self) -> None:
        """Wait until all is committed."""
        await self.rows.flush()

    async def _commit(self, batch: Mapping[str, Outgoing], is_prune_due: bool) -> None:
        rows = list(map(_columns, batch.values()))
        async with self._writer.begin() as connection:
            if rows:
                await connection.execute(_PUT.on(connection), rows)
            if is_prune_due:
                too_old = outgoing_calls.c.ended_at <= datetime.now(UTC) - KEPT
                await connection.execute(delete(outgoing_calls).where(too_old))


@asynccontextmanager
async def open_outgoing(database: Database) -> AsyncIterator[OutgoingJournal]:
    """Keep outgoing calls in the background until the block ends; then all is committed, unless that takes long."""
    journal = OutgoingJournal(database)
    async with journal.rows.running():
        yield journal


async def read_outgoing(settings: StorageSettings) -> Sequence[Outgoing]:
    """What is kept, beside a running router too. Raises StorageError when there is no database, or a broken one."""
    reader = reading_engine(settings)
    try:
        return await _kept(reader)
    finally:
        await reader.dispose()


async def _kept(reader: AsyncEngine) -> Sequence[Outgoing]:
    table = outgoing_calls
    counts = or_(table.c.ended_at.is_(None), table.c.ended_at > datetime.now(UTC) - KEPT)
    try:
        async with reader.connect() as connection:
            rows = (await connection.execute(select(table).where(counts))).all()
    except FAILURES as error:
        raise StorageError(
            f"the calls that the dial policy counts cannot be read: {reason(error)}",
            "Look after the disk and the database: agi-router doctor",
        ) from error
    return [
        Outgoing(
            call=OutgoingCall(row.id, row.number, row.route, row.api_key),
            is_counted=row.is_counted,
            admitted_at=row.admitted_at,
            expires_at=row.expires_at,
            answered_at=row.answered_at,
            ended_at=row.ended_at,
            talk_s=row.talk_s,
        )
        for row in rows
    ]


def _columns(outgoing: Outgoing) -> dict[str, Any]:
    call = outgoing.call
    return {
        "id": call.id,
        "number": call.number,
        "route": call.route,
        "api_key": call.key,
        "is_counted": outgoing.is_counted,
        "admitted_at": outgoing.admitted_at,
        "expires_at": outgoing.expires_at,
        "answered_at": outgoing.answered_at,
        "ended_at": outgoing.ended_at,
        "talk_s": outgoing.talk_s,
    }


_PUT = upsert(outgoing_calls, ("expires_at", "answered_at", "ended_at", "talk_s"))
