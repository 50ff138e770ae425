"""Steering that comes too often, too late, or as the switch or the router goes away."""

import asyncio

from ari_app.calls.ports import (
    ChannelDestroyed,
    UnreachableError,
)
from ari_app.calls.steering_request import (
    SendDigits,
    Transfer,
)
from ari_app.domain import events as e
from tests.unit.calls.test_steering import talking


async def test_a_flood_of_requests_is_refused_and_costs_nobody_his_talk() -> None:
    async with talking() as (exchange, call_id, leg):
        exchange.switch.held["send_digits"] = asyncio.Event()
        asking = [asyncio.create_task(exchange.supervisor.steer(call_id, SendDigits("1"))) for _ in range(400)]
        await exchange.until("send_digits")
        await asyncio.sleep(0)
        exchange.switch.held["send_digits"].set()
        answers = await asyncio.wait_for(asyncio.gather(*asking), 3)
        codes = {answer.code for answer in answers if answer is not None}
        assert codes == {"too_many_requests"}
        assert answers[0] is None
        assert call_id in exchange.supervisor.live
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert end.by == "callee"


async def test_whoever_asks_is_not_left_waiting_when_the_router_loses_the_call() -> None:
    async with talking() as (exchange, call_id, _):
        exchange.switch.errors["remove_from_bridge"] = [UnreachableError("no connection")]
        exchange.switch.errors["destroy_bridge"] = [UnreachableError("no connection")]
        refused = await asyncio.wait_for(exchange.supervisor.steer(call_id, Transfer("bob")), 3)
        assert refused is not None
        assert refused.code == "call_lost"
