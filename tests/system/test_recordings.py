"""Calls that are recorded by their route: told so, fetched from a real Asterisk, and whole in the store."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from sandbox import Answer, Phone
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from sandbox.tone import one_second
from tests.patience import PATIENCE_S
from tests.recorded import seconds_with
from tests.system.rig import ADA, ANSWER, Rig, route, running
from tests.system.steering.talks import BOBS_HZ, CUSTOMER, CUSTOMERS_HZ, Talk, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS_HZ, CAROLS_HZ, CONSENT_HZ = 500, 1000, 1477
CONSENT, SLOW = "recordings/consent", "recordings/slow"


def with_routes(config: Config) -> None:
    config["routes"] |= {
        name: {**route(config, {"type": "endpoint"}), "recording": recording}
        for name, recording in {
            "always": {"mode": "always", "announcement": CONSENT},
            "customer": {"mode": "always", "announcement": CONSENT, "announce_to": "customer"},
            "slow": {"mode": "always", "announcement": SLOW},
            "untold": "always",
            "missing": {"mode": "always", "announcement": "recordings/missing"},
            "demand": {"mode": "on_demand", "announcement": CONSENT},
            "off": "off",
        }.items()
    }
    config["click_to_dial"] = {"recording": {"mode": "on_demand", "announcement": CONSENT, "announce_to": "customer"}}
    config["routes"]["slow"]["fallback"] = [{"endpoint": "bob"}]
    config["routes"]["demand"]["response"]["record"] = "record"
    config["routes"]["untold"]["response"]["record"] = "record"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(with_routes) as rig:
        (rig.asterisk.sounds_dir / "consent.ulaw").write_bytes(one_second(CONSENT_HZ))
        (rig.asterisk.sounds_dir / "slow.ulaw").write_bytes(one_second(CONSENT_HZ) * 30)
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    yield shared
    await shared.idle()


@pytest_asyncio.fixture(loop_scope="module")
async def carol(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("carol", CAROLS_HZ) as carol:
        yield carol


async def story(rig: Rig) -> list[e.CallEvent]:
    return list(await rig.router.trace((await rig.newest()).call_id))


def kinds(events: list[e.CallEvent]) -> list[str]:
    """Those of the events that tell of recordings, and when the two came to speak."""
    return [type(event).__name__ for event in events if type(event).__name__.startswith(("Recording", "CallAnswered"))]


async def stored(rig: Rig, count: int = 1) -> list[Path]:
    """The files of the last call's recordings, when all of them are stored, as their rows say."""
    async with asyncio.timeout(PATIENCE_S):
        while len(kept := [each for each in await story(rig) if isinstance(each, e.RecordingStored)]) < count:
            await asyncio.sleep(0.05)  # what happens after a call is told to nobody who waits here
    files = [rig.router.config_path.parent / "recordings" / each.place for each in kept]
    for file, each in zip(files, kept, strict=True):
        content = file.read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (each.size, each.sha256)
        assert each.seconds == pytest.approx((len(content) - 44) / 16_000, abs=0.01)
    return files


async def spool_is_empty(rig: Rig) -> bool:
    folder = rig.asterisk.spool_dir / "recording"
    try:
        async with asyncio.timeout(PATIENCE_S):
            while any(folder.iterdir()):
                await asyncio.sleep(0.05)
    except TimeoutError:
        return False
    return True


async def calling(rig: Rig, by: str, record: object) -> OutgoingCall:
    """A customer calls by this route, whose API also says whether he is recorded."""
    rig.api.answers[ANSWER] = Answer(body={"to": "carol", "record": record})
    await rig.asterisk.cli(f"dialplan set global AGI_ROUTER_ROUTE {by}")
    return await rig.call()


async def called(rig: Rig, ada: Phone, provider: Phone, **more: object) -> Talk:
    """Ada has asked for a customer, and both have picked up."""
    call_id = await rig.place(ADA, CUSTOMER, **more)
    at_ada = await ada.next_call()
    await at_ada.answer()
    at_customer = await provider.next_call()
    await at_customer.answer()
    return Talk(call_id, at_customer, at_ada)


async def test_both_are_told_and_then_recorded_and_a_pause_is_left_out(rig: Rig, carol: Phone) -> None:
    caller = await rig.call_by("always", "carol")
    at_carol = await carol.next_call()
    await at_carol.answer()
    await caller.answered()
    assert all(await asyncio.gather(caller.hears(CONSENT_HZ, 0.6), at_carol.hears(CONSENT_HZ, 0.6)))
    clock = asyncio.get_running_loop()
    began = clock.time()
    await rig.router.until_told(e.RecordingStarted)
    assert all(await asyncio.gather(caller.hears(CAROLS_HZ, 0.6), at_carol.hears(CALLERS_HZ, 0.6)))
    call_id = (await rig.newest()).call_id
    await rig.router.steer(call_id, "record", "pause")
    paused = clock.time()
    assert await caller.hears(CAROLS_HZ, 1.5)
    paused_s = clock.time() - paused
    await rig.router.steer(call_id, "record", "resume")
    assert await caller.hears(CAROLS_HZ, 0.3)
    await caller.hang_up()
    spoken_s = clock.time() - began
    (file,) = await stored(rig)
    assert 0.6 < seconds_with(file, CALLERS_HZ, CAROLS_HZ) < spoken_s - paused_s + 0.5
    assert seconds_with(file, CONSENT_HZ) == 0
    assert kinds(await story(rig)) == [
        "CallAnswered",
        "RecordingAnnounced",
        "RecordingStarted",
        "RecordingEnded",
        "RecordingStored",
    ]
    assert await spool_is_empty(rig)


async def test_the_customer_alone_is_told_where_the_route_says_so(rig: Rig, carol: Phone) -> None:
    caller = await rig.call_by("customer", "carol")
    at_carol = await carol.next_call()
    await at_carol.answer()
    heard, carols = await asyncio.gather(caller.hears(CONSENT_HZ, 0.6), at_carol.hears(CONSENT_HZ, 0.2, timeout_s=1.2))
    assert (heard, carols) == (True, False)
    await rig.router.until_told(e.RecordingStarted)
    assert await caller.hears(CAROLS_HZ, 0.5)
    await caller.hang_up()
    (file,) = await stored(rig)
    assert seconds_with(file, CALLERS_HZ, CAROLS_HZ) > 0.2


async def test_without_its_announcement_a_call_goes_on_unrecorded(rig: Rig, carol: Phone) -> None:
    caller = await rig.call_by("missing", "carol")
    at_carol = await carol.next_call()
    await at_carol.answer()
    assert await caller.hears(CAROLS_HZ, 0.3)
    assert await at_carol.hears(CALLERS_HZ, 0.3)
    await rig.router.until_told(e.RecordingFailed)
    await caller.hang_up()
    await rig.idle()
    events = await story(rig)
    (failed,) = [event for event in events if isinstance(event, e.RecordingFailed)]
    assert (failed.code, failed.name) == ("sound_unplayable", "")
    assert kinds(events) == ["CallAnswered", "RecordingFailed"]


async def test_the_answer_of_the_api_says_who_is_recorded(rig: Rig, carol: Phone) -> None:
    for by, record, recorded in (("demand", "yes", True), ("demand", None, False), ("untold", False, False)):
        caller = await calling(rig, by, record)
        at_carol = await carol.next_call()
        await at_carol.answer()
        if recorded:
            await rig.router.until_told(e.RecordingStarted)
        assert await caller.hears(CAROLS_HZ, 0.4)
        await caller.hang_up()
        if recorded:
            assert len(await stored(rig)) == 1
        await rig.idle()
        started = [event.by for event in await story(rig) if isinstance(event, e.RecordingStarted)]
        assert started == (["answer"] if recorded else [])


async def test_on_demand_the_two_who_speak_hear_so_before(rig: Rig) -> None:
    async with rig.user("carol", None) as carol:  # she says nothing, so that what is played can be told from her voice
        caller = await rig.call_by("demand", "carol")
        at_carol = await carol.next_call()
        await at_carol.answer()
        assert await at_carol.hears(CALLERS_HZ, 0.3)
        call_id = (await rig.newest()).call_id
        heard = asyncio.create_task(caller.hears(CONSENT_HZ, 0.4))
        await rig.router.steer(call_id, "record", "start")
        assert await heard
        assert await at_carol.hears(CALLERS_HZ, 0.3)
        await rig.router.steer(call_id, "record", "stop")
        await stored(rig)  # while the call goes on
        await rig.router.steer(call_id, "record", "start")  # they know by now
        assert await at_carol.hears(CALLERS_HZ, 0.4)
        await caller.hang_up()
        for file in await stored(rig, 2):
            assert seconds_with(file, CALLERS_HZ) > 0.1
            assert seconds_with(file, CONSENT_HZ) == 0
        assert kinds(await story(rig)).count("RecordingAnnounced") == 1
        await rig.idle()


async def test_where_recordings_are_off_nobody_can_begin_one(rig: Rig, carol: Phone) -> None:
    caller = await rig.call_by("off", "carol")
    at_carol = await carol.next_call()
    await at_carol.answer()
    assert await caller.hears(CAROLS_HZ, 0.3)
    assert await refusal(rig, (await rig.newest()).call_id, "record", "start") == "recording_off"
    await caller.hang_up()


async def test_a_call_that_was_asked_for_is_recorded_when_its_customer_knows(rig: Rig) -> None:
    async with (
        rig.user("ada", CAROLS_HZ) as ada,
        Phone.provider(rig.asterisk.layout, tone_hz=CUSTOMERS_HZ) as provider,
    ):
        talk = await called(rig, ada, provider, record=True)
        customer, agent = await asyncio.gather(
            talk.customer.hears(CONSENT_HZ, 0.6), talk.agent.hears(CONSENT_HZ, 0.2, timeout_s=1.2)
        )
        assert (customer, agent) == (True, False)
        await rig.router.until_told(e.RecordingStarted)
        assert await talk.customer.hears(CAROLS_HZ, 0.4)
        assert await talk.agent.hears(CUSTOMERS_HZ, 0.3)
        await talk.agent.hang_up()
        (file,) = await stored(rig)
        assert seconds_with(file, CUSTOMERS_HZ, CAROLS_HZ) > 0.2
        assert [event.by for event in await story(rig) if isinstance(event, e.RecordingStarted)] == ["request"]
        await rig.idle()


async def test_a_call_that_was_asked_for_has_its_rule_also_after_a_restart(rig: Rig) -> None:
    async with (
        rig.user("ada", CAROLS_HZ) as ada,
        Phone.provider(rig.asterisk.layout, tone_hz=CUSTOMERS_HZ) as provider,
    ):
        talk = await called(rig, ada, provider)
        assert await talk.customer.hears(CAROLS_HZ, 0.3)
        await rig.router.until(lambda status: status["calls_in_setup"] == 0)
        await rig.router.records()
        await rig.router.kill()
        await rig.router.start()
        await rig.router.until(lambda status: status["live_calls"] == 1)
        assert "RecordingStarted" not in kinds(await story(rig))
        await rig.router.steer(talk.call_id, "record", "start")
        assert await talk.customer.hears(CAROLS_HZ, 0.4)
        await talk.agent.hang_up()
        assert len(await stored(rig)) == 1
        assert "RecordingAnnounced" in kinds(await story(rig))
        await rig.idle()


async def test_a_recording_of_a_router_that_was_killed_is_fetched_by_the_next_one(rig: Rig, carol: Phone) -> None:
    caller = await rig.call_by("untold", "carol")
    at_carol = await carol.next_call()
    await at_carol.answer()
    await rig.router.until_told(e.RecordingStarted)
    assert await caller.hears(CAROLS_HZ, 0.5)
    await rig.router.kill()
    await caller.hang_up()
    await at_carol.ended()
    await rig.router.start()
    (file,) = await stored(rig)
    assert seconds_with(file, CALLERS_HZ, CAROLS_HZ) > 0.3
    assert await spool_is_empty(rig)


async def test_a_router_that_is_killed_during_the_announcement_leaves_its_caller_to_the_fallback(
    rig: Rig, carol: Phone
) -> None:
    async with rig.user("bob", BOBS_HZ) as bob:
        caller = await rig.call_by("slow", "carol")
        at_carol = await carol.next_call()
        await at_carol.answer()
        assert await caller.hears(CONSENT_HZ, 0.3)
        await rig.router.records()
        await rig.router.kill()
        await rig.router.start()
        await at_carol.ended()
        again = await bob.next_call()
        await again.answer()
        assert await again.hears(CONSENT_HZ, 0.3)
        await caller.hang_up()
        await again.ended()
        await rig.idle()
    assert "RecordingStarted" not in kinds(await story(rig))


async def test_who_hangs_up_during_the_announcement_ends_the_call(rig: Rig, carol: Phone) -> None:
    for caller_first in (True, False):
        caller = await rig.call_by("slow", "carol")
        at_carol = await carol.next_call()
        await at_carol.answer()
        assert await caller.hears(CONSENT_HZ, 0.3)
        await (caller if caller_first else at_carol).hang_up()
        await (at_carol if caller_first else caller).ended()
        await rig.idle()
        assert kinds(await story(rig)) == ["CallAnswered"]


async def test_a_talk_that_outlives_the_router_is_recorded_on_into_the_same_file(rig: Rig, carol: Phone) -> None:
    caller = await rig.call_by("untold", "carol")
    at_carol = await carol.next_call()
    await at_carol.answer()
    await rig.router.until_told(e.RecordingStarted)
    assert await caller.hears(CAROLS_HZ, 0.3)
    await rig.router.kill()
    assert await caller.hears(CAROLS_HZ, 0.5)
    await rig.router.start()
    await rig.router.until(lambda status: status["live_calls"] == 1)
    assert await caller.hears(CAROLS_HZ, 0.3)
    await caller.hang_up()
    (file,) = await stored(rig)
    assert seconds_with(file, CALLERS_HZ, CAROLS_HZ) > 1


async def test_a_store_that_cannot_be_written_gets_the_recording_later(rig: Rig, carol: Phone) -> None:
    folder = rig.router.config_path.parent / "recordings"
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("no folder")
    caller = await rig.call_by("untold", "carol")
    at_carol = await carol.next_call()
    await at_carol.answer()
    await rig.router.until_told(e.RecordingStarted)
    assert await caller.hears(CAROLS_HZ, 0.5)
    await caller.hang_up()
    await rig.idle()
    async with asyncio.timeout(PATIENCE_S):
        while "recordings can't be fetched" not in rig.router.log_tail():
            await asyncio.sleep(0.05)
    assert any((rig.asterisk.spool_dir / "recording").iterdir())
    folder.unlink()
    folder.with_name("elsewhere").rename(folder)
    (file,) = await stored(rig)
    assert seconds_with(file, CALLERS_HZ, CAROLS_HZ) > 0.2
    assert await spool_is_empty(rig)


async def test_what_asterisk_was_killed_over_is_fetched_and_can_be_played(rig: Rig, carol: Phone) -> None:
    caller = await rig.call_by("untold", "carol")
    at_carol = await carol.next_call()
    await at_carol.answer()
    await rig.router.until_told(e.RecordingStarted)
    assert await caller.hears(CAROLS_HZ, 4.0)  # Asterisk writes 32 KB at a time
    await rig.asterisk.kill()
    await rig.asterisk.start()
    (file,) = await stored(rig)
    assert seconds_with(file, CALLERS_HZ, CAROLS_HZ) > 0.5
