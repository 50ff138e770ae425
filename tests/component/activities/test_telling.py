"""CRMs are told of calls: each of them once, whatever breaks off, and at the end all that there is to know."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import update

from ari_app.crm.activity_lane import Receiver
from ari_app.crm.connector import Connector
from ari_app.domain import events as e
from ari_app.domain.activities import Activity, ActivityState
from ari_app.domain.crm import HookName, OnceBy
from ari_app.live.activities import ActivityError, Resolution, ResolveForm
from ari_app.storage.schema import crm_activities
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from sandbox.crm import Fault, GenericCrm, Trouble
from tests.clock import leap
from tests.component.activities.rig import Telling, document, telling
from tests.component.crm.connecting import connected, settings_for
from tests.component.storage_events import START, answered_call, arrived, at
from tests.patience import PATIENCE_S

CONTACT = e.ContactFound(at=at(1), connector="crm", contact_id="512", number="+14155550177", name="Ben")
ENDED = e.CallEnded(at=at(20), by="caller", cause=16)
SOUND = b"RIFF" + bytes(range(256)) * 800


TAKEN_S = 3.0
"""By then the CRM, which shares the loop and the processor with all else, has done what it was asked for.

Whoever looks for an activity before it is there finds none, and creates another one.
"""
ONE_DATABASE = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
"""For what depends on the CRM alone."""


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def crm() -> AsyncIterator[GenericCrm]:
    async with GenericCrm() as crm:
        yield crm


Start = Callable[..., Awaitable[Telling]]


@pytest.fixture
async def start(database: Database, crm: GenericCrm, tmp_path: Path) -> AsyncIterator[Start]:
    """Begins to tell, with a document of this kind; ends with the test."""
    async with AsyncExitStack() as open_ends:

        async def started(once_by: OnceBy = OnceBy.FINDING, *others: Connector, deadline_s: float = 5.0) -> Telling:
            settings = settings_for(crm, document=document(once_by))
            connector = await open_ends.enter_async_context(connected(settings))
            made = telling(database, tmp_path / "recordings", connector, *others, deadline_s=deadline_s)
            return await open_ends.enter_async_context(made)

        yield started


async def until(told: Telling, call_id: str, holds: Callable[[Activity], bool]) -> Activity:
    async with asyncio.timeout(PATIENCE_S):
        while not holds(activity := await told.of(call_id)):
            await asyncio.sleep(0.01)
    return activity


async def settled(told: Telling, call_id: str, state: ActivityState) -> Activity:
    return await until(told, call_id, lambda each: each.state is state and each.due_at is None)


async def stored(told: Telling, call_id: str, name: str) -> None:
    """The call was recorded, and its file is in the store."""

    async def pieces() -> AsyncIterator[bytes]:
        yield SOUND

    place = f"2026/03/01/{name}.wav"
    size, digest = await told.store.put(place, pieces())
    begun = e.RecordingStarted(at=at(3), name=name, file=f"recording/{name}.wav")
    over = e.RecordingEnded(at=at(19), name=name)
    file = {"place": place, "size": size, "sha256": digest, "media_type": "audio/wav", "seconds": 16.0}
    await told.tell(call_id, begun, over, e.RecordingStored(at=at(21), name=name, **file))  # type: ignore[arg-type]


async def test_a_crm_hears_of_a_call_while_it_goes_on(start: Start, crm: GenericCrm) -> None:
    told = await start()
    happened = answered_call()
    await told.tell("call-1", *happened[:9])
    await crm.until(lambda: len(crm.activities) == 1)
    row = crm.activities[0]
    assert (row["external_id"], row["direction"], row["number"]) == ("call-1", "inbound", "+14155550177")
    assert (row["state"], row["user_id"], row["started_at"]) == (
        "ringing",
        "u7",
        START.isoformat().replace("+00:00", "Z"),
    )
    await told.tell("call-1", *happened[9:11])
    await crm.until(lambda: row.get("state") == "talking")
    assert (row["extension"], row["answered_at"]) == ("101", at(2.51).isoformat().replace("+00:00", "Z"))
    await told.tell("call-1", CONTACT)
    await crm.until(lambda: row.get("contact_id") == "512")
    joined = e.LegDialled(at=at(5), leg="leg-9", endpoint="bob", contact="sip:bob@127.0.0.1", user="77")
    await told.tell("call-1", joined, e.Transferred(at=at(6), by="leg-1", leg="leg-9"))
    await crm.until(lambda: row.get("state") == "transferred")
    await told.tell("call-1", *happened[11:])
    await crm.until(lambda: row.get("state") == "ended")
    assert (row["duration_s"], row["ring_s"], row["cause"], row["disposition"]) == (10, 3, 16, "answered")
    activity = await settled(told, "call-1", ActivityState.STOPPED)
    assert (activity.activity_id, activity.url) == (row["id"], f"{crm.origin}/activities/{row['id']}")
    assert len(crm.activities) == 1


async def test_a_recording_is_in_the_crm_as_it_is_in_the_store(start: Start, crm: GenericCrm) -> None:
    told = await start()
    await told.tell("call-1", *answered_call())
    await stored(told, "call-1", "rec-1")
    await crm.until(lambda: len(crm.files) == 1)
    [file] = crm.files
    assert (file.activity_id, file.name, file.media_type) == (crm.activities[0]["id"], "rec-1.wav", "audio/wav")
    assert (file.size, file.sha256) == (len(SOUND), hashlib.sha256(SOUND).hexdigest())
    assert (await settled(told, "call-1", ActivityState.STOPPED)).told.recordings == ("rec-1",)


async def test_a_crm_that_was_away_gets_creation_and_end_and_nothing_else(start: Start, crm: GenericCrm) -> None:
    told = await start()
    await crm.stop()
    await told.tell("call-1", *answered_call()[:4])
    await until(told, "call-1", lambda each: each.attempts >= 2)
    await told.tell("call-1", *answered_call()[4:], CONTACT)
    # One that was under way has read the call before all this; it must not be the one that meets the CRM.
    before = (await told.of("call-1")).attempts
    await until(told, "call-1", lambda each: each.attempts >= before + 2)
    await crm.start()
    await settled(told, "call-1", ActivityState.STOPPED)
    assert [f"{each.method} {each.path}" for each in crm.requests] == [
        "POST /api/v1/activities",
        f"PATCH /api/v1/activities/{crm.activities[0]['id']}",
    ]
    assert (crm.activities[0]["contact_id"], crm.activities[0]["state"]) == ("512", "ended")


LOST = [
    Fault(trouble=Trouble.DISCONNECT, is_done=True),
    Fault(trouble=Trouble.DISCONNECT),
    Fault(trouble=Trouble.HANG, is_done=True),
    Fault(trouble=Trouble.STATUS, status=500, is_done=True),
    Fault(trouble=Trouble.GARBAGE, is_done=True),
]


@ONE_DATABASE
@pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault.trouble}-{fault.is_done}")
@pytest.mark.parametrize("once_by", [OnceBy.FINDING, OnceBy.KEY])
async def test_a_creation_whose_answer_is_lost_makes_one_activity(
    start: Start, crm: GenericCrm, once_by: OnceBy, fault: Fault
) -> None:
    crm.takes_keys = once_by is OnceBy.KEY
    crm.faults.next(fault, of="POST /api/v1/activities")
    told = await start(once_by, deadline_s=TAKEN_S)  # so long is waited before it is looked for
    await told.tell("call-1", arrived())
    await crm.until(lambda: bool(crm.requests) and len(crm.activities) >= fault.is_done)
    await told.tell("call-1", CONTACT, ENDED)
    await settled(told, "call-1", ActivityState.STOPPED)
    assert [row["state"] for row in crm.of_call("call-1")] == ["ended"]
    assert (await told.of("call-1")).url == crm.of_call("call-1")[0]["url"]
    if once_by is OnceBy.KEY:
        bodies = [each.body for each in crm.requests if each.method == "POST"]
        assert bodies[0] == bodies[-1]


@ONE_DATABASE
@pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault.trouble}-{fault.is_done}")
async def test_without_a_way_to_be_sure_it_is_never_created_twice_and_shown(
    start: Start, crm: GenericCrm, fault: Fault
) -> None:
    crm.faults.next(fault, of="POST /api/v1/activities")
    told = await start(OnceBy.NOTHING, deadline_s=20)
    await told.tell("call-1", *answered_call())
    await crm.until(lambda: bool(crm.requests) and len(crm.activities) >= fault.is_done)
    leap(20)  # for the one that hangs
    activity = await settled(told, "call-1", ActivityState.UNKNOWN)
    assert activity.error
    await told.tell("call-1", CONTACT)
    told.engine.hasten("crm")
    await told.tell("call-2", *answered_call())
    await settled(told, "call-2", ActivityState.STOPPED)
    assert len([each for each in crm.requests if each.method == "POST"]) == 2


async def created_by_another(crm: GenericCrm, call_id: str) -> str:
    async with ClientSession() as session:
        posted = await session.post(f"{crm.url}/activities", json={"external_id": call_id})
        return str((await posted.json())["id"])


@pytest.mark.parametrize(
    ("action", "is_cleaned_up"),
    [(Resolution.ADOPT, False), (Resolution.AGAIN, True)],
    ids=["chosen", "cleaned-up-in-the-crm"],
)
async def test_of_several_activities_of_one_call_a_person_says_which_it_is(
    start: Start, crm: GenericCrm, action: Resolution, is_cleaned_up: bool
) -> None:
    theirs = await created_by_another(crm, "call-1")
    crm.faults.next(Fault(trouble=Trouble.DISCONNECT, is_done=True), of="POST /api/v1/activities")
    told = await start(deadline_s=TAKEN_S)
    await told.tell("call-1", *answered_call())
    activity = await settled(told, "call-1", ActivityState.UNKNOWN)
    ours = next(row for row in crm.of_call("call-1") if row["id"] != theirs)
    assert f"2 activities of this call: {theirs}, {ours['id']}; " in activity.error
    assert [(each["call_id"], each["state"]) for each in await told.stuck()] == [("call-1", "unknown")]
    assert (activity.activity_id, "state" in crm.of_call("call-1")[0], ours["state"]) == ("", False, "ringing")
    if is_cleaned_up:
        crm.activities.remove(crm.of_call("call-1")[0])
    chosen = ours["id"] if action is Resolution.ADOPT else ""
    await told.desk.resolve("crm", "call-1", ResolveForm(action=action, activity_id=chosen))
    assert (await settled(told, "call-1", ActivityState.STOPPED)).activity_id == ours["id"]
    assert (ours["state"], len(crm.of_call("call-1"))) == ("ended", 1 if is_cleaned_up else 2)


async def test_several_activities_of_one_call_stay_unknown_while_there_are_several(
    start: Start, crm: GenericCrm
) -> None:
    await created_by_another(crm, "call-1")
    await created_by_another(crm, "call-1")
    crm.faults.next(Fault(trouble=Trouble.DISCONNECT), of="POST /api/v1/activities")
    told = await start(deadline_s=TAKEN_S)
    await told.tell("call-1", *answered_call())
    await settled(told, "call-1", ActivityState.UNKNOWN)
    asked = len(crm.requests)
    await told.desk.resolve("crm", "call-1", ResolveForm(action=Resolution.AGAIN))
    await crm.until(lambda: len(crm.requests) > asked)
    await settled(told, "call-1", ActivityState.UNKNOWN)
    assert (crm.requests[-1].method, len(crm.of_call("call-1"))) == ("GET", 2)


@ONE_DATABASE
@pytest.mark.parametrize("state", [ActivityState.UNKNOWN, ActivityState.FAILED])
async def test_what_happens_while_a_creation_comes_to_nothing_hides_nothing_of_that(
    start: Start, crm: GenericCrm, state: ActivityState
) -> None:
    lost, refused = Fault(trouble=Trouble.DISCONNECT, is_done=True), Fault(status=422)
    faults = [lost] if state is ActivityState.UNKNOWN else [refused] * 3
    crm.faults.next(*faults)
    told = await start(OnceBy.NOTHING)
    goes_on = asyncio.Event()

    async def lets_in(_authorization: str) -> bool:
        if len(crm.requests) == len(faults):
            await goes_on.wait()
        return True

    crm.authorise = lets_in
    await told.tell("call-1", arrived())
    await crm.until(lambda: len(crm.requests) == len(faults))
    await told.tell("call-1", CONTACT, ENDED)
    goes_on.set()
    assert (await settled(told, "call-1", state)).error


@ONE_DATABASE
@pytest.mark.parametrize("before", [OnceBy.NOTHING, OnceBy.FINDING])
async def test_a_document_that_has_come_to_know_keys_repeats_nothing_that_went_without_one(
    start: Start, crm: GenericCrm, before: OnceBy
) -> None:
    crm.takes_keys = True
    crm.faults.next(Fault(trouble=Trouble.HANG, is_done=True), of="POST")
    told = await start(before)
    await told.tell("call-1", *answered_call())
    await until(told, "call-1", lambda each: each.state is ActivityState.CREATING and len(crm.activities) == 1)
    told.engine.know({})
    await told.engine.stop(0)  # as if the router were started anew, with another document
    async with connected(settings_for(crm, document=document(OnceBy.KEY))) as connector:
        told.engine.know({"crm": Receiver(crm=connector, deadline_s=5)})
        assert (await settled(told, "call-1", ActivityState.UNKNOWN)).error
    assert len(crm.of_call("call-1")) == 1


@ONE_DATABASE
async def test_a_clock_that_is_put_forward_has_nothing_created_while_it_is_being_created(
    start: Start, crm: GenericCrm, database: Database
) -> None:
    crm.faults.next(Fault(trouble=Trouble.DISCONNECT, is_done=True, delay_s=0.8), of="POST")
    told = await start(deadline_s=2)
    await told.tell("call-1", *answered_call())
    await until(told, "call-1", lambda each: each.state is ActivityState.CREATING)
    async with database.writer.begin() as connection:  # what was an instant ago is long past
        await connection.execute(update(crm_activities).values(due_at=at(0), tried_at=at(0)))
    told.engine.look()
    await settled(told, "call-1", ActivityState.STOPPED)
    assert len([each for each in crm.requests if each.method == "POST"]) == 1


@ONE_DATABASE
async def test_a_clock_that_is_put_back_has_nobody_wait_for_the_time_it_was_ahead(
    start: Start, crm: GenericCrm, database: Database
) -> None:
    crm.faults.next(Fault(trouble=Trouble.DISCONNECT, is_done=True), of="POST")
    told = await start(deadline_s=TAKEN_S)
    await told.tell("call-1", *answered_call())
    await until(told, "call-1", lambda each: bool(each.error))
    async with database.writer.begin() as connection:
        values = {"due_at": at(0), "tried_at": at(0) + timedelta(days=10_000)}
        await connection.execute(update(crm_activities).values(**values))
    told.engine.look()
    await settled(told, "call-1", ActivityState.STOPPED)
    assert len(crm.of_call("call-1")) == 1


async def test_an_activity_is_looked_for_only_when_the_crm_shows_it(
    database: Database, crm: GenericCrm, tmp_path: Path
) -> None:
    """A creation may reach the CRM as late as at its deadline, and is shown `visible_after_s` later."""
    deadline_s, visible_after_s = TAKEN_S, 0.3
    whole = document(OnceBy.FINDING)
    find = replace(whole.hooks[HookName.FIND_ACTIVITY], visible_after_s=visible_after_s)
    settings = settings_for(crm, document=replace(whole, hooks={**whole.hooks, HookName.FIND_ACTIVITY: find}))
    crm.faults.next(Fault(trouble=Trouble.DISCONNECT, is_done=True), of="POST")
    waited: list[timedelta] = []
    async with connected(settings) as connector:
        async with telling(database, tmp_path, connector, deadline_s=deadline_s) as told:

            async def lets_in(_authorization: str) -> bool:
                if crm.requests[-1].method == "GET":
                    looked_at, tried_at = datetime.now(UTC), (await told.of("call-1")).tried_at
                    assert tried_at is not None
                    waited.append(looked_at - tried_at)
                return True

            crm.authorise = lets_in
            await told.tell("call-1", *answered_call())
            await settled(told, "call-1", ActivityState.STOPPED)
    assert min(waited) >= timedelta(seconds=deadline_s + visible_after_s)
    assert len(crm.activities) == 1


@pytest.mark.parametrize("how", ["refused", "lost"])
async def test_what_is_told_of_a_call_that_goes_on_is_tried_until_the_crm_has_it(
    start: Start, crm: GenericCrm, how: str
) -> None:
    fault = Fault(status=503, retry_after="0") if how == "refused" else Fault(trouble=Trouble.DISCONNECT, is_done=True)
    crm.faults.next(fault, fault, of="PATCH")
    told = await start()
    await told.tell("call-1", *answered_call())
    await settled(told, "call-1", ActivityState.STOPPED)
    assert (crm.activities[0]["state"], crm.activities[0]["duration_s"]) == ("ended", 10)


async def test_an_upload_whose_answer_is_lost_is_not_made_twice_and_shown(start: Start, crm: GenericCrm) -> None:
    crm.faults.next(Fault(trouble=Trouble.DISCONNECT, is_done=True), of="files")
    told = await start()
    await told.tell("call-1", *answered_call())
    await stored(told, "call-1", "rec-1")
    activity = await settled(told, "call-1", ActivityState.UNKNOWN)
    assert activity.error.startswith("UpdateCallRecording rec-1: ")
    assert len(crm.files) == 1
    await stored(told, "call-1", "rec-2")
    await until(told, "call-1", lambda each: each.told.recordings == ("rec-2",) and each.due_at is None)
    await told.desk.resolve("crm", "call-1", ResolveForm(action=Resolution.AGAIN))
    await crm.until(lambda: len(crm.files) == 3)
    await settled(told, "call-1", ActivityState.STOPPED)


async def test_an_upload_that_was_refused_is_made_again(start: Start, crm: GenericCrm) -> None:
    crm.faults.next(Fault(status=429, retry_after="0"), of="files")
    told = await start()
    await told.tell("call-1", *answered_call())
    await stored(told, "call-1", "rec-1")
    await settled(told, "call-1", ActivityState.STOPPED)
    assert [file.name for file in crm.files] == ["rec-1.wav"]


async def test_what_the_crm_will_never_take_is_shown_with_the_reason_and_made_again_at_a_person_s_word(
    start: Start, crm: GenericCrm
) -> None:
    told = await start()
    crm.faults.next(*[Fault(status=422)] * 3, of="POST")
    await told.tell("call-1", *answered_call())
    activity = await settled(told, "call-1", ActivityState.FAILED)
    assert "422" in activity.error
    assert crm.activities == []
    await told.tell("call-1", CONTACT)
    await settled(told, "call-1", ActivityState.FAILED)
    assert [(each["state"], each["error"]) for each in await told.stuck()] == [("failed", activity.error)]
    await told.desk.resolve("crm", "call-1", ResolveForm(action=Resolution.AGAIN))
    await settled(told, "call-1", ActivityState.STOPPED)
    assert len(crm.of_call("call-1")) == 1


async def test_a_login_ends_the_waiting_of_what_was_refused_without_one(start: Start, crm: GenericCrm) -> None:
    told = await start()
    crm.accept("somebody else's")
    await told.tell("call-1", *answered_call())
    activity = await until(told, "call-1", lambda each: bool(each.error))
    assert (activity.state, activity.attempts) == (ActivityState.PENDING, 0)
    crm.authorise = None
    told.engine.hasten("crm")
    await settled(told, "call-1", ActivityState.STOPPED)


async def test_a_person_says_what_becomes_of_an_activity_of_which_nobody_knows(start: Start, crm: GenericCrm) -> None:
    told = await start(OnceBy.NOTHING)
    crm.faults.next(*[Fault(trouble=Trouble.DISCONNECT, is_done=True)] * 3, of="POST")
    for number in range(3):
        await told.tell(f"call-{number}", *answered_call())
        await settled(told, f"call-{number}", ActivityState.UNKNOWN)
    theirs = crm.of_call("call-0")[0]["id"]
    await told.desk.resolve("crm", "call-0", ResolveForm(action=Resolution.ADOPT, activity_id=theirs))
    await settled(told, "call-0", ActivityState.STOPPED)
    assert crm.of_call("call-0")[0]["state"] == "ended"
    crm.activities.remove(crm.of_call("call-1")[0])
    await told.desk.resolve("crm", "call-1", ResolveForm(action=Resolution.AGAIN))
    await settled(told, "call-1", ActivityState.STOPPED)
    assert [row["state"] for row in crm.of_call("call-1")] == ["ended"]
    await told.desk.resolve("crm", "call-2", ResolveForm(action=Resolution.DISMISS))
    await told.tell("call-2", CONTACT)
    assert (await settled(told, "call-2", ActivityState.DISMISSED)).due_at is None
    assert await told.desk.counts() == {}
    for call_id, form, code in (
        ("call-2", ResolveForm(action=Resolution.AGAIN), "activity_settled"),
        ("call-9", ResolveForm(action=Resolution.AGAIN), "activity_unknown"),
    ):
        with pytest.raises(ActivityError) as refused:
            await told.desk.resolve("crm", call_id, form)
        assert refused.value.code == code


async def test_of_several_crms_one_that_is_away_keeps_nothing_from_the_others(start: Start, crm: GenericCrm) -> None:
    async with GenericCrm() as other, connected(settings_for(other, name="other")) as connector:
        told = await start(OnceBy.FINDING, connector)
        await crm.stop()
        await told.tell("call-1", *answered_call())
        await other.until(lambda: [row.get("state") for row in other.of_call("call-1")] == ["ended"])
        await until(told, "call-1", lambda each: each.state is ActivityState.PENDING and each.attempts > 0)
        assert other.activities[0].get("user_id") is None


async def test_a_document_with_fewer_hooks_is_told_what_it_can_take(
    database: Database, crm: GenericCrm, tmp_path: Path
) -> None:
    whole = document(OnceBy.FINDING)
    hooks = {name: whole.hooks[name] for name in (HookName.USERS, HookName.CREATE_ACTIVITY)}
    settings = settings_for(crm, document=replace(whole, hooks=hooks))
    async with connected(settings) as connector, telling(database, tmp_path, connector) as told:
        await told.tell("call-1", *answered_call(), CONTACT)
        await settled(told, "call-1", ActivityState.STOPPED)
        assert len(crm.requests) == 1
