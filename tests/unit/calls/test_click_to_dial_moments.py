"""A call that somebody asks for, ended at every single moment of its life by each who can end it."""

import asyncio
from collections.abc import Callable
from itertools import product

import pytest

from agi_router.routing.click_to_dial import First
from ari_app.calls import farewell
from ari_app.calls.call import Call
from ari_app.calls.ports import ChannelDestroyed, ChannelHangingUp
from ari_app.calls.steering_request import HangUp, SteeringRequested
from ari_app.domain import events as e
from tests.fakes.switch import Exchange
from tests.unit.calls.test_click_to_dial import REQUEST, exchange_with, planned, record, ringing

TURNS = 40
"""Of the event loop: the two speak after some 25. In each it may end before or after a phone is picked up."""

Ending = Callable[[Exchange, Call], None]


def withdrawn(_: Exchange, call: Call) -> None:
    call.withdraw()


def hung_up_by_request(_: Exchange, call: Call) -> None:
    call.inbox.put(SteeringRequested.of(HangUp()))


def by_whom_rang_first(exchange: Exchange, call: Call) -> None:
    leave(exchange, list(call.legs)[:1])


def by_whom_rang_last(exchange: Exchange, call: Call) -> None:
    leave(exchange, list(call.legs)[-1:])


def by_all_at_once(exchange: Exchange, call: Call) -> None:
    leave(exchange, list(call.legs))


def leave(exchange: Exchange, channels: list[str]) -> None:
    for channel in channels:
        exchange.switch.deliver(ChannelHangingUp(channel, 16))
        exchange.switch.deliver(ChannelDestroyed(channel, 16))


@pytest.mark.parametrize(
    "ending", [withdrawn, hung_up_by_request, by_whom_rang_first, by_whom_rang_last, by_all_at_once]
)
@pytest.mark.parametrize("first", list(First))
async def test_nothing_is_left_of_a_call_that_ends_at_any_moment(
    monkeypatch: pytest.MonkeyPatch, first: First, ending: Ending
) -> None:
    monkeypatch.setattr(farewell, "TONE_S", 0.0)
    for moment in product(range(TURNS), ("before", "after")):
        async with exchange_with(planned(ringing("ada"), ringing("bob"), first)) as exchange:
            call_id = await exchange.supervisor.place(REQUEST)
            assert isinstance(call_id, str)
            call = exchange.supervisor.live[call_id]
            nobody_there = False
            picked_up: set[str] = set()
            for turn in range(TURNS):
                for part in ("before", "after"):
                    if moment == (turn, part) and not call.is_over:
                        nobody_there = not call.caller.is_there
                        ending(exchange, call)
                    if part == "before":
                        pick_up_new(exchange, picked_up)
                await asyncio.sleep(0)
            leave(exchange, [leg.channel_id for leg in call.legs.values() if leg.alive])
            await exchange.over()
            (end,) = exchange.ends()
            assert isinstance(end, e.CallEnded)
            assert "internal" not in end.reason, moment
            assert end.by == "requester" or not (ending is withdrawn and nobody_there), moment
            assert all(leg.ended_at is not None for leg in record(exchange).legs), moment
            assert len(exchange.supervisor.switchboard) == 0, moment


def pick_up_new(exchange: Exchange, picked_up: set[str]) -> None:
    """Whatever rings is answered at once."""
    for leg in {*exchange.switch.dialled} - picked_up:
        picked_up.add(leg)
        exchange.pick_up(leg)
