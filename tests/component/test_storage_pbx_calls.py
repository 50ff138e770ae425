"""The PBX's other calls in the database: beside the router's own, and joined with them where they are the same call."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest_asyncio

from ari_app.calls.pbx_calls import PbxCalls, Source
from ari_app.domain import events as e
from ari_app.domain.history import EVERY_CALL, Paging
from ari_app.domain.parts import PBX_PARTS_FROM, PartKind
from ari_app.domain.pbx_events import PbxEvent
from ari_app.domain.pbx_record import PbxRecord
from ari_app.domain.record import Direction, Disposition
from ari_app.storage.call_log import writing_call_log
from ari_app.storage.gaps import StoredGaps
from ari_app.storage.history import StoredHistory
from ari_app.storage.pbx_calls import PbxCallLog, pbx_call_id, writing_pbx_calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.command import Command
from tests.unit.pbx.told import CALL, NAMES, K, answered_call, at, channel, queued_call


@pytest_asyncio.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as database:
        yield database


@pytest_asyncio.fixture
async def written(database: Database) -> AsyncIterator[PbxCallLog]:
    async with writing_pbx_calls(database) as written:
        yield written


def told(events: Sequence[PbxEvent], *, still: bool = False) -> PbxRecord:
    kept: list[PbxRecord] = []
    calls = PbxCalls(Source.CEL, kept.append, NAMES)
    for event in events:
        calls.take(event)
    if still:
        calls.keep_open(at(1000))
    else:
        calls.close_all(at(1000))
    return kept[-1]


async def put(written: PbxCallLog, call: PbxRecord) -> None:
    written.keep(call)
    await written.flush()


async def test_a_call_stands_in_the_history_with_its_parts(database: Database, written: PbxCallLog) -> None:
    await put(written, told(queued_call()))
    history = StoredHistory(database.reader)
    (call,) = (await history.calls(EVERY_CALL, Paging())).items
    assert (call.call_id, call.source, call.linkedid, call.door) == (f"pbx-{CALL}", "cel", CALL, "")
    (queue,) = (await history.parts(PartKind.QUEUE, EVERY_CALL, Paging())).items
    assert (queue.part.name, queue.part.answered_by, queue.part.outcome) == ("sales", "78", "answered")
    users = (await history.parts(PartKind.USER, EVERY_CALL, Paging())).items
    assert {entry.part.name for entry in users} == {"77", "78"}


async def test_the_command_shows_a_call_that_has_no_steps(
    written: PbxCallLog, settings: StorageSettings, tmp_path: Path
) -> None:
    await put(written, told(answered_call()))
    config = tmp_path / "agi-router.yaml"
    ari = {"username": "router", "password": "8f14e45f"}
    config.write_text(
        json.dumps({"asterisk": {"ari": ari}, "storage": {"url": settings.url}, "defaults": {"region": "US"}})
    )
    command = Command(config)
    listed = (await command("calls", extra={"COLUMNS": "80"})).out.splitlines()[1]
    ran = await command("calls", listed.split()[0])
    assert (ran.status, ran.err) == (0, "")
    shown = ran.out
    assert "answered" in shown.splitlines()[0]
    assert "start unseen" not in shown
    assert "Asterisk carried it without the router: " in shown
    assert "s of talk" in shown


async def test_a_call_that_goes_on_is_no_call_of_the_router_s_and_ends_as_one(
    database: Database, written: PbxCallLog
) -> None:
    await put(written, told(answered_call()[:7], still=True))
    async with writing_call_log(database) as log:
        assert await log.open_calls() == []
    await put(written, told(answered_call()))
    (call,) = (await StoredHistory(database.reader).calls(EVERY_CALL, Paging())).items
    assert (call.disposition, call.ended_at) == (Disposition.ANSWERED, at(10))


async def test_what_was_seen_whole_is_not_filled_in_again(database: Database, written: PbxCallLog) -> None:
    whole = told(answered_call())
    await put(written, whole)
    other = replace(whole, record=replace(whole.record, caller_name="from the table"))
    assert await written.fill([other]) == 0
    history = StoredHistory(database.reader)
    assert (await history.calls(EVERY_CALL, Paging())).items[0].caller_name == ""
    partly = told(answered_call()[7:])
    missed = replace(partly, record=replace(partly.record, linkedid="other", call_id="pbx-other"), channels=frozenset())
    await put(written, missed)
    found = replace(whole, record=replace(whole.record, linkedid="other"), channels=frozenset())
    assert await written.fill([found]) == 1
    assert await written.fill([found]) == 0
    calls = {call.linkedid: call for call in (await history.calls(EVERY_CALL, Paging())).items}
    assert calls["other"].recovered is False
    assert len(calls) == 2


async def test_the_last_events_of_a_call_that_is_filled_in_already_change_nothing(
    database: Database, written: PbxCallLog
) -> None:
    """Asterisk was busy: it tells of the end once the gap is over, and the router knows too little of this call."""
    await written.fill([told(answered_call())])
    history = StoredHistory(database.reader)
    before = (await history.calls(EVERY_CALL, Paging())).items
    last = told(answered_call()[-4:])
    assert last.record.recovered
    await put(written, last)
    assert (await history.calls(EVERY_CALL, Paging())).items == before


async def test_a_call_of_the_router_s_stays_one_entry_and_gets_what_the_dialplan_did_with_it(
    database: Database, written: PbxCallLog
) -> None:
    call_id = "20260301T090000-aabbccddeeff"
    async with writing_call_log(database) as log:
        log.write(call_id, arrived(at(0)))
        log.write(call_id, e.SentToDialplan(at=at(20), reason="no_answer"))
        await log.flush()
        events = [
            channel(0, K.START, "line", number="+14155550177"),
            channel(21, K.START, "carol"),
            channel(25, K.ENTER, "carol"),
            channel(40, K.HANGUP, "carol", cause=16),
            channel(40, K.HANGUP, "line", cause=16, source="PJSIP/carol-00000001"),
        ]
        for _ in range(2):  # a record may come twice
            await put(written, told(events))
        history = StoredHistory(database.reader)
        (call,) = (await history.calls(EVERY_CALL, Paging())).items
        assert (call.call_id, call.source, call.linkedid) == (call_id, "router", CALL)
        (entry,) = (await history.parts(PartKind.USER, EVERY_CALL, Paging())).items
        assert (entry.part.name, entry.part.outcome, entry.number) == ("78", "answered", PBX_PARTS_FROM)


def arrived(moment: datetime) -> e.CallArrived:
    return e.CallArrived(
        at=moment,
        route="sales",
        called_number="+14155550100",
        caller_number="+14155550177",
        caller_name="",
        caller_withheld=False,
        channel_id=CALL,
    )


async def test_calls_of_an_asterisk_that_is_no_more_are_closed(database: Database, written: PbxCallLog) -> None:
    await put(written, told(answered_call()[:7], still=True))
    await written.close_lost(before=at(60), ended_at=at(50))
    (call,) = (await StoredHistory(database.reader).calls(EVERY_CALL, Paging())).items
    assert (call.disposition, call.ended_at, call.talk_s) == (Disposition.ANSWERED, at(50), None)
    assert call.direction is Direction.INTERNAL


async def test_many_calls_at_once(database: Database, written: PbxCallLog) -> None:
    call = told(answered_call())
    for number in range(300):
        record = replace(call.record, linkedid=f"call-{number}")
        written.keep(replace(call, record=record, channels=frozenset({f"call-{number}"})))
        await asyncio.sleep(0)
    await written.flush()
    assert (await StoredHistory(database.reader).calls(EVERY_CALL, Paging())).total == 300


def test_an_id_fits_its_column() -> None:
    assert pbx_call_id("1795269077.0") == "pbx-1795269077.0"
    assert len(pbx_call_id("x" * 150)) <= 64
    assert pbx_call_id("x" * 150) != pbx_call_id("x" * 149)


async def test_a_gap_begins_with_the_last_mark_and_ends_when_asterisk_is_heard_again(database: Database) -> None:
    gaps = StoredGaps(database.reader, database.writer)
    await gaps.begin()
    assert list(await gaps.gaps()) == []  # nobody has ever heard anything
    await gaps.mark(at(0))
    await gaps.mark(at(10))
    await gaps.begin()
    await gaps.begin(at(5))  # it goes on already
    (gap,) = await gaps.gaps()
    assert (gap.began_at, gap.ended_at) == (at(10), None)
    await gaps.end(at(70))
    (gap,) = await gaps.gaps()
    assert (gap.ended_at, gap.filled) == (at(70), False)
    await gaps.filled(gap, "cel")
    await gaps.begin()
    newest, oldest = await gaps.gaps()
    assert (newest.began_at, oldest.source, oldest.filled) == (at(70), "cel", True)
    assert [gap.id for gap in await gaps.gaps(since=at(100))] == [newest.id]
    assert [gap.id for gap in await gaps.gaps(before=at(70))] == [oldest.id]
    await gaps.forget()
    assert [gap.id for gap in await gaps.gaps()] == [oldest.id]
