"""Events of real calls, followed live by a program that is cut off, and by one whose router is killed."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from ari_app.storage.call_reader import read_calls
from sandbox import Phone
from tests.patience import PATIENCE_S
from tests.sse import EventSource, Message, following
from tests.system.click_to_dial.clicking import Agent
from tests.system.rig import Rig
from tests.system.web.rest import Program

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def expected(rig: Rig, told: Sequence[Message]) -> Sequence[tuple[int, str, object]]:
    """What is on record of their call, up to the last one of them."""
    async with read_calls(rig.router.storage) as calls:
        history = await calls.history(told[0].data["call_id"])
    return [(seq, each.type, dict(each.data)) for seq, each in enumerate(history, start=1)][: len(told)]


async def until(source: EventSource, event: str) -> list[Message]:
    """What comes up to an event of this type."""
    async with asyncio.timeout(PATIENCE_S):
        told = [await source.next()]
        while told[-1].event != event:
            told.append(await source.next())
        return told


def told_as(messages: Sequence[Message]) -> list[tuple[int, str, object]]:
    return [(message.data["seq"], message.data["type"], message.data["data"]) for message in messages]


async def test_a_call_is_followed_live_and_after_each_cut_goes_on_where_it_was(
    rig: Rig, crm: Program, ada: Agent, customer: Phone
) -> None:
    told: list[Message] = []
    async with AsyncExitStack() as open_ends:

        async def follow(last_id: str = "") -> EventSource:
            await open_ends.aclose()
            return await open_ends.enter_async_context(following(crm.http, crm.url, crm.key, last_id))

        source = await follow()
        await crm.place("456", "+14155550177")
        told += await until(source, "LegDialled")
        source = await follow(told[-1].id)
        at_ada, *_ = await ada.called()
        await at_ada.answer()
        at_customer = await customer.next_call()
        await at_customer.answer()
        told += await until(source, "CallAnswered")
        await open_ends.aclose()
        await at_customer.hang_up()
        await at_ada.ended()
        await rig.idle()
        source = await follow(told[-1].id)
        told += await until(source, "CallEnded")
    assert told_as(told) == await expected(rig, told)
    assert {event for _, event, _ in told_as(told)} >= {"CallRequested", "LegDialled", "LegAnswered", "CallEnded"}


async def test_over_a_killed_router_nothing_is_lost_and_nothing_comes_twice(
    rig: Rig, crm: Program, ada: Agent, customer: Phone
) -> None:
    async with following(crm.http, crm.url, crm.key) as source:
        await crm.place("456", "+14155550177")
        at_ada, *_ = await ada.called()
        await at_ada.answer()
        at_customer = await customer.next_call()
        await at_customer.answer()
        told = await until(source, "CallAnswered")
        await rig.router.kill()
    await rig.router.start()
    async with following(crm.http, crm.url, crm.key, source.last_id) as source:
        told += await until(source, "CallRecovered")
        ending = asyncio.create_task(until(source, "CallEnded"))
        await at_customer.hang_up()
        await at_ada.ended()
        told += await ending
    assert told_as(told) == await expected(rig, told)


async def test_a_router_that_stops_ends_the_streams_and_is_not_held_up(rig: Rig, crm: Program) -> None:
    async with following(crm.http, crm.url, crm.key) as source:
        reading = asyncio.create_task(source.all())
        async with asyncio.timeout(PATIENCE_S):
            await rig.router.stop()
        assert await reading == []
    await rig.router.start()
