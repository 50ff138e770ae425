"""What CRMs are to be told more of is marked in the transaction of the calls; claims and what becomes of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.domain import events as e
from ari_app.domain.activities import Activity, ActivityFilter, ActivityState, Told
from ari_app.storage.activity_marks import ActivityMarker, Wish
from ari_app.storage.activity_records import ActivityRecords, StandingCalls
from ari_app.storage.activity_store import StoredActivities, open_activities
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.pbx_calls import PbxCallLog, writing_pbx_calls
from ari_app.storage.retention import Retention
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import RetentionSettings, StorageSettings
from tests.component.storage_events import answered_call, arrived, at
from tests.component.test_storage_pbx_calls import put, told
from tests.patience import PATIENCE_S
from tests.unit.pbx.told import CALL
from tests.unit.pbx.told import answered_call as pbx_call

BOTH = frozenset({"inbound", "outbound"})
HOUR = timedelta(hours=1)
CONTACT = e.ContactFound(at=at(1), connector="crm", contact_id="512", number="+14155550177", name="Ben")


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
def marker() -> ActivityMarker:
    made = ActivityMarker()
    made.wishes = {"crm": Wish(directions=BOTH)}
    return made


@pytest.fixture
async def call_log(database: Database, marker: ActivityMarker) -> AsyncIterator[CallLog]:
    async with writing_call_log(database, marker=marker) as opened:
        yield opened


@pytest.fixture
async def pbx(database: Database, marker: ActivityMarker) -> AsyncIterator[PbxCallLog]:
    async with writing_pbx_calls(database, marker=marker) as opened:
        yield opened


@pytest.fixture
async def store(database: Database) -> AsyncIterator[StoredActivities]:
    async with open_activities(database.writer, is_alone=True) as opened:
        yield opened


async def tell(call_log: CallLog, call_id: str, *happened: e.CallEvent) -> None:
    for event in happened:
        call_log.write(call_id, event)
    await call_log.flush()


async def every(database: Database) -> list[Activity]:
    return list(await ActivityRecords(database.writer, database.reader).page(ActivityFilter(), 100))


async def the_one(database: Database) -> Activity:
    (found,) = await every(database)
    return found


async def claimed(store: StoredActivities, limit: int = 10) -> list[Activity]:
    return list(await store.claim("crm", limit, datetime.now(UTC) + HOUR))


async def test_a_call_is_marked_once_for_each_crm_that_wants_it(
    database: Database, marker: ActivityMarker, call_log: CallLog
) -> None:
    marker.wishes = {
        "crm": Wish(directions=BOTH),
        "other": Wish(directions=BOTH),
        "dialled": Wish(directions=frozenset({"outbound"})),
    }
    rung = marker.bell
    await tell(call_log, "call-1", *answered_call())
    await asyncio.wait_for(rung.wait(), PATIENCE_S)
    found = await every(database)
    assert sorted(each.connector for each in found) == ["crm", "other"]
    assert {each.state for each in found} == {ActivityState.PENDING}
    assert {each.reference for each in found} == {"call-1"}


async def test_nothing_is_written_while_no_crm_wants_to_be_told(
    database: Database, marker: ActivityMarker, call_log: CallLog
) -> None:
    marker.wishes = {}
    await tell(call_log, "call-1", *answered_call())
    assert await every(database) == []


async def test_what_becomes_of_a_call_makes_its_activity_due_again(
    database: Database, call_log: CallLog, store: StoredActivities
) -> None:
    happened = answered_call()
    await tell(call_log, "call-1", happened[0])
    (activity,) = await claimed(store)
    assert await claimed(store) == []
    has_it = replace(activity, state=ActivityState.OPEN, activity_id="a1", due_at=None)
    await store.settle(has_it)
    assert await store.next_due("crm") is None
    await tell(call_log, "call-1", *happened[1:10])  # it rings
    assert await store.next_due("crm") is None
    for event in (happened[10], CONTACT, e.CallEnded(at=at(20), by="caller", cause=16)):
        await tell(call_log, "call-1", event)
        (activity,) = await claimed(store)
        await store.settle(replace(activity, due_at=None))
    assert (await the_one(database)).revision == 3


async def test_what_happens_while_the_crm_is_told_is_not_forgotten(call_log: CallLog, store: StoredActivities) -> None:
    happened = answered_call()
    await tell(call_log, "call-1", happened[0])
    (activity,) = await claimed(store)
    assert await store.begin(replace(activity, state=ActivityState.CREATING), datetime.now(UTC) + HOUR)
    await tell(call_log, "call-1", *happened[1:])
    assert await claimed(store) == []
    await store.settle(replace(activity, state=ActivityState.OPEN, activity_id="a1", due_at=None))
    (again,) = await claimed(store)
    assert (again.activity_id, again.revision) == ("a1", 1)


async def test_a_creation_waits_for_the_contact_and_no_longer_than_it_may(
    database: Database, marker: ActivityMarker, call_log: CallLog, store: StoredActivities
) -> None:
    marker.wishes = {"crm": Wish(directions=BOTH, waits=HOUR)}
    await tell(call_log, "call-1", arrived())
    due_at = await store.next_due("crm")
    assert due_at is not None
    assert due_at > datetime.now(UTC) + HOUR / 2
    await tell(call_log, "call-1", CONTACT)
    assert [each.call_id for each in await claimed(store)] == ["call-1"]
    await tell(call_log, "call-2", arrived())
    await tell(call_log, "call-2", e.CallEnded(at=at(20), by="caller", cause=16))
    assert [each.call_id for each in await claimed(store)] == ["call-2"]
    assert [(await StandingCalls(database.reader).standing("call-1")) is not None] == [True]


async def test_news_does_not_hurry_what_waits_for_its_next_attempt_but_a_login_does(
    call_log: CallLog, store: StoredActivities
) -> None:
    await tell(call_log, "call-1", arrived())
    (activity,) = await claimed(store)
    later = datetime.now(UTC) + HOUR
    await store.settle(replace(activity, attempts=1, failing_since=at(0), error="down", due_at=later))
    await tell(call_log, "call-1", e.CallEnded(at=at(20), by="caller", cause=16))
    assert await store.next_due("crm") == later
    await store.hasten("crm")
    (activity,) = await claimed(store)
    assert (activity.attempts, activity.error, activity.failing_since) == (1, "down", at(0))


async def test_claims_of_a_process_that_died_are_taken_over_and_its_results_are_not_lost(
    database: Database, call_log: CallLog, store: StoredActivities
) -> None:
    await tell(call_log, "call-1", arrived())
    (activity,) = await claimed(store)
    begun = replace(
        activity, state=ActivityState.CREATING, given={"number": "+1"}, doing="CreateActivity", tried_at=at(3)
    )
    assert await store.begin(begun, datetime.now(UTC) + HOUR)
    async with open_activities(database.writer, is_alone=True) as heir:
        (found,) = await claimed(heir)
        assert replace(found, due_at=None) == replace(begun, due_at=None)
        assert not await store.begin(begun, datetime.now(UTC) + HOUR)
        await store.settle(replace(begun, due_at=None))  # another's claim is left alone
        assert (await the_one(database)).state is ActivityState.CREATING
        await store.settle(replace(begun, state=ActivityState.OPEN, activity_id="a1", due_at=None))
        now = await the_one(database)
        assert (now.state, now.activity_id) == (ActivityState.OPEN, "a1")


async def test_a_call_that_ended_while_its_crm_was_not_told_of_calls_is_told_to_its_end(
    database: Database, call_log: CallLog, store: StoredActivities, marker: ActivityMarker
) -> None:
    await tell(call_log, "call-1", arrived())
    await tell(call_log, "call-2", arrived())
    for activity in await claimed(store):
        await store.settle(replace(activity, state=ActivityState.OPEN, activity_id="a1", due_at=None))
    marker.wishes = {}
    await tell(call_log, "call-1", e.CallEnded(at=at(20), by="caller", cause=16))
    assert await claimed(store) == []
    async with open_activities(database.writer, is_alone=True) as again:
        assert [each.call_id for each in await claimed(again)] == ["call-1"]


async def test_two_processes_never_get_the_same(database: Database, call_log: CallLog, store: StoredActivities) -> None:
    for number in range(20):
        call_log.write(f"call-{number}", arrived())
    await call_log.flush()
    async with open_activities(database.writer, is_alone=False) as other:
        got = await asyncio.gather(*(claimed(each, 3) for each in (store, other) for _ in range(4)))
    ids = [activity.call_id for each in got for activity in each]
    assert len(ids) == len(set(ids)) == 20


async def test_a_call_of_the_pbx_alone_is_marked_as_others(database: Database, pbx: PbxCallLog) -> None:
    outbound = told(pbx_call())
    await put(pbx, replace(outbound, record=replace(outbound.record, direction=outbound.record.direction)))
    record = await StandingCalls(database.reader).standing(f"pbx-{CALL}")
    assert record is not None
    wanted = record.record.direction.value in BOTH
    assert len(await every(database)) == wanted


async def test_what_was_missed_and_is_filled_in_is_told_to_no_crm(database: Database, pbx: PbxCallLog) -> None:
    await pbx.fill([told(pbx_call())])
    assert await every(database) == []


async def test_a_call_that_comes_to_the_router_later_goes_on_with_its_activity(
    database: Database, pbx: PbxCallLog, call_log: CallLog, store: StoredActivities, marker: ActivityMarker
) -> None:
    marker.wishes = {"crm": Wish(directions=BOTH | {"internal"})}
    begun = told(pbx_call()[:3], still=True)
    await put(pbx, begun)
    (activity,) = await claimed(store)
    await store.settle(replace(activity, state=ActivityState.OPEN, activity_id="a1", due_at=None))
    own = replace(arrived(), channel_id=begun.record.channel_id)
    await tell(call_log, "call-1", own)
    now = await the_one(database)
    assert (now.call_id, now.reference, now.activity_id) == ("call-1", f"pbx-{CALL}", "a1")
    assert now.due_at is not None


async def test_activities_go_with_their_calls_and_lose_the_numbers_with_them(
    database: Database, call_log: CallLog, store: StoredActivities
) -> None:
    for number in range(2):
        await tell(call_log, f"call-{number}", *answered_call())
    for activity in await claimed(store):
        await store.settle(replace(activity, error="no +14155550177", given={"number": "+14155550177"}, due_at=None))
    await Retention(database, RetentionSettings(mask_numbers_after_days=1)).once(at(0) + timedelta(days=3))
    assert [(each.error, each.given) for each in await every(database)] == [("", {}), ("", {})]
    await Retention(database, RetentionSettings(keep_days=2)).once(at(0) + timedelta(days=3))
    assert await every(database) == []


async def test_an_erased_number_leaves_no_activity(database: Database, call_log: CallLog) -> None:
    await tell(call_log, "call-1", *answered_call())
    await StoredEraser(database).erase(("+14155550177",))
    assert await every(database) == []


async def test_what_was_told_is_kept_as_it_was(database: Database, call_log: CallLog, store: StoredActivities) -> None:
    await tell(call_log, "call-1", arrived())
    (activity,) = await claimed(store)
    full = Told(
        talk="talking",
        who="ada",
        contact="512",
        ended_at="2026-03-01T09:30:00+00:00",
        recordings=("r1", "r2"),
        refused={"AssignActivity 512": "no such contact"},
        doubtful={"UpdateCallRecording r3": "\0broke off"},
    )
    await store.settle(replace(activity, told=full, due_at=None))
    kept = (await the_one(database)).told
    assert kept == replace(full, doubtful={"UpdateCallRecording r3": "\N{REPLACEMENT CHARACTER}broke off"})


async def test_people_see_what_needs_them_and_their_word_counts_unless_it_is_old(
    database: Database, call_log: CallLog, store: StoredActivities
) -> None:
    records = ActivityRecords(database.writer, database.reader)
    for number in range(3):
        await tell(call_log, f"call-{number}", arrived())
    for activity, state in zip(await claimed(store), ("unknown", "failed", "stopped"), strict=True):
        await store.settle(replace(activity, state=ActivityState(state), due_at=None))
    assert await records.counts() == {"crm": {ActivityState.UNKNOWN: 1, ActivityState.FAILED: 1}}
    (unknown,) = await records.page(ActivityFilter(states=(ActivityState.UNKNOWN,)), 10)
    assert [each.call_id for each in await records.page(ActivityFilter(), 1, before=unknown.id + 1)] == ["call-0"]
    await tell(call_log, "call-0", e.CallEnded(at=at(20), by="caller", cause=16))
    resolved = replace(unknown, state=ActivityState.OPEN, activity_id="a7", due_at=at(0))
    assert not await records.resolve(resolved)
    now = await records.get("crm", "call-0")
    assert now is not None
    assert now.due_at is None
    assert await records.resolve(replace(resolved, revision=now.revision))
    assert [each.activity_id for each in await claimed(store)] == ["a7"]
    assert await records.get("crm", "call-9") is None
