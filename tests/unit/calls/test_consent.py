"""Those who are about to be recorded hear so, on a switch that does what a real one can't be made to do at a moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agi_router.routing.recorded import AnnouncedTo, RecordingMode, RecordingRule
from agi_router.routing.treatment import Treatment
from ari_app.calls.ids import bridge_id, consent_id
from ari_app.calls.ports import ChannelDestroyed, ChannelLeft, PlaybackEnded, RefusedError
from ari_app.calls.steering_request import Hold, Record, RecordingChange, Resume
from ari_app.domain import events as e
from tests.fakes.switch import CALLER, Exchange
from tests.patience import PATIENCE_S

START = Record(RecordingChange.START)


def rule(mode: RecordingMode, to: AnnouncedTo = AnnouncedTo.BOTH) -> Treatment:
    return Treatment(recording=RecordingRule(mode=mode, announcement=("custom/recorded",), announce_to=to))


@asynccontextmanager
async def picked_up(treatment: Treatment) -> AsyncIterator[tuple[Exchange, str, str]]:
    """A caller rings at one phone, which has just been picked up."""
    exchange = Exchange("ada")
    exchange.rings.treated = treatment
    async with exchange:
        exchange.arrive()
        await exchange.until("dial")
        (leg,) = exchange.switch.dialled
        exchange.pick_up(leg)
        await exchange.until("answer")
        (call_id,) = exchange.supervisor.live
        yield exchange, call_id, leg


async def told(exchange: Exchange, kind: type[e.CallEvent]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not any(isinstance(event, kind) for event in exchange.told.events):
            await asyncio.sleep(0)


async def plays(exchange: Exchange, times: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while exchange.switch.requests.count("play") < times:
            await asyncio.sleep(0)


def recordings(exchange: Exchange) -> list[str]:
    return [type(event).__name__ for event in exchange.told.events if type(event).__name__.startswith("Recording")]


def heard(exchange: Exchange, channel: str, call_id: str, listener: int = 1, *, failed: bool = False) -> None:
    exchange.switch.deliver(PlaybackEnded(channel, consent_id(call_id, 1, listener), failed))


async def test_both_hear_it_to_its_end_before_they_speak_and_are_recorded() -> None:
    async with picked_up(rule(RecordingMode.ALWAYS)) as (exchange, call_id, leg):
        await plays(exchange, 2)
        heard(exchange, CALLER, call_id)
        await asyncio.sleep(0)
        assert "add_to_bridge" not in exchange.switch.requests
        heard(exchange, leg, call_id, 2)
        await told(exchange, e.RecordingStarted)
        requests = exchange.switch.requests
        assert requests.index("add_to_bridge") < requests.index("start_recording")
        assert recordings(exchange) == ["RecordingAnnounced", "RecordingStarted"]
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()


@pytest.mark.parametrize("who", ["caller", "leg"])
async def test_who_hangs_up_while_it_is_played_is_not_recorded_and_nothing_is_left(who: str) -> None:
    async with picked_up(rule(RecordingMode.ALWAYS, AnnouncedTo.CUSTOMER)) as (exchange, call_id, leg):
        await plays(exchange, 1)
        if who == "caller":
            exchange.switch.deliver(ChannelLeft(CALLER))
        else:
            exchange.switch.deliver(ChannelDestroyed(leg, 16))
            heard(exchange, CALLER, call_id)
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert end.by == ("caller" if who == "caller" else "callee")
    assert recordings(exchange) == []


async def test_a_sound_that_ends_as_failed_leaves_the_call_unrecorded_and_they_speak() -> None:
    async with picked_up(rule(RecordingMode.ALWAYS, AnnouncedTo.CUSTOMER)) as (exchange, call_id, leg):
        await plays(exchange, 1)
        heard(exchange, CALLER, call_id, failed=True)
        await exchange.until("add_to_bridge")
        assert recordings(exchange) == ["RecordingFailed"]
        assert "start_recording" not in exchange.switch.requests
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()


async def test_an_asterisk_that_cannot_record_is_on_record_and_they_speak() -> None:
    async with picked_up(Treatment(recording=RecordingRule(mode=RecordingMode.ALWAYS))) as (exchange, _, leg):
        exchange.switch.errors["start_recording"] = [RefusedError("500 Internal Server Error")]
        await told(exchange, e.RecordingFailed)
        (failed,) = [event for event in exchange.told.events if isinstance(event, e.RecordingFailed)]
        assert (failed.code, failed.name) == ("recording_failed", "")
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()


async def test_while_it_is_played_on_demand_nobody_begins_twice_and_the_talk_can_be_steered() -> None:
    async with picked_up(rule(RecordingMode.ON_DEMAND)) as (exchange, call_id, leg):
        await exchange.until("add_to_bridge")
        await asyncio.sleep(0)
        asking = asyncio.create_task(exchange.supervisor.steer(call_id, START))
        await exchange.until("play_to_bridge")
        again = await exchange.supervisor.steer(call_id, START)
        assert again is not None
        assert again.code == "already_recording"
        assert recordings(exchange) == []
        heard(exchange, bridge_id(call_id), call_id)
        assert await asyncio.wait_for(asking, PATIENCE_S) is None
        assert recordings(exchange) == ["RecordingAnnounced", "RecordingStarted"]
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()


async def test_nobody_is_told_on_hold() -> None:
    async with picked_up(rule(RecordingMode.ON_DEMAND)) as (exchange, call_id, leg):
        await exchange.until("add_to_bridge")
        await asyncio.sleep(0)
        assert await exchange.supervisor.steer(call_id, Hold()) is None
        refused = await exchange.supervisor.steer(call_id, START)
        assert refused is not None
        assert refused.code == "on_hold"
        assert await exchange.supervisor.steer(call_id, Resume()) is None
        assert "play_to_bridge" not in exchange.switch.requests
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()
