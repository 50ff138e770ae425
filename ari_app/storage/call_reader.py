"""What the log tells: one call, the newest ones, the open ones. Reads committed events only, beside any writer."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from agi_router.routing.last_agent import Talk
from ari_app.domain.call_log import StoredEvent
from ari_app.domain.events import CallEvent
from ari_app.domain.parts import CallPart
from ari_app.domain.record import CallRecord, Direction, fold
from ari_app.storage.codec import restore, row_to_part, row_to_record
from ari_app.storage.database import reading_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.revision import revision
from ari_app.storage.schema import call_events, call_parts, calls
from ari_app.storage.settings import StorageSettings
from ari_app.storage.uncut import uncut

_LAST_TALK = (
    select(calls)
    .where(calls.c.agent == bindparam("agent"), calls.c.answered_at.is_not(None), calls.c.ended_at.is_not(None))
    .order_by(calls.c.ended_at.desc())
    .limit(1)
)


class StoredCalls:
    """Implements `ari_app.domain.call_log.CallReader`. Every method raises StorageError when the database fails."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open_calls(self) -> Sequence[CallRecord]:
        """The router's calls that have no end on record, oldest first."""
        is_open = calls.c.ended_at.is_(None) & (calls.c.source == "router")
        return await self._records(select(calls).where(is_open).order_by(calls.c.first_event_at))

    async def recent(self, limit: int) -> Sequence[CallRecord]:
        """The newest calls first."""
        return await self._records(select(calls).order_by(calls.c.first_event_at.desc()).limit(limit))

    @uncut
    async def last_talks(self, agents: Collection[str]) -> Sequence[CallRecord]:
        """Of each of these users the last call that he answered and that has ended; of who has none nothing."""
        try:
            async with self._engine.connect() as connection:
                rows = [(await connection.execute(_LAST_TALK, {"agent": agent})).mappings().first() for agent in agents]
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        return [row_to_record({str(name): value for name, value in row.items()}) for row in rows if row]

    @uncut
    async def last_talk(self, caller_numbers: Collection[str], since: datetime) -> Talk | None:
        """Implements `agi_router.routing.last_agent.TalkLog`: withheld callers have no number here."""
        outbound = calls.c.direction == Direction.OUTBOUND.value
        with_caller = ~outbound & calls.c.caller_number.in_(caller_numbers)
        with_customer = outbound & calls.c.called_number.in_(caller_numbers) & calls.c.answered_at.is_not(None)
        query = (
            select(calls.c.agent, calls.c.ended_at)
            .where(with_caller | with_customer, calls.c.agent != "", calls.c.ended_at >= since)
            .order_by(calls.c.ended_at.desc())
            .limit(1)
        )
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(query)).first()
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        return None if row is None else Talk(row.agent, row.ended_at)

    async def matching(self, part: str, limit: int) -> Sequence[CallRecord]:
        """The calls whose id, or the random part of whose id after its dash, starts with this; newest first."""
        starts = calls.c.call_id.startswith(part, autoescape=True)
        random_part_starts = calls.c.call_id.contains(f"-{part}", autoescape=True)
        query = select(calls).where(starts | random_part_starts).order_by(calls.c.first_event_at.desc()).limit(limit)
        return await self._records(query)

    async def record(self, call_id: str) -> CallRecord | None:
        """One call, folded from all its events; None when it is unknown."""
        happened = await self.trace(call_id)
        return fold(call_id, happened) if happened else None

    async def entry(self, call_id: str) -> CallRecord | None:
        """One call as the history has it, also one that the router had nothing to do with; None when it is unknown."""
        found = await self._records(select(calls).where(calls.c.call_id == call_id))
        return found[0] if found else None

    @uncut
    async def parts(self, call_id: str) -> Sequence[CallPart]:
        """Who took part in it, in the order in which they came."""
        query = select(call_parts).where(call_parts.c.call_id == call_id).order_by(call_parts.c.part)
        try:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query)).mappings().all()
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        return [row_to_part({str(name): value for name, value in row.items()}) for row in rows]

    async def trace(self, call_id: str) -> Sequence[CallEvent]:
        """All events of one call in their order, without those that only a newer version understands."""
        return [stored.event for stored in await self.history(call_id) if stored.event is not None]

    @uncut
    async def history(self, call_id: str) -> Sequence[StoredEvent]:
        """All events of one call in their order, as they are stored."""
        query = select(call_events).where(call_events.c.call_id == call_id).order_by(call_events.c.seq)
        try:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query)).all()
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        return [restore(row.at, row.type, row.data) for row in rows]

    @uncut
    async def _records(self, query: Select[*tuple[object, ...]]) -> Sequence[CallRecord]:
        try:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query)).mappings().all()
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        return [row_to_record({str(name): value for name, value in row.items()}) for row in rows]


@asynccontextmanager
async def read_calls(settings: StorageSettings) -> AsyncIterator[StoredCalls]:
    """Open the log for reading only, beside a running router or without one. Raises StorageError with the reason."""
    async with reading(settings) as engine:
        yield StoredCalls(engine)


@asynccontextmanager
async def reading(settings: StorageSettings) -> AsyncIterator[AsyncEngine]:
    """An engine for it, until the block ends. Raises StorageError as `read_calls` does."""
    engine = reading_engine(settings)
    try:
        stands = await revision(engine)
        if stands.is_older:
            raise StorageError(
                f"the database {settings.name} is at revision {stands.current or 'none'}, "
                f"this agi-router reads {stands.head}",
                "Bring it up to date: agi-router db upgrade (a starting router does it by itself).",
            )
        yield engine
    finally:
        await engine.dispose()
