"""Live calls are recorded by request, both sides in a file of Asterisk's spool."""

import wave
from pathlib import Path

import pytest

from ari_app.domain import events as e
from sandbox import Phone
from sandbox.tone import SAMPLE_RATE, encode, share
from tests.system.rig import Rig
from tests.system.steering.talks import ADAS_HZ, BOBS_HZ, CALLERS_HZ, inbound, last, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")


def seconds_with(file: Path, *frequencies_hz: int) -> float:
    """How long all of these tones are in the recording together."""
    with wave.open(str(file)) as recording:
        assert (recording.getframerate(), recording.getsampwidth(), recording.getnchannels()) == (SAMPLE_RATE, 2, 1)
        samples = memoryview(recording.readframes(recording.getnframes())).cast("h")
    step = SAMPLE_RATE // 50
    pieces = [bytes(encode(sample) for sample in samples[at : at + step]) for at in range(0, len(samples), step)]
    heard = [piece for piece in pieces if all(share(piece, hz) > 0.2 for hz in frequencies_hz)]
    return len(heard) / 50


def spooled(rig: Rig, story: list[e.CallEvent]) -> list[Path]:
    """The files of the call's recordings."""
    files = [event.file for event in story if isinstance(event, e.RecordingStarted)]
    return [rig.asterisk.spool_dir / "recording" / file for file in files]


async def test_both_sides_are_recorded_and_a_pause_and_a_hold_are_left_out(rig: Rig, ada: Phone) -> None:
    talk = await inbound(rig, ada)
    assert await refusal(rig, talk.call_id, "record", "stop") == "not_recording"
    await rig.router.steer(talk.call_id, "record", "start")
    assert await refusal(rig, talk.call_id, "record", "start") == "already_recording"
    assert await talk.customer.hears(ADAS_HZ, 0.6)
    await rig.router.steer(talk.call_id, "record", "pause")
    assert await talk.customer.hears(ADAS_HZ, 1.5)
    await rig.router.steer(talk.call_id, "record", "resume")
    await rig.router.steer(talk.call_id, "hold")
    assert await talk.customer.hears(620, 1.5)
    await rig.router.steer(talk.call_id, "resume")
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    (live,) = await rig.router.live()
    assert live["recording"] == f"{talk.call_id}-1"
    await rig.router.steer(talk.call_id, "record", "stop")
    await rig.router.steer(talk.call_id, "record", "start")
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    await talk.customer.hang_up()
    _, story = await last(rig)
    first, second = spooled(rig, story)
    assert 0.5 < seconds_with(first, CALLERS_HZ, ADAS_HZ) < 1.5
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
