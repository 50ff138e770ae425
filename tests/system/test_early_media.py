"""What a trunk sends before the answer is heard by the caller, and whatever comes after it ends well."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from sandbox import Answer, Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from sandbox.tone import MUSIC_ON_HOLD_HZ, RINGING_HZ
from tests.patience import PATIENCE_S
from tests.system.rig import ANSWER, DID, Rig, origin, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTSIDE = "+14155550123"
EARLY_HZ = 1000  # the provider's
CAROL_HZ = 700


def to_the_outside(config: Config) -> None:
    """User `out` is a number outside by two trunks, `both` a phone and that number."""
    api = origin(config)
    config["routes"]["sales"] = {
        "request": {"url": f"{api}{ANSWER}"},
        "response": {"type": "user", "path": "to"},
        "fallback": [{"endpoint": "carol", "timeout_s": 25}],
    }
    config["routes"]["music"] = config["routes"]["sales"] | {"waiting": "music"}
    config["routes"]["short"] = config["routes"]["sales"] | {"ringing": {"timeout_s": 8}}
    config["routes"]["now"] = config["routes"]["sales"] | {"answer": "now"}
    one = {"endpoint": "PJSIP/trunk", "caller_id": DID}
    config["trunks"] = [{**one, "name": "first"}, {**one, "name": "second", "number_format": "digits"}]
    outside = {"external": OUTSIDE}
    config["directory"]["users"] += [
        {"id": "out", "devices": [outside]},
        {"id": "both", "devices": ["PJSIP/ada", outside]},
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(to_the_outside) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> Rig:
    """One Asterisk and one router serve the calls of the whole file, one after the other."""
    await shared.asterisk.cli("dialplan set global AGI_ROUTER_ROUTE sales")
    return shared


@pytest_asyncio.fixture(loop_scope="module")
async def provider(rig: Rig) -> AsyncIterator[Phone]:
    async with Phone.provider(rig.asterisk.layout, tone_hz=EARLY_HZ) as provider:
        yield provider


@pytest_asyncio.fixture(loop_scope="module")
async def carol(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("carol", CAROL_HZ) as carol:
        yield carol


async def call(rig: Rig, user: str = "out", route: str = "sales") -> OutgoingCall:
    rig.api.answers[ANSWER] = Answer(body={"to": user})
    await rig.asterisk.cli(f"dialplan set global AGI_ROUTER_ROUTE {route}")
    return await rig.call()


async def hearing(rig: Rig, provider: Phone, **given: str) -> tuple[OutgoingCall, IncomingCall]:
    """A caller who hears what the provider sends before the answer."""
    caller = await call(rig, **given)
    at_provider = await provider.next_call()
    await at_provider.send_early_media()
    assert await caller.hears(EARLY_HZ, 0.3)
    return caller, at_provider


async def hears_ringing(caller: OutgoingCall) -> bool:
    return await caller.hears(RINGING_HZ[0], 0.3)


async def speak(rig: Rig, caller: OutgoingCall, phone: IncomingCall, tone_hz: int) -> CallRecord:
    """The phone is answered, both hear each other, and the end of one ends the other."""
    await phone.answer()
    await caller.answered()
    assert all(await asyncio.gather(caller.hears(tone_hz, 0.3), phone.hears(500, 0.3)))
    await rig.router.until_told(e.CallAnswered)  # they speak without it
    await phone.hang_up()
    assert (await caller.ended()).how == "bye"
    await rig.idle()
    return await rig.newest()


async def test_a_trunk_is_heard_before_its_answer_and_after_it(rig: Rig, provider: Phone) -> None:
    caller, at_provider = await hearing(rig, provider)
    assert 183 in [progress.status for progress in caller.progress]
    record = await speak(rig, caller, at_provider, EARLY_HZ)
    assert (record.disposition, record.answered_by, record.ended_by) == ("answered", "PJSIP/trunk", "callee")
    told = [type(event).__name__ for event in await rig.router.trace(record.call_id)]
    in_order = ["LegDialled", "LegProgressed", "LegAnswered", "StepEnded", "CallAnswered", "CallEnded"]
    assert [name for name in told if name in in_order] == in_order


async def test_a_trunk_that_only_rings_lets_the_caller_hear_his_own_ringing(rig: Rig, provider: Phone) -> None:
    caller = await call(rig)
    at_provider = await provider.next_call()
    await at_provider.ring()
    await caller.progressed(180)
    await rig.router.until(lambda status: status["live_calls"] == 1)
    assert [progress.status for progress in caller.progress if progress.status == 183] == []
    await speak(rig, caller, at_provider, EARLY_HZ)


async def test_after_early_media_and_busy_the_caller_hears_ringing_and_the_next_step_is_answered(
    rig: Rig, provider: Phone, carol: Phone
) -> None:
    caller, at_provider = await hearing(rig, provider)
    await at_provider.reject(486)
    at_carol = await carol.next_call()
    assert await hears_ringing(caller)
    record = await speak(rig, caller, at_carol, CAROL_HZ)
    assert [(leg.endpoint, leg.outcome) for leg in record.legs] == [
        ("PJSIP/trunk", "busy"),
        ("PJSIP/carol", "answered"),
    ]


async def test_after_early_media_and_a_failure_the_second_trunk_is_heard(rig: Rig, provider: Phone) -> None:
    caller, at_first = await hearing(rig, provider)
    await at_first.reject(503)
    at_second = await provider.next_call()
    assert at_second.called_number == OUTSIDE[1:]
    assert await hears_ringing(caller)
    await at_second.send_early_media()
    assert await caller.hears(EARLY_HZ, 0.3)
    record = await speak(rig, caller, at_second, EARLY_HZ)
    assert [leg.outcome for leg in record.legs] == ["failed", "answered"]


async def test_when_the_time_of_the_step_is_over_the_caller_hears_ringing_again(
    rig: Rig, provider: Phone, carol: Phone
) -> None:
    caller, at_provider = await hearing(rig, provider, route="short")
    await at_provider.cancelled(PATIENCE_S)
    at_carol = await carol.next_call()
    assert await hears_ringing(caller)
    record = await speak(rig, caller, at_carol, CAROL_HZ)
    assert [leg.outcome for leg in record.legs] == ["no_answer", "answered"]


async def test_a_caller_who_hangs_up_in_early_media_leaves_nothing(rig: Rig, provider: Phone) -> None:
    caller, at_provider = await hearing(rig, provider)
    await caller.cancel()
    await at_provider.cancelled()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.step, record.cause) == ("abandoned", 1, 16)
    assert [leg.outcome for leg in record.legs] == ["cancelled"]
    assert len(provider.received) == 1


async def test_with_a_phone_beside_it_a_trunk_is_not_heard_before_the_answer(rig: Rig, provider: Phone) -> None:
    async with rig.user("ada", CAROL_HZ) as ada:
        caller = await call(rig, "both")
        at_ada, at_provider = await ada.next_call(), await provider.next_call()
        await at_provider.send_early_media()
        await at_ada.ring()
        await caller.progressed(180)
        record = await speak(rig, caller, at_ada, CAROL_HZ)
        assert 183 not in [progress.status for progress in caller.progress]
        outcomes = {leg.endpoint: leg.outcome for leg in record.legs}
        assert outcomes == {"PJSIP/ada": "answered", "PJSIP/trunk": "answered_elsewhere"}


async def test_a_caller_who_waits_with_music_goes_on_hearing_it(rig: Rig, provider: Phone) -> None:
    caller = await call(rig, route="music")
    at_provider = await provider.next_call()
    await at_provider.send_early_media()
    assert await caller.hears(MUSIC_ON_HOLD_HZ, 0.5)
    await speak(rig, caller, at_provider, EARLY_HZ)


async def test_a_caller_who_is_answered_already_hears_the_trunk_too(rig: Rig, provider: Phone, carol: Phone) -> None:
    caller, at_provider = await hearing(rig, provider, route="now")
    await caller.answered()
    await at_provider.reject(486)
    at_carol = await carol.next_call()
    assert await hears_ringing(caller)
    await speak(rig, caller, at_carol, CAROL_HZ)


async def test_a_router_that_is_killed_in_early_media_comes_back_and_the_caller_goes_on_to_the_fallback(
    rig: Rig, provider: Phone, carol: Phone
) -> None:
    caller, at_provider = await hearing(rig, provider)
    await rig.router.records()
    await rig.router.kill()
    assert await caller.hears(EARLY_HZ, 0.3)
    await rig.router.start()
    await at_provider.cancelled()
    record = await speak(rig, caller, await carol.next_call(), CAROL_HZ)
    assert (record.answered_by, record.recovered) == ("PJSIP/carol", True)
    assert [leg.outcome for leg in record.legs] == ["lost", "answered"]


async def test_a_trunk_that_fails_while_the_router_is_away_leaves_the_caller_to_the_fallback(
    rig: Rig, provider: Phone, carol: Phone
) -> None:
    caller, at_provider = await hearing(rig, provider)
    await rig.router.records()
    await rig.router.kill()
    await at_provider.reject(486)
    await rig.router.start()
    record = await speak(rig, caller, await carol.next_call(), CAROL_HZ)
    assert (record.answered_by, record.recovered) == ("PJSIP/carol", True)


async def test_an_answer_while_the_router_is_away_is_a_talk_when_it_comes_back(rig: Rig, provider: Phone) -> None:
    caller, at_provider = await hearing(rig, provider)
    await rig.router.records()
    await rig.router.kill()
    await at_provider.answer()
    await caller.answered()
    await rig.router.start()
    await rig.router.until(lambda status: status["live_calls"] == 1)
    assert all(await asyncio.gather(caller.hears(EARLY_HZ, 0.3), at_provider.hears(500, 0.3)))
    await at_provider.hang_up()
    assert (await caller.ended()).how == "bye"
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.answered_by, record.ended_by) == ("answered", "PJSIP/trunk", "callee")


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_without_a_router_the_end_of_one_ends_the_other_also_before_it_knew_of_the_answer(
    rig: Rig, provider: Phone, who: str
) -> None:
    caller, at_provider = await hearing(rig, provider)
    await rig.router.kill()
    await at_provider.answer()
    await caller.answered()
    first, other = (caller, at_provider) if who == "caller" else (at_provider, caller)
    await first.hang_up()
    assert (await other.ended()).how == "bye"
    await rig.router.start()
    await rig.idle()
