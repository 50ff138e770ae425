"""Marks which calls CRMs are to be told more of, in the transaction of what has become of the calls.

A mark says only that there is something: what it is stands in the call's record, and how far the CRM has been told in
the activity's row. While no CRM wants to be told of calls nothing is written and nothing is asked.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final

from sqlalchemy import Insert, bindparam, case, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ari_app.domain import events as e
from ari_app.domain.activities import NEEDS_A_PERSON, ActivityState
from ari_app.domain.events import CallEvent
from ari_app.domain.record import CallRecord
from ari_app.storage.schema import UtcDateTime, calls
from ari_app.storage.schema import crm_activities as table

_BEGINS: Final = (e.CallArrived, e.CallRequested)
_GOES_ON: Final = (
    *(e.CallAnswered, e.QueueAnswered, e.Transferred),
    *(e.CallEnded, e.SentToDialplan),
)
_IS_LEFT_BEHIND: Final = (e.ContactFound, e.ContactNotFound, e.RecordingStored, e.VoicemailLeft)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Of which calls a CRM wants to be told. So long it waits for the contact, which then goes with the creation."""

    directions: frozenset[str]
    waits: timedelta = timedelta()


@dataclass(slots=True)
class Marks:
    """What of one commit CRMs may be to know: records of calls, by what has happened to them."""

    records: dict[str, CallRecord] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    gone_on: set[str] = field(default_factory=set)

    def note(self, record: CallRecord, event: CallEvent | None) -> None:
        """This event has led to this record."""
        if isinstance(event, _BEGINS):
            self.begun.add(record.call_id)
        elif isinstance(event, _GOES_ON):
            self.gone_on.add(record.call_id)
        elif not isinstance(event, _IS_LEFT_BEHIND):
            if record.call_id in self.records:
                self.records[record.call_id] = record
            return
        self.records[record.call_id] = record


class ActivityMarker:
    """Puts marks where those look who tell CRMs. `wishes` are by the names of connectors."""

    def __init__(self) -> None:
        self.wishes: Mapping[str, Wish] = {}
        self._bell = asyncio.Event()

    @property
    def bell(self) -> asyncio.Event:
        """Rings when marks were committed: take it, look for what is due, then wait for it. Each rings once."""
        return self._bell

    def ring(self) -> None:
        """Marks are on the disk: whoever waits for some looks now."""
        self._bell.set()
        self._bell = asyncio.Event()

    async def mark(self, connection: AsyncConnection, marks: Marks) -> bool:
        """Within the caller's transaction, when the calls' rows are written; whether that was anything."""
        if not self.wishes or not marks.records:
            return False
        taken_over = {record.channel_id: id_ for id_, record in marks.records.items() if id_ in marks.begun}
        await _take_over(connection, taken_over)
        news = [record for id_, record in marks.records.items() if id_ in marks.begun | marks.gone_on]
        later = [record for id_, record in marks.records.items() if id_ not in marks.begun | marks.gone_on]
        await self._put(connection, news)
        await self.mark_known(connection, [record.call_id for record in later])
        return True

    async def mark_standing(self, connection: AsyncConnection, record: CallRecord) -> None:
        """This is how a call stands that has no events."""
        await self._put(connection, [record])
        if any(record.direction.value not in wish.directions for wish in self.wishes.values()):
            await self.mark_known(connection, [record.call_id])  # it was taken for another one when it began

    async def mark_known(self, connection: AsyncConnection, call_ids: Sequence[str]) -> None:
        """There is more to tell of these calls to CRMs that were told of them; to others there is not."""
        if self.wishes and call_ids:
            now = datetime.now(UTC)
            await connection.execute(_MARK, [{"of_call": call_id, "moment": now} for call_id in call_ids])

    async def join(self, connection: AsyncConnection, call_id: str, into: str) -> None:
        """This call is a part of that one: what CRMs were told of it goes on as that one's."""
        if self.wishes:
            given = {"old": call_id, "new": into}
            await connection.execute(_DROP_UNTOLD, given)
            await connection.execute(_MOVE, given)
            await connection.execute(_DROP_PENDING, {"old": call_id})

    async def _put(self, connection: AsyncConnection, records: Iterable[CallRecord]) -> None:
        rows = list(self._rows(records))
        if rows:
            await connection.execute(_put(connection.dialect.name), rows)

    def _rows(self, records: Iterable[CallRecord]) -> Iterable[dict[str, Any]]:
        now = datetime.now(UTC)
        for record in records:
            for connector, wish in self.wishes.items():
                if record.direction.value not in wish.directions:
                    continue
                is_known = record.contact(connector) is not None or record.ended_at is not None
                yield {
                    "connector": connector,
                    "call_id": record.call_id,
                    "reference": record.call_id,
                    "state": ActivityState.PENDING.value,
                    "activity_id": "",
                    "told": {},
                    "given": {},
                    "doing": "",
                    "revision": 0,
                    "due_at": now if is_known else now + wish.waits,
                    "attempts": 0,
                    "error": "",
                    "created_at": now,
                }


async def _take_over(connection: AsyncConnection, channels: Mapping[str, str]) -> None:
    """What the CRM was told of a call while Asterisk alone carried it is told on as the router's."""
    for channel_id, call_id in channels.items():
        if channel_id:
            await connection.execute(_TAKE_OVER, {"channel": channel_id, "new": call_id})


async def delete_activities_of(connection: AsyncConnection, call_ids: Collection[str]) -> None:
    """Forget what CRMs were told of these calls, and tell them nothing more."""
    await connection.execute(delete(table).where(table.c.call_id.in_(call_ids)))


async def mask_activities_of(connection: AsyncConnection, call_ids: Collection[str]) -> None:
    """Forget the texts in which numbers of these calls may stand."""
    await connection.execute(update(table).where(table.c.call_id.in_(call_ids)).values(given={}, error=""))


_IS_DISMISSED: Final = table.c.state == ActivityState.DISMISSED.value
_NEEDS_A_PERSON: Final = or_(*(table.c.state == state.value for state in sorted(NEEDS_A_PERSON)))
_IS_LOST: Final = (table.c.activity_id == "") & _NEEDS_A_PERSON


def _due_again(moment: Any, first: Any) -> Any:
    """When there is more to tell; `first` of what the CRM does not have.

    What is claimed, or waits for its next attempt, comes by itself; of what needs a person nothing does.
    """
    return case(
        (
            _IS_DISMISSED | _IS_LOST | table.c.claimed_by.is_not(None) | table.c.failing_since.is_not(None),
            table.c.due_at,
        ),
        (table.c.due_at.is_(None), moment),
        (table.c.due_at > first, first),
        else_=table.c.due_at,
    )


_puts: dict[str, Insert] = {}


def _put(dialect: str) -> Insert:
    """A row, or a mark on the one that is there; in the words of each database."""
    if dialect not in _puts:
        new = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
        changed = {"revision": table.c.revision + 1, "due_at": _due_again(new.excluded.created_at, new.excluded.due_at)}
        _puts[dialect] = new.on_conflict_do_update(index_elements=[table.c.connector, table.c.call_id], set_=changed)
    return _puts[dialect]


_MOMENT: Final = bindparam("moment", type_=UtcDateTime())
_MARK: Final = (
    update(table)
    .where(table.c.call_id == bindparam("of_call"))
    .values(revision=table.c.revision + 1, due_at=_due_again(_MOMENT, _MOMENT))
)
_OLD: Final = table.c.call_id == bindparam("old")
_OTHER: Final = table.alias("other")
_HAS_OTHER: Final = exists().where(_OTHER.c.connector == table.c.connector, _OTHER.c.call_id == bindparam("new"))
_OF_CHANNEL: Final = (
    select(calls.c.call_id)
    .where(calls.c.channel_id == bindparam("channel"), calls.c.source != "router")
    .order_by(calls.c.first_event_at.desc())
    .limit(1)
    .scalar_subquery()
)
_TAKE_OVER: Final = update(table).where(table.c.call_id == _OF_CHANNEL, ~_HAS_OTHER).values(call_id=bindparam("new"))
_WAS_TOLD: Final = exists().where(
    _OTHER.c.connector == table.c.connector,
    _OTHER.c.call_id == bindparam("old"),
    _OTHER.c.state != ActivityState.PENDING.value,
)
_IS_UNTOLD: Final = (table.c.state == ActivityState.PENDING.value) & table.c.claimed_by.is_(None)
_DROP_UNTOLD: Final = delete(table).where(table.c.call_id == bindparam("new"), _IS_UNTOLD, _WAS_TOLD)
_MOVE: Final = update(table).where(_OLD, ~_HAS_OTHER).values(call_id=bindparam("new"))
_DROP_PENDING: Final = delete(table).where(_OLD, _IS_UNTOLD)
