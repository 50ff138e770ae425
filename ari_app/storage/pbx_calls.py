"""The PBX's other calls, written behind into the tables of the router's own: one call is one row, by whoever."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import RowMapping, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ari_app.calls.ids import owner
from ari_app.domain.notices import Notice, NoticeType
from ari_app.domain.parts import PBX_PARTS_FROM, CallPart
from ari_app.domain.pbx_merge import lost, merged
from ari_app.domain.pbx_record import PbxRecord
from ari_app.domain.pbx_telling import told_of_pbx
from ari_app.domain.record import CallRecord
from ari_app.storage.activity_marks import ActivityMarker
from ari_app.storage.codec import part_to_row, record_to_row, row_to_part, row_to_record
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.schema import call_parts, calls
from ari_app.storage.serving import Database
from ari_app.storage.write_behind import WriteBehind

GATHER_S: Final = 0.5
"""A killed router forgets at most what ended in this time, and fills it in where it can."""
CALLS_PER_COMMIT: Final = 20
"""Some 50 ms."""
OURS: Final = "router"
_ABOUT: Final = timedelta(seconds=2)
"""The caller's channel is a little older than the router's call, and AMI does not wait for what ARI tells."""
_LONGEST_ID: Final = 64
_MANY: Final = 200
"""Channels of one call that are looked up among the router's: a call has one or two of a caller."""


@dataclass(frozen=True, slots=True)
class Told:
    """A record as it comes. From a table (`filled`) it adds what is missing; what was seen whole is left alone."""

    call: PbxRecord
    filled: bool = False


@dataclass(frozen=True, slots=True)
class _Own:
    """A call of the router's: from when to when it tells of it all by itself."""

    call_id: str
    since: datetime
    until: datetime | None

    parts: tuple[CallPart, ...] = ()

    def tells(self, part: CallPart) -> bool:
        """Whether the part is in the router's record, or can't be anywhere else."""
        if any((known.kind, known.name) == (part.kind, part.name) and _is_near(known, part) for known in self.parts):
            return True
        return self.since - _ABOUT <= part.began_at and (self.until is None or part.began_at < self.until - _ABOUT)


class PbxCallLog:
    """Takes the records of `ari_app.calls.pbx_calls`. Made by `writing_pbx_calls`."""

    def __init__(
        self, database: Database, outbox: OutboxWriter | None = None, marker: ActivityMarker | None = None
    ) -> None:
        self._writer = database.writer
        self._outbox = OutboxWriter() if outbox is None else outbox
        self._marker = ActivityMarker() if marker is None else marker
        self.rows: WriteBehind[Told] = WriteBehind("calls of the PBX", self._commit, gather_s=GATHER_S)

    def keep(self, call: PbxRecord) -> None:
        """Write it; returns at once."""
        self.rows.put(call.record.linkedid, Told(call))

    async def fill(self, told: Iterable[PbxRecord]) -> int:
        """Write what a table tells of calls that were not seen whole; how many there were. Raises SQLAlchemyError."""
        await self.rows.flush()
        return await self._write([Told(call, filled=True) for call in told])

    async def close_lost(self, before: datetime, ended_at: datetime) -> None:
        """The open calls that began before are over: Asterisk has started anew. Their end was seen by nobody."""
        await self.rows.flush()
        is_left = calls.c.ended_at.is_(None) & (calls.c.source != OURS) & (calls.c.first_event_at < before)
        async with self._writer.begin() as connection:
            left = (await connection.execute(select(calls.c.call_id).where(is_left))).scalars().all()
            told = list[Notice]()
            for call_id in left:
                known = await _known(connection, call_id)
                if known is not None:
                    now = lost(known, ended_at)
                    await _put(connection, call_id, now)
                    told += self._notices(call_id, known, now)
            await self._marker.mark_known(connection, left)
            is_any = await self._outbox.put(connection, told)
        self._ring(is_any)

    async def flush(self) -> None:
        """Wait until all is committed."""
        await self.rows.flush()

    async def _commit(self, batch: Mapping[str, Told], is_prune_due: bool) -> None:  # noqa: ARG002
        await self._write(list(batch.values()))

    async def _write(self, told: Sequence[Told]) -> int:
        """Some at a time: events of the router's own calls wait for the same connection."""
        written = 0
        for first in range(0, len(told), CALLS_PER_COMMIT):
            is_any = False
            async with self._writer.begin() as connection:
                for one in told[first : first + CALLS_PER_COMMIT]:
                    is_written, notices = await self._write_one(connection, one)
                    written += is_written
                    is_any |= await self._outbox.put(connection, notices)
            self._ring(is_any)
        return written

    def _ring(self, is_told: bool) -> None:
        if is_told:
            self._outbox.ring()
        if self._marker.wishes:
            self._marker.ring()

    async def _write_one(self, connection: AsyncConnection, told: Told) -> tuple[bool, Sequence[Notice]]:
        """Whether something was written, and what others are to be told of it."""
        call = told.call
        own = await _own(connection, call.channels)
        call_id = pbx_call_id(call.record.linkedid)
        if own and call.record.ended_at is None:
            return False, ()
        known = await _known(connection, call_id)
        if own:
            await connection.execute(delete(calls).where(calls.c.call_id == call_id))
            await _add_to(connection, own, call)
            await self._marker.join(connection, call_id, own[0].call_id)
            # What was begun to be told of it ends here; the call itself is told as the router's.
            return True, self._notices(call_id, known, call, goes_on_in=own[0].call_id) if known else ()
        if known is not None and _is_known(known.record, told):
            return False, ()
        now = call
        if known is not None and not told.filled and call.record.recovered:
            now = merged(known, call)
        await _put(connection, call_id, now)
        if told.filled:  # what was missed is history by now: no CRM hears first of it
            await self._marker.mark_known(connection, [call_id])
        else:
            await self._marker.mark_standing(connection, replace(now.record, call_id=call_id))
        return True, self._notices(call_id, known, now, filled=told.filled)

    def _notices(
        self, call_id: str, known: PbxRecord | None, now: PbxRecord, *, filled: bool = False, goes_on_in: str = ""
    ) -> list[Notice]:
        if not self._outbox.receivers:
            return []
        said = list(told_of_pbx(known, now, filled=filled))
        if goes_on_in:
            is_end = NoticeType.CALL_ENDED
            said = [(at, replace(each, data={"goes_on_in": goes_on_in})) for at, each in said if each.type is is_end]
        return self._outbox.notices_of(said, replace(now.record, call_id=call_id), now.parts)


def _is_known(known: CallRecord, told: Told) -> bool:
    """Whether this adds nothing: all of the call was seen, or filled in.

    The last events of a call of a gap may come once that is over, and even filled. Of call detail records one more may
    always come.
    """
    if known.ended_at is None or known.recovered:
        return False
    return told.filled or (told.call.record.recovered and known.source == "cel")


@asynccontextmanager
async def writing_pbx_calls(
    database: Database, outbox: OutboxWriter | None = None, marker: ActivityMarker | None = None
) -> AsyncIterator[PbxCallLog]:
    """Write in the background until the block ends; then all is committed, unless that takes long.

    What these calls tell others is put into the outbox, and what CRMs are to be told of them is marked.
    """
    pbx_calls = PbxCallLog(database, outbox, marker)
    async with pbx_calls.rows.running():
        yield pbx_calls


def pbx_call_id(linkedid: str) -> str:
    """The id of a call that Asterisk alone carried."""
    call_id = f"pbx-{linkedid}"
    return call_id if len(call_id) <= _LONGEST_ID else f"pbx-{sha256(linkedid.encode()).hexdigest()[:40]}"


async def _own(connection: AsyncConnection, channels: frozenset[str]) -> list[_Own]:
    """The router's calls of these channels, the first one first."""
    owners = {of.call_id for of in map(owner, channels) if of is not None}
    is_one = or_(calls.c.call_id.in_(owners), calls.c.channel_id.in_(sorted(channels)[:_MANY]))
    query = (
        select(calls.c.call_id, calls.c.started_at, calls.c.first_event_at, calls.c.ended_at)
        .where(is_one, calls.c.source == OURS)
        .order_by(calls.c.first_event_at)
    )
    rows = (await connection.execute(query)).all()
    return [_Own(row.call_id, row.started_at or row.first_event_at, row.ended_at) for row in rows]


async def _add_to(connection: AsyncConnection, own: Sequence[_Own], call: PbxRecord) -> int:
    """The router has this call on record: what became of it before and after is added there, once."""
    ids = [of.call_id for of in own]
    await connection.execute(update(calls).where(calls.c.call_id.in_(ids)).values(linkedid=call.record.linkedid))
    is_added = call_parts.c.call_id.in_(ids) & (call_parts.c.part >= PBX_PARTS_FROM)
    await connection.execute(delete(call_parts).where(is_added))
    left = select(call_parts).where(call_parts.c.call_id.in_(ids))
    known = [(row["call_id"], _part(row)) for row in (await connection.execute(left)).mappings()]
    told = [replace(of, parts=tuple(part for call_id, part in known if call_id == of.call_id)) for of in own]
    parts = [part for part in call.parts if not any(of.tells(part) for of in told)]
    if parts:
        rows = [part_to_row(own[0].call_id, number, part) for number, part in enumerate(parts, start=PBX_PARTS_FROM)]
        await connection.execute(insert(call_parts), rows)
    return 1


async def _known(connection: AsyncConnection, call_id: str) -> PbxRecord | None:
    row = (await connection.execute(select(calls).where(calls.c.call_id == call_id))).mappings().first()
    if row is None:
        return None
    query = select(call_parts).where(call_parts.c.call_id == call_id).order_by(call_parts.c.part)
    parts = (await connection.execute(query)).mappings().all()
    record = row_to_record({str(name): value for name, value in row.items()})
    return PbxRecord(
        record=record,
        parts=tuple(map(_part, parts)),
        channels=frozenset({record.linkedid}),
    )


def _part(row: RowMapping) -> CallPart:
    return row_to_part({str(name): value for name, value in row.items()})


def _is_near(known: CallPart, part: CallPart) -> bool:
    return abs(known.began_at - part.began_at) <= 2 * _ABOUT


async def _put(connection: AsyncConnection, call_id: str, call: PbxRecord) -> None:
    await connection.execute(delete(calls).where(calls.c.call_id == call_id))  # and its parts
    record = replace(call.record, call_id=call_id)
    assert record.started_at is not None
    row = record_to_row(record, record.started_at) | {"linkedid": record.linkedid}
    await connection.execute(insert(calls).values(row))
    if call.parts:
        rows = [part_to_row(call_id, number, part) for number, part in enumerate(call.parts, start=1)]
        await connection.execute(insert(call_parts), rows)
