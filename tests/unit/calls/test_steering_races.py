"""Steering that comes too often, too late, or as the switch or the router goes away."""

import asyncio

from ari_app.calls.holding import on_record
from ari_app.calls.ports import (
    ChannelDestroyed,
    ChannelEntered,
    ChannelLeft,
    RefusedError,
    UnreachableError,
)
from ari_app.calls.steering_request import (
    Consult,
    HangUp,
    Hold,
    Record,
    RecordingChange,
    SendDigits,
    Transfer,
)
from ari_app.domain import events as e
from tests.fakes.switch import CALLER
from tests.patience import PATIENCE_S
from tests.unit.calls.test_steering import talking


async def test_a_flood_of_requests_is_refused_and_costs_nobody_his_talk() -> None:
    async with talking() as (exchange, call_id, leg):
        exchange.switch.held["send_digits"] = asyncio.Event()
        asking = [asyncio.create_task(exchange.supervisor.steer(call_id, SendDigits("1"))) for _ in range(400)]
        await exchange.until("send_digits")
        await asyncio.sleep(0)
        exchange.switch.held["send_digits"].set()
        answers = await asyncio.wait_for(asyncio.gather(*asking), PATIENCE_S)
        codes = {answer.code for answer in answers if answer is not None}
        assert codes == {"too_many_requests"}
        assert answers[0] is None
        assert call_id in exchange.supervisor.live
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert end.by == "callee"


async def test_a_hold_ends_for_the_one_who_stays_also_when_it_cannot_be_ended_for_the_other() -> None:
    async with talking() as (exchange, call_id, leg):
        assert await exchange.supervisor.steer(call_id, Hold()) is None
        exchange.switch.errors["unmute"] = [RefusedError("409 Channel not in Stasis")]
        asking = asyncio.create_task(exchange.supervisor.steer(call_id, Transfer("bob")))
        async with asyncio.timeout(PATIENCE_S):
            while len(exchange.switch.dialled) < 2:
                await asyncio.sleep(0)
        assert "stop_music" in exchange.switch.requests
        exchange.pick_up(exchange.switch.dialled[1])
        assert await asking is None
        exchange.switch.deliver(ChannelDestroyed(leg, 16))


async def test_a_hold_ends_when_asterisk_puts_another_phone_in_the_place_of_the_one_that_holds() -> None:
    async with talking() as (exchange, call_id, leg):
        assert await exchange.supervisor.steer(call_id, Hold()) is None
        newcomer = ChannelEntered(
            channel_id="1772357400.7",
            name="PJSIP/bob-1",
            up=True,
            args=(),
            caller_number="",
            caller_name="",
            replaces=leg,
        )
        exchange.switch.deliver(newcomer)
        async with asyncio.timeout(PATIENCE_S):
            while not any(isinstance(event, e.Transferred) for event in exchange.told.events):
                await asyncio.sleep(0)
        assert "stop_music" in exchange.switch.requests
        assert on_record(exchange.told.calls[call_id]) == (set(), set(), set())
        exchange.switch.deliver(ChannelLeft(CALLER))


async def test_whoever_asks_is_not_left_waiting_when_the_router_loses_the_call() -> None:
    async with talking() as (exchange, call_id, _):
        exchange.switch.errors["remove_from_bridge"] = [UnreachableError("no connection")]
        exchange.switch.errors["destroy_bridge"] = [UnreachableError("no connection")]
        refused = await asyncio.wait_for(exchange.supervisor.steer(call_id, Transfer("bob")), PATIENCE_S)
        assert refused is not None
        assert refused.code == "call_lost"


async def test_what_is_asked_of_a_call_that_is_over_is_not_put_on_its_record() -> None:
    async with talking() as (exchange, call_id, leg):
        exchange.switch.held["hang_up"] = asyncio.Event()
        exchange.switch.deliver(ChannelLeft(CALLER))
        async with asyncio.timeout(PATIENCE_S):
            while not exchange.ends():
                await asyncio.sleep(0)
        assert await exchange.supervisor.steer(call_id, HangUp()) is None
        exchange.switch.held["hang_up"].set()
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()
    assert not any(isinstance(event, e.Steered) for event in exchange.told.events)


async def test_a_hangup_of_one_party_that_fails_does_not_claim_the_end_that_comes_later() -> None:
    async with talking() as (exchange, call_id, leg):
        exchange.switch.errors["hang_up"] = [RefusedError("500 Internal Server Error")]
        refused = await exchange.supervisor.steer(call_id, HangUp("leg-1"))
        assert refused is not None
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert end.by == "callee"


async def test_a_recording_that_asterisk_did_not_confirm_is_on_record_and_can_be_stopped() -> None:
    async with talking() as (exchange, call_id, _):
        exchange.switch.errors["start_recording"] = [UnreachableError("no answer in time")]
        refused = await exchange.supervisor.steer(call_id, Record(RecordingChange.START))
        assert refused is not None
        assert refused.code == "asterisk_unreachable"
        assert any(isinstance(event, e.RecordingStarted) for event in exchange.told.events)
        assert await exchange.supervisor.steer(call_id, Record(RecordingChange.STOP)) is None


async def test_a_router_that_stops_lets_nobody_consult_on() -> None:
    async with talking() as (exchange, call_id, _):
        asking = asyncio.create_task(exchange.supervisor.steer(call_id, Consult("bob")))
        async with asyncio.timeout(PATIENCE_S):
            while len(exchange.switch.dialled) < 2:
                await asyncio.sleep(0)
        exchange.pick_up(exchange.switch.dialled[1])
        assert await asking is None
        await asyncio.wait_for(exchange.supervisor.stop(3), PATIENCE_S)
        assert exchange.switch.requests.count("stop_music") == 1
    failed = [event for event in exchange.told.events if isinstance(event, e.TransferFailed)]
    assert [event.outcome for event in failed] == ["taken_back"]
    assert not exchange.ends()
