"""A place among the calls outside is free when the channel ends, whatever becomes of the call; and not before."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from agi_router.routing.caller_id import OwnNumber
from agi_router.routing.destination import ExternalDestination
from agi_router.routing.step import Member, Ring, Step, TrunkTarget, TrunkWay
from agi_router.routing.volume_limits import Measure
from ari_app.calls.clock import now
from ari_app.calls.ids import bridge_id, leg_channel_id
from ari_app.calls.ports import ChannelDestroyed, ChannelLeft, PresentChannel, Snapshot, UnreachableError
from tests.fakes.switch import CALLER, Exchange

NUMBER = "+14155550123"
WAY = TrunkWay(trunk="main", endpoint="trunk", dial=NUMBER, caller_id=OwnNumber(""), trusted=False, setup_timeout_s=4)
OUTSIDE = Step(
    destination=ExternalDestination(NUMBER),
    timeout_s=20,
    action=Ring((Member("", (TrunkTarget(number=NUMBER, via=(WAY,)),)),)),
)

THE_CALLER = PresentChannel(
    channel_id=CALLER,
    name="PJSIP/trunk-1",
    up=False,
    entered=True,
    args=("sales",),
    caller_number="",
    caller_name="",
)


def concurrent(exchange: Exchange) -> float:
    """How many calls outside count at this moment."""
    return next(count.value for count in exchange.volume.counters(now()) if count.measure is Measure.CONCURRENT)


def snapshot_of(
    channels: Mapping[str, PresentChannel], bridges: Mapping[str, frozenset[str]]
) -> Callable[[], Coroutine[Any, Any, Snapshot]]:
    """Tells that these are there."""

    async def snapshot() -> Snapshot:
        return Snapshot(channels=channels, bridges=bridges)

    return snapshot


def calling_outside() -> Exchange:
    """An exchange whose callers are put through to a number outside."""
    exchange = Exchange()
    exchange.rings.fallback = lambda route_name, at: (OUTSIDE,)  # type: ignore[method-assign]
    return exchange


async def test_a_leg_whose_call_broke_off_and_could_not_be_cleared_counts_until_its_channel_ends() -> None:
    async with calling_outside() as exchange:
        exchange.switch.errors["answer"] = [UnreachableError("no answer in time")]
        exchange.switch.errors["hang_up"] = [UnreachableError("no answer in time")]
        exchange.arrive()
        await exchange.until("dial")
        await asyncio.sleep(0)
        (leg,) = exchange.switch.dialled
        exchange.pick_up(leg)
        await exchange.over()
        assert concurrent(exchange) == 1, "it is still there"
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        assert concurrent(exchange) == 0


async def test_a_leg_that_is_being_created_while_the_router_reconnects_keeps_its_place() -> None:
    async with calling_outside() as exchange:
        exchange.switch.held["create_leg"] = asyncio.Event()
        exchange.switch.present.append(THE_CALLER)
        exchange.arrive()
        await exchange.until("create_leg")
        assert concurrent(exchange) == 1
        await exchange.recovery.reconcile()
        assert concurrent(exchange) == 1
        exchange.switch.held["create_leg"].set()
        await exchange.until("dial")
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        assert concurrent(exchange) == 0


async def test_a_talk_whose_two_sides_leave_while_the_router_comes_back_is_over() -> None:
    async with calling_outside() as exchange:
        call_id = "20260301T020000-0123456789ab"
        leg = leg_channel_id(call_id, "leg-1")
        orphan = leg_channel_id("20260301T020000-ba9876543210", "leg-1")
        there = {id_: replace(THE_CALLER, channel_id=id_, up=True) for id_ in (CALLER, leg, orphan)}
        exchange.switch.snapshot = snapshot_of(there, {bridge_id(call_id): frozenset({CALLER, leg})})  # type: ignore[method-assign]
        exchange.switch.held["hang_up"] = asyncio.Event()
        reconciling = asyncio.create_task(exchange.recovery.reconcile())
        await exchange.until("hang_up")
        for channel in (leg, CALLER):
            exchange.switch.deliver(ChannelDestroyed(channel, 16))
        exchange.switch.held["hang_up"].set()
        await reconciling
        await exchange.over()
        assert len(exchange.ends()) == 1
