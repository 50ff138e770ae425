"""The events of all calls by their positions, as the only writer gives them: one order, for ever, over restarts.

A position is given in the transaction that writes its event, so what is read up to the last one is all there is: no
event comes in before it later. The last position has a row of its own: the newest events may be deleted, and their
positions must not come again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, Self

from sqlalchemy import Text, bindparam, cast, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain import events as e
from ari_app.domain.event_log import EVERY_EVENT, EventFilter, LoggedEvent
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.schema import call_events, event_positions
from ari_app.storage.uncut import uncut

_NAMES_A_USER: Final = tuple(kind.__name__ for kind in (e.CallRequested, e.LegDialled, e.LegJoined, e.QueueAnswered))
"""Events by whose `user` somebody takes part in a call."""

_LAST = select(event_positions.c.last)
_GONE = select(event_positions.c.gone)
_ADVANCE = update(event_positions).values(last=bindparam("position"))


async def last_position(connection: AsyncConnection) -> int:
    """The last position that was given; 0 before the first event."""
    return int((await connection.execute(_LAST)).scalar_one())


async def advance(connection: AsyncConnection, position: int) -> None:
    """Positions up to this one are given, in the transaction that writes their events."""
    await connection.execute(_ADVANCE, {"position": position})


class StoredEvents:
    """Reads them. Every method raises StorageError when the database fails."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @uncut
    async def gone(self) -> int:
        """The last position of the events that were deleted for their age; 0 when none were."""
        try:
            async with self._engine.connect() as connection:
                return int((await connection.execute(_GONE)).scalar_one())
        except FAILURES as error:
            raise unusable(self._engine, error) from error

    @uncut
    async def between(
        self, after: int, upto: int, limit: int, wanted: EventFilter = EVERY_EVENT
    ) -> Sequence[LoggedEvent]:
        """The first `limit` events after one position and up to another. Of `wanted` the users are not looked at."""
        position, call_id = call_events.c.position, call_events.c.call_id
        query = (
            select(position, call_id, *(call_events.c[name] for name in ("seq", "at", "type")), _DATA)
            .where(position > after, position <= upto)
            .order_by(position)
            .limit(limit)
        )
        if wanted.calls:
            query = query.where(call_id.in_(wanted.calls))
        if wanted.types:
            query = query.where(call_events.c.type.in_(wanted.types))
        try:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query)).all()
                taking_part = await _TakingPart.of(connection, {row.call_id for row in rows})
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        return [
            LoggedEvent(
                position=row.position,
                call_id=row.call_id,
                seq=row.seq,
                at=row.at,
                type=row.type,
                data=row.data,
                users=taking_part.by(row.call_id, row.seq),
            )
            for row in rows
        ]


_DATA = cast(call_events.c.data, Text).label("data")


class _TakingPart:
    """Since which event of a call each user takes part in it."""

    def __init__(self, since: Mapping[str, Sequence[tuple[int, str]]]) -> None:
        self._since = since

    @classmethod
    async def of(cls, connection: AsyncConnection, call_ids: set[str]) -> Self:
        user = call_events.c.data["user"].as_string().label("user")
        query = select(call_events.c.call_id, call_events.c.seq, user).where(
            call_events.c.call_id.in_(call_ids), call_events.c.type.in_(_NAMES_A_USER)
        )
        since = defaultdict(list)
        for row in await connection.execute(query):
            if row.user:
                since[row.call_id].append((row.seq, row.user))
        return cls(since)

    def by(self, call_id: str, seq: int) -> frozenset[str]:
        return frozenset(user for since, user in self._since.get(call_id, ()) if since <= seq)
