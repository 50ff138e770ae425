"""Transfers on a switch that refuses, and with callers who hang up, at the worst moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agi_router.routing.destination import NumberDestination, VoicemailDestination
from agi_router.routing.step import AskRoute, LeaveMessage, Step
from ari_app.calls.inbox import Inbox, Notice, Party, PartyWanted
from ari_app.calls.ports import (
    ChannelDestroyed,
    ChannelHangingUp,
    ChannelLeft,
    Consultation,
    NotFoundError,
    RefusedError,
    TransferRequested,
)
from ari_app.domain import events as e
from tests.fakes.switch import CALLER, Exchange
from tests.patience import PATIENCE_S

OTHER_CALL = "1772357400.99"


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[Exchange, str]]:
    """A caller speaks with Ada; the channel of her leg."""
    async with Exchange("ada") as exchange:
        exchange.arrive()
        await exchange.until("dial")
        await asyncio.sleep(0)
        leg = exchange.switch.dialled[0]
        exchange.pick_up(leg)
        await exchange.until("add_to_bridge")
        (call,) = exchange.supervisor.live.values()
        async with asyncio.timeout(PATIENCE_S):
            while not call.talking:
                await asyncio.sleep(0)
        yield exchange, leg


async def dialled(exchange: Exchange, number: int) -> str:
    """The channel of the leg that is dialled as this one."""
    async with asyncio.timeout(PATIENCE_S):
        while len(exchange.switch.dialled) < number:
            await asyncio.sleep(0.001)
    return exchange.switch.dialled[number - 1]


async def test_a_caller_who_hangs_up_as_his_transfer_begins_is_no_internal_error() -> None:
    async with talking() as (exchange, leg):
        exchange.switch.errors["ring"] = [NotFoundError("404 Channel not found")]
        exchange.switch.asked["ring"].clear()
        exchange.switch.deliver(TransferRequested(leg, "bob"))
        await exchange.until("ring")
        exchange.switch.deliver(ChannelHangingUp(CALLER, 16))
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert (end.by, end.reason) == ("caller", "")


@pytest.mark.parametrize("request_", ["stop_ringing", "tell_transferer done"])
async def test_a_switch_that_refuses_what_the_talk_does_not_need_leaves_the_transferred_talk(request_: str) -> None:
    async with talking() as (exchange, leg):
        exchange.switch.errors[request_] = [RefusedError("500 Internal Server Error")]
        exchange.switch.deliver(TransferRequested(leg, "bob"))
        new = await dialled(exchange, 2)
        exchange.pick_up(new)
        await exchange.until("tell_transferer done")
        await asyncio.sleep(0.05)  # time enough to break off
        assert exchange.ends() == []
        exchange.switch.deliver(ChannelDestroyed(new, 16))
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert end.by == "callee"


async def test_a_phone_that_cannot_be_told_of_a_failure_keeps_its_talk() -> None:
    async with talking() as (exchange, leg):
        exchange.switch.errors["tell_transferer unavailable"] = [RefusedError("500 Internal Server Error")]
        exchange.switch.deliver(TransferRequested(leg, "bob"))
        exchange.switch.deliver(ChannelDestroyed(await dialled(exchange, 2), 19))
        await exchange.until("tell_transferer unavailable")
        await asyncio.sleep(0.05)  # time enough to break off
        assert exchange.ends() == []


def other_call(exchange: Exchange) -> Inbox:
    """The inbox of another call, which answers nothing."""
    inbox = Inbox(OTHER_CALL)
    exchange.supervisor.switchboard.watch(OTHER_CALL, inbox)
    return inbox


async def wanted(inbox: Inbox) -> PartyWanted:
    """What the other call is asked for."""
    async with asyncio.timeout(PATIENCE_S):
        notice: Notice = await inbox.get()
    assert isinstance(notice, PartyWanted)
    return notice


async def test_a_party_that_is_given_to_a_caller_who_has_hung_up_stays_where_it_is() -> None:
    async with talking() as (exchange, leg):
        inbox = other_call(exchange)
        exchange.switch.deliver(TransferRequested(leg, "102", Consultation(OTHER_CALL, "peer", "PJSIP/bob-1")))
        asked = await wanted(inbox)
        exchange.switch.deliver(ChannelHangingUp(CALLER, 16))
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        asked.give(Party("other", "peer", "PJSIP/bob-1", "PJSIP/bob", "", ""))
        assert not exchange.supervisor.switchboard.watches("peer")


async def test_two_speak_on_when_the_call_that_wanted_one_of_them_has_not_waited() -> None:
    async with talking() as (exchange, leg):
        exchange.switch.held["set_variable"] = asyncio.Event()
        given: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        asked = PartyWanted(
            channel_id=CALLER, by_call="other", waits=True, adopt=lambda party: pytest.fail("given"), given=given
        )
        exchange.switch.asked["set_variable"].clear()
        exchange.supervisor.switchboard.pass_on(asked)
        await exchange.until("set_variable")
        asked.refuse()
        exchange.switch.held.pop("set_variable").set()
        await asyncio.sleep(0.05)
        assert exchange.ends() == []
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()
        assert [event.outcome for event in exchange.told.events if isinstance(event, e.LegEnded)] == ["answered"]


async def test_a_phone_that_hangs_up_as_its_transfer_fails_is_not_given_the_caller_back() -> None:
    async with talking() as (exchange, leg):
        exchange.switch.deliver(TransferRequested(leg, "bob"))
        new = await dialled(exchange, 2)
        exchange.switch.deliver(ChannelHangingUp(leg, 16))
        exchange.switch.deliver(ChannelDestroyed(new, 17))
        await asyncio.sleep(0.05)  # time enough to let the two speak
        exchange.switch.deliver(ChannelLeft(leg))
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await dialled(exchange, 3)  # the fallback of his route
        assert exchange.switch.requests.count("add_to_bridge") == 1
        assert exchange.ends() == []
        exchange.switch.deliver(ChannelHangingUp(CALLER, 16))
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        assert [end.by for end in exchange.ends() if isinstance(end, e.CallEnded)] == ["caller"]


async def test_a_second_transfer_key_is_answered_while_the_first_one_waits_for_another_call() -> None:
    async with talking() as (exchange, leg):
        asked = TransferRequested(leg, "102", Consultation(OTHER_CALL, "peer", "PJSIP/bob-1"))
        inbox = other_call(exchange)
        exchange.switch.deliver(asked)
        first = await wanted(inbox)
        exchange.switch.deliver(TransferRequested(CALLER, "102"))
        await exchange.until("tell_transferer declined")
        first.refuse()
        await exchange.until("tell_transferer unavailable")
        assert exchange.ends() == []


async def test_a_caller_may_be_transferred_back_to_the_route_that_he_came_by() -> None:
    async with talking() as (exchange, leg):
        line = Step(destination=NumberDestination("200"), timeout_s=5.0, action=AskRoute("sales"))
        exchange.rings.transfer_target = lambda dialled: line  # type: ignore[method-assign]
        exchange.switch.deliver(TransferRequested(leg, "200"))
        again = await dialled(exchange, 2)
        exchange.switch.deliver(ChannelLeft(CALLER))
        told = await exchange.over()
        assert [event.route for event in told if isinstance(event, e.RouteEntered)] == ["sales"]
        assert again != leg


async def test_a_caller_who_was_transferred_to_what_cannot_take_him_goes_on_to_the_fallback_of_his_route() -> None:
    async with talking() as (exchange, leg):
        nowhere = Step(destination=VoicemailDestination("101"), timeout_s=5.0, action=LeaveMessage("101@default"))
        exchange.rings.transfer_target = lambda dialled: nowhere  # type: ignore[method-assign]
        exchange.switch.deliver(TransferRequested(leg, "101"))
        await dialled(exchange, 2)
        exchange.switch.deliver(ChannelLeft(CALLER))
        told = await exchange.over()
        (refused,) = [event.code for event in told if isinstance(event, e.StepEnded) and event.outcome == "refused"]
        assert refused == "voicemail_unavailable"
        assert [end.by for end in exchange.ends() if isinstance(end, e.CallEnded)] == ["caller"]


async def test_an_agent_whom_a_colleague_transfers_to_what_cannot_take_him_is_hung_up() -> None:
    async with talking() as (exchange, leg):
        nowhere = Step(destination=VoicemailDestination("101"), timeout_s=5.0, action=LeaveMessage("101@default"))
        exchange.rings.transfer_target = lambda dialled: nowhere  # type: ignore[method-assign]
        exchange.switch.deliver(TransferRequested(CALLER, "101"))
        async with asyncio.timeout(PATIENCE_S):
            while not exchange.ends():
                await asyncio.sleep(0.001)
        exchange.switch.deliver(ChannelLeft(leg))
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        exchange.switch.deliver(ChannelLeft(CALLER))
        exchange.switch.deliver(ChannelDestroyed(CALLER, 16))
        await exchange.over()
        assert [(end.by, end.reason) for end in exchange.ends() if isinstance(end, e.CallEnded)] == [
            ("router", "hangup")
        ]
