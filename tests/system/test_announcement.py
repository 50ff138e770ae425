"""An announcement as a destination, on a real Asterisk: the caller hears it, and his call goes on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from sandbox.router import Config
from sandbox.tone import one_second
from tests.patience import PATIENCE_S
from tests.system.rig import Rig, route, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

LOW_HZ, HIGH_HZ = 697, 1477
LOW, HIGH, EARLY, LONG, AGAIN = (f"recordings/{name}" for name in ("low", "high", "early", "long", "again"))


def with_routes(config: Config) -> None:
    to_carol = {"endpoint": "carol"}
    config["routes"] |= {
        "answer": route(config, {"type": "announcement"}, to_carol),
        "early": route(config, {"values": {"closed": {"announcement": EARLY, "answer": False}}}, {"hangup": "busy"}),
        "again": route(config, {"type": "user"}, {"announcement": [AGAIN]}, to_carol),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_routes) as rig:
        for name, audio in {
            "low": one_second(LOW_HZ),
            "high": one_second(HIGH_HZ),
            "early": one_second(LOW_HZ) * 3,  # with its end the call is over, and nothing more to be heard
            "long": one_second(LOW_HZ) * 30,
            "again": one_second(LOW_HZ) * 30,
        }.items():
            (rig.asterisk.sounds_dir / f"{name}.ulaw").write_bytes(audio)
        yield rig


async def test_sounds_are_heard_one_after_the_other_and_then_the_phone_rings(rig: Rig) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("answer", f"sound:{LOW},{HIGH}")
        await caller.answered()
        assert await caller.hears(LOW_HZ, 0.3)
        assert await caller.hears(HIGH_HZ, 0.3)
        ringing = await carol.next_call()
        await ringing.ring()
        assert await caller.hears(440, 0.2)  # he is answered: Asterisk makes the tone
        await ringing.answer()
        assert all(await asyncio.gather(caller.hears(1000, 0.2), ringing.hears(500, 0.2)))
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.answered_by) == (Disposition.ANSWERED, "PJSIP/carol")
    assert await rig.step_ends() == [("played", ""), ("answered", "")]
    kinds = [type(event) for event in await rig.router.trace(record.call_id)]
    assert kinds.index(e.StepEnded) < kinds.index(e.LegDialled), "she is rung when all has been heard"


async def test_early_media_is_heard_without_an_answer_and_the_hangup_keeps_its_cause(rig: Rig) -> None:
    caller = await rig.call_by("early", "closed")
    await caller.progressed(183)
    assert await caller.hears(LOW_HZ, 0.3)
    assert await caller.final_status() == 486
    await rig.idle()
    assert (await rig.newest()).disposition == Disposition.REJECTED
    assert await rig.step_ends() == [("played", "")]


@pytest.mark.parametrize("value", ["recordings/absent", f"recordings/absent,{LOW}"])
async def test_a_sound_that_is_not_there_is_on_record_and_the_chain_goes_on(rig: Rig, value: str) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("answer", value)
        await (await carol.next_call()).answer()
        assert await caller.hears(1000, 0.2)  # the announcement has answered him long before carol
        await caller.hang_up()
        await rig.idle()
    assert await rig.step_ends() == [("failed", "sound_unplayable"), ("answered", "")]
    assert (await rig.newest()).error_code == "sound_unplayable"


@pytest.mark.parametrize(
    "value", ["/etc/passwd", "../../etc/passwd", "recording:x", "https://evil.example/a.wav", "a;b"]
)
async def test_an_answer_names_nothing_but_sounds(rig: Rig, value: str) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("answer", value)
        ringing = await carol.next_call()
        await caller.cancel()
        await ringing.cancelled()
        await rig.idle()
    assert (await rig.newest()).error_code == "value_not_sound"


async def test_a_caller_who_hangs_up_ends_it(rig: Rig) -> None:
    caller = await rig.call_by("answer", LONG)
    await caller.answered()
    assert await caller.hears(LOW_HZ, 0.3)
    await caller.hang_up()
    await rig.idle()
    assert (await rig.newest()).disposition == Disposition.ABANDONED
    assert await rig.step_ends() == [("cancelled", "")]


async def test_the_router_that_is_killed_meanwhile_begins_it_again(rig: Rig) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("again", "nobody")
        await caller.answered()
        assert await caller.hears(LOW_HZ, 0.3)
        await rig.router.records()
        await rig.router.kill()
        other = rig.asterisk.sounds_dir / "other.ulaw"
        other.write_bytes(one_second(HIGH_HZ))
        other.rename(other.with_name("again.ulaw"))  # what plays already stays as it was
        begun_again = asyncio.create_task(caller.hears(HIGH_HZ, 0.3, timeout_s=PATIENCE_S))
        await rig.router.start()
        assert await begun_again
        ringing = await carol.next_call()
        await ringing.answer()
        assert await caller.hears(1000, 0.2)
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.recovered, record.answered_by) == (True, "PJSIP/carol")
