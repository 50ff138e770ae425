"""Click to dial on a switch that does what a real one can't be made to do at a wanted moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from agi_router.routing.click_to_dial import CallRequest, First, PlannedCall
from agi_router.routing.destination import EndpointDestination
from agi_router.routing.errors import Failure
from agi_router.routing.step import EndpointTarget, Member, Refused, Ring, Step
from agi_router.routing.treatment import Treatment
from ari_app.access.key import KeyLimits
from ari_app.access.rates import CallRates
from ari_app.calls.ids import requester_id
from ari_app.calls.ports import ChannelDestroyed, ChannelUp
from ari_app.calls.supervisor import Rejected
from ari_app.domain import events as e
from ari_app.domain.record import CallRecord, Disposition, fold
from tests.fakes.switch import Exchange
from tests.patience import PATIENCE_S

REQUEST = CallRequest(user="456", number="102")


def ringing(*endpoints: str) -> Step:
    targets = tuple(EndpointTarget(endpoint) for endpoint in endpoints)
    return Step(destination=EndpointDestination(endpoints[0]), timeout_s=5.0, action=Ring((Member("", targets),)))


def planned(agent: Step, customer: Step, first: First = First.AGENT) -> PlannedCall:
    return PlannedCall(
        first=first,
        user="456",
        user_name="Ada",
        extension="101",
        agent=agent,
        customer=customer,
        number="102",
        name="Bob",
        caller_id="",
        campaign="",
        parameters={},
        treatment=Treatment(),
        announcements={},
        key="",
    )


@asynccontextmanager
async def exchange_with(plan: PlannedCall | Failure) -> AsyncIterator[Exchange]:
    exchange = Exchange()
    exchange.rings.planned = plan
    async with exchange:
        yield exchange


@asynccontextmanager
async def agent_rings() -> AsyncIterator[tuple[Exchange, str]]:
    """Two phones of the agent ring; the id of the call."""
    async with exchange_with(planned(ringing("ada", "desk"), ringing("bob"))) as exchange:
        call_id = await exchange.supervisor.place(REQUEST)
        assert isinstance(call_id, str)
        async with asyncio.timeout(PATIENCE_S):
            while len(exchange.switch.dialled) < 2:
                await asyncio.sleep(0)
        yield exchange, call_id


def record(exchange: Exchange) -> CallRecord:
    ((call_id, happened),) = exchange.told.calls.items()
    return fold(call_id, happened)


async def test_a_request_that_is_withdrawn_leaves_no_missed_call() -> None:
    async with agent_rings() as (exchange, call_id):
        exchange.supervisor.live[call_id].withdraw()
        await exchange.over()
    assert exchange.switch.hangup_reasons == ["answered_elsewhere"] * 2
    assert (record(exchange).disposition, record(exchange).ended_by) == (Disposition.ABANDONED, "requester")


async def test_a_request_that_is_withdrawn_in_the_instant_of_the_answer_calls_no_customer() -> None:
    async with agent_rings() as (exchange, call_id):
        exchange.switch.deliver(ChannelUp(exchange.switch.dialled[0]))
        exchange.supervisor.live[call_id].withdraw()
        await exchange.over()
        assert len(exchange.switch.dialled) == 2
    assert record(exchange).ended_by == "requester"


async def test_an_agent_who_hangs_up_as_soon_as_he_has_picked_up_calls_no_customer() -> None:
    async with agent_rings() as (exchange, _):
        leg = exchange.switch.dialled[0]
        exchange.switch.deliver(ChannelUp(leg))
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()
        assert len(exchange.switch.dialled) == 2
    assert (record(exchange).disposition, record(exchange).ended_by) == (Disposition.ABANDONED, "caller")


async def test_an_agent_who_hangs_up_while_another_phone_is_still_being_placed_calls_no_customer() -> None:
    async with exchange_with(planned(ringing("ada", "desk"), ringing("bob"))) as exchange:
        exchange.switch.held["contacts"] = asyncio.Event()
        await exchange.supervisor.place(REQUEST)
        await exchange.until("dial")
        await asyncio.sleep(0)
        leg = exchange.switch.dialled[0]
        exchange.switch.deliver(ChannelUp(leg))
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        exchange.switch.held["contacts"].set()
        await exchange.over()
    assert (record(exchange).disposition, record(exchange).ended_by) == (Disposition.ABANDONED, "caller")


async def test_what_stands_for_a_caller_before_there_is_one_is_no_channel() -> None:
    async with agent_rings() as (exchange, call_id):
        assert requester_id(call_id) not in exchange.switch.dialled
        exchange.supervisor.live[call_id].withdraw()
        await exchange.over()


@pytest.mark.parametrize("first", list(First))
async def test_a_refused_side_is_on_record_and_nothing_rings(first: First) -> None:
    why = Failure("policy_region", "not there", "allow it")
    refused = Step(destination=EndpointDestination("bob"), timeout_s=5.0, action=Refused(why))
    async with exchange_with(planned(ringing("ada"), refused, first)) as exchange:
        placed = await exchange.supervisor.place(REQUEST)
        assert exchange.switch.requests == []
    told = record(exchange)
    assert placed == Rejected(told.call_id, why)
    assert (told.disposition, told.error_code, told.agent) == (Disposition.REJECTED, "policy_region", "456")
    (step,) = [event for event in exchange.told.events if isinstance(event, e.StepEnded)]
    assert (step.outcome, step.remedy) == ("refused", "allow it")


async def test_a_request_that_was_not_understood_is_answered_and_not_on_record() -> None:
    why = Failure("user_unknown", "nobody", "name somebody")
    async with exchange_with(why) as exchange:
        assert await exchange.supervisor.place(REQUEST) == why
    assert exchange.told.events == []


async def test_nothing_is_placed_without_a_connection_to_asterisk() -> None:
    async with exchange_with(planned(ringing("ada"), ringing("bob"))) as exchange:
        exchange.switch.is_connected = False
        refusal = await exchange.supervisor.place(REQUEST)
        assert isinstance(refusal, Failure)
        assert refusal.code == "asterisk_unreachable"


async def test_a_key_has_no_more_calls_at_a_time_than_it_may_and_what_is_refused_is_not_on_record() -> None:
    limits = {"crm": KeyLimits(concurrent_calls=2), "other": KeyLimits(), "": KeyLimits(concurrent_calls=1)}
    exchange = Exchange(key_rates=CallRates(limits.__getitem__))
    plan = planned(ringing("ada"), ringing("bob"))
    async with exchange:
        exchange.rings.planned = replace(plan, key="crm")
        placed = await asyncio.gather(*(exchange.supervisor.place(REQUEST) for _ in range(5)))
        first, _ = [call_id for call_id in placed if isinstance(call_id, str)]
        refusals = [why for why in placed if isinstance(why, Failure)]
        assert [why.code for why in refusals] == ["key_concurrent_calls"] * 3
        exchange.rings.planned = replace(plan, key="other")
        assert isinstance(await exchange.supervisor.place(REQUEST), str), "another key"
        exchange.rings.planned = replace(plan, key="")
        for _ in range(2):
            assert isinstance(await exchange.supervisor.place(REQUEST), str), "the command has none"
        exchange.supervisor.live[first].withdraw()
        async with asyncio.timeout(PATIENCE_S):
            while first in exchange.supervisor.live:
                await asyncio.sleep(0)
        exchange.rings.planned = replace(plan, key="crm")
        assert isinstance(await exchange.supervisor.place(REQUEST), str), "one has ended"
        for call in exchange.supervisor.live.values():
            call.withdraw()
        await exchange.over()
        assert len(exchange.told.calls) == 6
