"""Live calls are recorded by request, both sides in a file of Asterisk's spool."""

import asyncio
from pathlib import Path

import pytest

from ari_app.domain import events as e
from sandbox import Phone
from tests.recorded import seconds_with
from tests.system.rig import Rig
from tests.system.steering.talks import ADAS_HZ, BOBS_HZ, CALLERS_HZ, inbound, last, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")


def spooled(rig: Rig, story: list[e.CallEvent]) -> list[Path]:
    """The files of the call's recordings."""
    files = [event.file for event in story if isinstance(event, e.RecordingStarted)]
    return [rig.asterisk.spool_dir / "recording" / file for file in files]


async def test_both_sides_are_recorded_and_a_pause_and_a_hold_are_left_out(rig: Rig, ada: Phone) -> None:
    talk = await inbound(rig, ada)
    assert await refusal(rig, talk.call_id, "record", "stop") == "not_recording"
    clock = asyncio.get_running_loop()
    began = clock.time()
    await rig.router.steer(talk.call_id, "record", "start")
    assert await refusal(rig, talk.call_id, "record", "start") == "already_recording"
    assert await talk.customer.hears(ADAS_HZ, 0.6)
    await rig.router.steer(talk.call_id, "record", "pause")
    paused = clock.time()
    assert await talk.customer.hears(ADAS_HZ, 1.5)
    left_out_s = clock.time() - paused
    await rig.router.steer(talk.call_id, "record", "resume")
    await rig.router.steer(talk.call_id, "hold")
    held = clock.time()
    assert await talk.customer.hears(620, 1.5)
    left_out_s += clock.time() - held
    await rig.router.steer(talk.call_id, "resume")
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    (live,) = await rig.router.live()
    assert live["recording"] == f"{talk.call_id}-1"
    await rig.router.steer(talk.call_id, "record", "stop")
    recorded_s = clock.time() - began - left_out_s
    await rig.router.steer(talk.call_id, "record", "start")
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    await talk.customer.hang_up()
    _, story = await last(rig)
    first, second = spooled(rig, story)
    assert 0.5 < seconds_with(first, CALLERS_HZ, ADAS_HZ) < recorded_s + 0.5
    assert seconds_with(first, 620) == 0
    assert seconds_with(second, CALLERS_HZ, ADAS_HZ) > 0.2
    assert [event.name for event in story if isinstance(event, e.RecordingEnded)] == [first.stem, second.stem]


async def test_a_recording_goes_on_after_a_transfer_and_a_restart_of_the_router(rig: Rig, ada: Phone) -> None:
    async with rig.user("bob", BOBS_HZ) as bob:
        talk = await inbound(rig, ada)
        await rig.router.steer(talk.call_id, "record", "start")
        assert await talk.customer.hears(ADAS_HZ, 0.3)
        transfer = await talk.agent.transfer("102")
        at_bob = await bob.next_call()
        await at_bob.answer()
        assert await transfer.outcome() == 200
        await talk.agent.ended()
        await rig.router.records()
        await rig.router.kill()
        assert await talk.customer.hears(BOBS_HZ, 0.3)
        await rig.router.start()
        await rig.router.until(lambda status: status["live_calls"] == 1)
        assert await talk.customer.hears(BOBS_HZ, 0.3)
        assert await refusal(rig, talk.call_id, "record", "start") == "already_recording"
        await at_bob.hang_up()
        await talk.customer.ended()
    _, story = await last(rig)
    (file,) = spooled(rig, story)
    assert seconds_with(file, CALLERS_HZ, BOBS_HZ) > 0.5


async def test_a_talk_is_recorded_on_after_an_agent_has_hung_up_while_his_transfer_rang(rig: Rig, ada: Phone) -> None:
    async with rig.user("bob", BOBS_HZ) as bob:
        talk = await inbound(rig, ada)
        await rig.router.steer(talk.call_id, "record", "start")
        assert await talk.customer.hears(ADAS_HZ, 0.3)
        asking = asyncio.create_task(rig.router.steer(talk.call_id, "transfer", "102"))
        at_bob = await bob.next_call()
        await at_bob.ring()
        await talk.agent.hang_up()
        assert await talk.customer.hears_ringing()
        await at_bob.answer()
        await asking
        await rig.router.until_told(e.RecordingStarted, 2)
        (live,) = await rig.router.live()
        assert live["recording"] == f"{talk.call_id}-2"
        assert await talk.customer.hears(BOBS_HZ, 0.5)
        await talk.customer.hang_up()
    _, story = await last(rig)
    first, second = spooled(rig, story)
    assert seconds_with(first, CALLERS_HZ, ADAS_HZ) > 0.2
    assert seconds_with(second, CALLERS_HZ, BOBS_HZ) > 0.2
    assert [event.name for event in story if isinstance(event, e.RecordingEnded)] == [first.stem, second.stem]


async def test_a_recording_ends_with_a_call_that_ends_while_no_router_runs(rig: Rig, ada: Phone) -> None:
    talk = await inbound(rig, ada)
    await rig.router.steer(talk.call_id, "record", "start")
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    await rig.router.records()
    await rig.router.kill()
    await talk.customer.hang_up()
    await talk.agent.ended()
    await rig.router.start()
    _, story = await last(rig)
    (file,) = spooled(rig, story)
    assert seconds_with(file, CALLERS_HZ, ADAS_HZ) > 0.2


async def test_an_asterisk_that_cannot_record_is_told_and_the_talk_goes_on(rig: Rig, ada: Phone) -> None:
    talk = await inbound(rig, ada)
    folder = rig.asterisk.spool_dir / "recording"
    away = folder.rename(folder.with_name("elsewhere"))
    try:
        assert await refusal(rig, talk.call_id, "record", "start") == "recording_failed"
    finally:
        away.rename(folder)
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    await talk.customer.hang_up()
