"""The history of real databases, against a model in plain Python: filters, order, pages, and new calls between them."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import insert

from ari_app.domain.history import CallFilter, HistoryError, Order, Page, Paging, PartEntry, period_of
from ari_app.domain.parts import CallPart, PartKind
from ari_app.domain.record import CallRecord, Direction, Disposition
from ari_app.storage.codec import part_to_row, record_to_row
from ari_app.storage.cursor import Cursor
from ari_app.storage.history import StoredHistory
from ari_app.storage.schema import call_parts, calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings

START = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NUMBERS = ("+14155550101", "+14155550102", "0049301", "100", "")
NAMES = {PartKind.USER: ("ada", "bob"), PartKind.TEAM: ("sales", "support"), PartKind.QUEUE: ("support", "vip")}
Item = TypeVar("Item", CallRecord, PartEntry)


@dataclass(frozen=True)
class Told:
    """A call as it is in the database."""

    record: CallRecord
    first_event_at: datetime
    parts: tuple[CallPart, ...]


def invented(dice: random.Random, number: int) -> Told:
    # Few moments, so that many calls share one: their ids decide then.
    began = START + timedelta(minutes=30 * dice.randrange(24))
    record = CallRecord(
        call_id=f"{dice.choice(['pbx-', '2026-', ''])}{dice.randrange(10**6):06}-{number}",
        route=dice.choice(["sales", ""]),
        caller_number=dice.choice(NUMBERS),
        called_number=dice.choice(NUMBERS),
        destination_type=dice.choice(["user", "external"]),
        destination=dice.choice(NUMBERS),
        started_at=began,
        ended_at=began + timedelta(seconds=60),
        disposition=dice.choice(list(Disposition)),
        direction=dice.choice(list(Direction)),
        source=dice.choice(["router", "cel", "cdr"]),
    )
    parts = []
    for _ in range(dice.randrange(4)):
        kind = dice.choice(list(PartKind))
        part = CallPart(
            kind=kind,
            name=dice.choice(NAMES[kind]),
            began_at=began + timedelta(seconds=10 * dice.randrange(3)),
            ended_at=began + timedelta(seconds=60),
            outcome="no_answer",
            direction=record.direction,
        )
        parts.append(part)
    return Told(record, began, tuple(parts))


INVENTED = tuple(invented(random.Random(f"call {number}"), number) for number in range(150))
CALL_IDS = ("none", *(call.record.call_id for call in INVENTED[:20]))


async def put(database: Database, told: Sequence[Told]) -> None:
    parts = [
        part_to_row(call.record.call_id, number, part)
        for call in told
        for number, part in enumerate(call.parts, start=1)
    ]
    async with database.writer.begin() as connection:
        await connection.execute(insert(calls), [record_to_row(call.record, call.first_event_at) for call in told])
        await connection.execute(insert(call_parts), parts)


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        await put(opened, INVENTED)
        yield opened


@pytest.fixture
async def history(database: Database) -> StoredHistory:
    return StoredHistory(database.reader)


def some(values: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), max_size=2).map(tuple))


DAYS = st.one_of(st.none(), st.sampled_from([date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30)]))
MOMENTS = st.one_of(DAYS, st.integers(0, 24).map(lambda half_hours: START + timedelta(minutes=30 * half_hours)))


@st.composite
def filters(draw: st.DrawFn) -> CallFilter:
    try:
        period = period_of(draw(MOMENTS), draw(MOMENTS), BERLIN)
    except HistoryError:
        period = period_of(None, None, BERLIN)
    return CallFilter(
        period=period,
        call_ids=draw(some(CALL_IDS)),
        users=draw(some(NAMES[PartKind.USER])),
        teams=draw(some(NAMES[PartKind.TEAM])),
        queues=draw(some(NAMES[PartKind.QUEUE])),
        numbers=draw(some(NUMBERS[:-1])),
        directions=draw(some(list(Direction))),  # type: ignore[arg-type]
        dispositions=draw(some(list(Disposition))),  # type: ignore[arg-type]
        sources=draw(some(["router", "cel", "cdr"])),
    )


def is_wanted(call: Told, wanted: CallFilter, moment: datetime, but: PartKind | None = None) -> bool:
    record, period = call.record, wanted.period
    took_part = {kind: {part.name for part in call.parts if part.kind is kind} for kind in PartKind}
    names = {PartKind.USER: wanted.users, PartKind.TEAM: wanted.teams, PartKind.QUEUE: wanted.queues}
    outside = record.destination if record.destination_type == "external" else None
    return (
        (period.since is None or moment >= period.since)
        and (period.before is None or moment < period.before)
        and all(not names[kind] or took_part[kind] & set(names[kind]) for kind in PartKind if kind is not but)
        and (not wanted.call_ids or record.call_id in wanted.call_ids)
        and (not wanted.numbers or bool({record.caller_number, record.called_number, outside} & set(wanted.numbers)))
        and (not wanted.directions or record.direction in wanted.directions)
        and (not wanted.dispositions or record.disposition in wanted.dispositions)
        and (not wanted.sources or record.source in wanted.sources)
    )


def expected_calls(wanted: CallFilter, order: Order) -> list[str]:
    found = [call for call in INVENTED if is_wanted(call, wanted, call.first_event_at)]
    found.sort(key=lambda call: (call.first_event_at, call.record.call_id), reverse=order is Order.NEWEST_FIRST)
    return [call.record.call_id for call in found]


def expected_parts(kind: PartKind, wanted: CallFilter, order: Order) -> list[tuple[str, int]]:
    names = {PartKind.USER: wanted.users, PartKind.TEAM: wanted.teams, PartKind.QUEUE: wanted.queues}[kind]
    found = [
        (part.began_at, call.record.call_id, number)
        for call in INVENTED
        for number, part in enumerate(call.parts, start=1)
        if part.kind is kind and (not names or part.name in names) and is_wanted(call, wanted, part.began_at, kind)
    ]
    return [(call_id, number) for _, call_id, number in sorted(found, reverse=order is Order.NEWEST_FIRST)]


@dataclass(frozen=True)
class Walk:
    """How all pages are read: from this one on, by offset or by cursor."""

    first: Paging
    by_offset: bool


def pagings() -> st.SearchStrategy[Walk]:
    first = st.builds(Paging, order=st.sampled_from(Order), limit=st.integers(5, 60), is_counted=st.booleans())
    return st.builds(Walk, first, st.booleans())


async def walked(page: Callable[[Paging], Awaitable[Page[Item]]], how: Walk) -> tuple[list[Item], set[int]]:
    """All pages, one after the other, and the totals that they told."""
    items: list[Item] = []
    totals = set()
    paging = how.first
    while True:
        shown = await page(paging)
        assert len(shown.items) <= paging.limit
        items += shown.items
        totals.add(shown.total)
        if shown.next is None:
            return items, totals
        assert len(shown.items) == paging.limit
        paging = replace(paging, offset=len(items)) if how.by_offset else replace(paging, cursor=shown.next)


WITH_A_DATABASE = examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(filters(), pagings())
@WITH_A_DATABASE
async def test_pages_of_calls_are_those_of_the_model(history: StoredHistory, wanted: CallFilter, how: Walk) -> None:
    order = how.first.order
    expected = expected_calls(wanted, order)
    items, totals = await walked(lambda paging: history.calls(wanted, paging), how)
    assert [item.call_id for item in items] == expected
    assert totals == {len(expected) if how.first.is_counted else 0}
    assert [call.call_id async for call in history.every_call(wanted, order)] == expected


@given(st.sampled_from(PartKind), filters(), pagings())
@WITH_A_DATABASE
async def test_pages_of_parts_are_those_of_the_model(
    history: StoredHistory, kind: PartKind, wanted: CallFilter, how: Walk
) -> None:
    order = how.first.order
    expected = expected_parts(kind, wanted, order)
    items, totals = await walked(lambda paging: history.parts(kind, wanted, paging), how)
    assert [(item.call_id, item.number) for item in items] == expected
    assert totals == {len(expected) if how.first.is_counted else 0}
    whole = [(entry.call_id, entry.number) async for entry in history.every_part(kind, wanted, order)]
    assert whole == expected


async def test_a_part_is_told_beside_its_call(history: StoredHistory) -> None:
    by_id = {call.record.call_id: call for call in INVENTED}
    page = await history.parts(PartKind.USER, CallFilter(), Paging(limit=1000))
    for entry in page.items:
        call = by_id[entry.call_id]
        assert entry.part == call.parts[entry.number - 1]
        of_call = (entry.route, entry.caller_number, entry.called_number, entry.disposition, entry.source)
        record = call.record
        assert of_call == (
            record.route,
            record.caller_number,
            record.called_number,
            record.disposition,
            record.source,
        )


async def test_calls_that_come_meanwhile_move_no_page(history: StoredHistory, database: Database) -> None:
    first = await history.calls(CallFilter(), Paging(limit=50))
    newer = [
        Told(CallRecord(call_id=f"newer-{number}"), START + timedelta(days=1, minutes=number), ())
        for number in range(7)
    ]
    async with database.writer.begin() as connection:
        await connection.execute(insert(calls), [record_to_row(call.record, call.first_event_at) for call in newer])
    assert first.next is not None
    second = await history.calls(CallFilter(), Paging(limit=50, cursor=first.next))
    expected = expected_calls(CallFilter(), Order.NEWEST_FIRST)
    assert [call.call_id for call in (*first.items, *second.items)] == expected[:100]
    assert second.total == first.total == len(INVENTED)


async def test_a_whole_history_longer_than_a_batch_comes_whole(
    history: StoredHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for batch in (1, 7, 150, 151):
        monkeypatch.setattr("ari_app.storage.history.BATCH", batch)
        told = [call.call_id async for call in history.every_call(CallFilter(), Order.OLDEST_FIRST)]
        assert told == expected_calls(CallFilter(), Order.OLDEST_FIRST)


CURSOR_OF = CallFilter(directions=(Direction.INBOUND,))


@given(st.data())
@WITH_A_DATABASE
async def test_a_cursor_that_was_tampered_with_is_told_and_never_asked(
    history: StoredHistory, data: st.DataObject
) -> None:
    page = await history.calls(CURSOR_OF, Paging(limit=5))
    assert page.next is not None
    place = data.draw(st.integers(0, len(page.next) - 1))
    other = data.draw(st.characters())
    tampered = page.next[:place] + other + page.next[place + 1 :]
    if tampered == page.next:
        return
    with pytest.raises(HistoryError) as refused:
        await history.calls(CURSOR_OF, Paging(limit=5, cursor=tampered))
    assert refused.value.code == "bad_cursor"


@pytest.mark.parametrize(("ours", "other"), [("-", "+"), ("_", "/")])
def test_a_cursor_that_is_written_in_another_way_is_not_taken(ours: str, other: str) -> None:
    texts = (Cursor(START, "call", number, 1).text("a question") for number in range(1000))
    text = next(text for text in texts if ours in text)
    assert Cursor.read(text, "a question").call_id == "call"
    for another in (text.replace(ours, other), f"{text}="):
        with pytest.raises(HistoryError):
            Cursor.read(another, "a question")


@pytest.mark.parametrize("cursor", ["x", "ä", "AAAA", "=" * 9, "\0"])
async def test_what_is_no_cursor_is_told(history: StoredHistory, cursor: str) -> None:
    with pytest.raises(HistoryError, match="cursor"):
        await history.calls(CallFilter(), Paging(cursor=cursor))


async def test_a_cursor_leads_on_in_its_own_question_only(history: StoredHistory) -> None:
    page = await history.calls(CURSOR_OF, Paging(limit=5))
    assert page.next is not None
    for wanted, order in ((CallFilter(), Order.NEWEST_FIRST), (CURSOR_OF, Order.OLDEST_FIRST)):
        with pytest.raises(HistoryError, match="another question"):
            await history.calls(wanted, Paging(limit=5, order=order, cursor=page.next))
    with pytest.raises(HistoryError, match="another question"):
        await history.parts(PartKind.USER, CURSOR_OF, Paging(limit=5, cursor=page.next))
    wider = await history.calls(CURSOR_OF, Paging(limit=7, cursor=page.next))
    assert len(list(islice(wider.items, 7))) == 7
