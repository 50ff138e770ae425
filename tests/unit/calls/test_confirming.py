"""Phones that have to confirm, at moments that a real switch can't be made to choose."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from agi_router.routing.treatment import Confirmation, Treatment
from ari_app.calls.ports import ChannelLeft, ChannelUp, KeyPressed, RefusedError
from ari_app.domain import events as e
from tests.clock import leap
from tests.fakes.switch import CALLER, Exchange
from tests.patience import PATIENCE_S


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """Ada has two contacts, which have to confirm."""
    exchange = Exchange("ada")
    exchange.rings.confirm = True
    exchange.switch.contacts_each = 2
    async with exchange:
        yield exchange


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


async def rung(exchange: Exchange) -> list[str]:
    exchange.arrive()
    await until(lambda: len(exchange.switch.dialled) == exchange.switch.contacts_each)
    return exchange.switch.dialled


def outcomes(told: list[e.CallEvent]) -> list[str]:
    return [event.outcome for event in told if isinstance(event, e.LegEnded)]


async def test_of_two_keys_in_one_breath_the_first_wins(exchange: Exchange) -> None:
    first, second = await rung(exchange)
    for leg in (first, second):
        exchange.switch.deliver(ChannelUp(leg))
    await until(lambda: exchange.switch.requests.count("play") == 2)
    for leg in (second, first):
        exchange.switch.deliver(KeyPressed(leg, "1"))
    await exchange.until("add_to_bridge")
    exchange.switch.deliver(ChannelLeft(CALLER))
    told = await exchange.over()
    assert [event.leg for event in told if isinstance(event, e.LegConfirmed)] == ["leg-2"]
    assert [event.leg for event in told if isinstance(event, e.CallAnswered)] == ["leg-2"]
    assert sorted(outcomes(told)) == ["answered", "answered_elsewhere"]


async def test_only_the_first_key_counts(exchange: Exchange) -> None:
    first, second = await rung(exchange)
    exchange.switch.deliver(ChannelUp(first))
    await exchange.until("play")
    for digit in "21":
        exchange.switch.deliver(KeyPressed(first, digit))
    await exchange.until("hang_up")
    exchange.switch.deliver(ChannelUp(second))
    exchange.switch.deliver(KeyPressed(second, "1"))  # he knows the prompt
    await exchange.until("add_to_bridge")
    exchange.switch.deliver(ChannelLeft(CALLER))
    assert outcomes(await exchange.over()) == ["declined", "answered"]


async def test_keys_of_the_caller_and_of_a_phone_that_only_rings_mean_nothing(exchange: Exchange) -> None:
    first, _ = await rung(exchange)
    for channel in (CALLER, first):
        exchange.switch.deliver(KeyPressed(channel, "1"))
    exchange.switch.deliver(ChannelLeft(CALLER))
    told = await exchange.over()
    assert outcomes(told) == ["cancelled", "cancelled"]
    assert "add_to_bridge" not in exchange.switch.requests


async def test_a_prompt_that_cannot_be_played_does_not_keep_the_key_from_counting(exchange: Exchange) -> None:
    exchange.switch.errors["play"] = [RefusedError("500")]
    first, _ = await rung(exchange)
    exchange.switch.deliver(ChannelUp(first))
    await exchange.until("play")
    exchange.switch.deliver(KeyPressed(first, "1"))
    await exchange.until("add_to_bridge")
    exchange.switch.deliver(ChannelLeft(CALLER))
    assert "answered" in outcomes(await exchange.over())


async def test_a_prompt_ends_before_the_talk_begins(exchange: Exchange) -> None:
    first, _ = await rung(exchange)
    exchange.switch.held["play"] = asyncio.Event()
    exchange.switch.deliver(ChannelUp(first))
    await exchange.until("play")
    exchange.switch.deliver(KeyPressed(first, "1"))
    await exchange.until("add_to_bridge")
    assert "stop_playing" not in exchange.switch.requests  # it would miss a prompt that has not begun
    exchange.switch.held["play"].set()
    await until(lambda: "stop_playing" in exchange.switch.requests)
    exchange.switch.deliver(ChannelLeft(CALLER))
    await exchange.over()


async def test_a_caller_is_not_kept_by_a_phone_that_cannot_be_hung_up() -> None:
    exchange = Exchange("ada")
    exchange.rings.confirm, exchange.rings.timeout_s = True, 20.0
    exchange.rings.treated = Treatment(confirmation=Confirmation(timeout_s=10))
    exchange.switch.errors["hang_up"] = [RefusedError("500")]
    async with exchange:
        (leg,) = await rung(exchange)
        exchange.switch.deliver(ChannelUp(leg))
        await exchange.until("play")
        leap(10)
        await exchange.until("hang_up")
        leap(10)
        await exchange.until("send_to_dialplan")
        told = exchange.told.events
        assert [event.outcome for event in told if isinstance(event, e.StepEnded)] == ["unconfirmed"]
