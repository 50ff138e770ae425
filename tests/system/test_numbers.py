"""Internal numbers as destinations, on a real Asterisk: extensions, numbers with routes behind them, and loops."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from sandbox import Answer
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.system.rig import Rig, origin, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

DIRECT = """\
[from-carrier]
exten => 5000,1,Stasis(agi-router,,+14155550120)
 same => n,Hangup(34)
"""
SALES, SUPPORT = "+14155550110", "+14155550120"


def with_routes(config: Config) -> None:
    api = origin(config)

    def route(name: str, type_: str, *fallback: dict[str, Any]) -> dict[str, Any]:
        response = {"type": type_, "path": "to", "variables": {"SAID_BY": "by"}}
        return {"request": {"url": f"{api}/{name}"}, "response": response, "fallback": [*fallback]}

    config["routes"] |= {
        "main": route("main", "auto", {"endpoint": "bob"}),
        "first": route("first", "number", {"endpoint": "carol"}),
        "second": route("second", "number", {"number": "200"}),
    }
    config["directory"]["users"][0]["extension"] = "101"
    config["directory"]["numbers"] = {
        SALES: {"route": "first"},
        SUPPORT: {"route": "second"},
        "200": {"endpoint": "carol"},
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_routes, extra_dialplan=DIRECT) as rig:
        yield rig


async def call(rig: Rig, **answers: str) -> OutgoingCall:
    """A customer calls route main; each API names a number."""
    for name, value in answers.items():
        rig.api.answers[f"/{name}"] = Answer(body={"to": value, "by": name})
    await rig.asterisk.cli("dialplan set global AGI_ROUTER_ROUTE main")
    return await rig.call()


async def rerouted(rig: Rig) -> list[str]:
    trace = await rig.router.trace((await rig.newest()).call_id)
    return [event.route for event in trace if isinstance(event, e.RouteEntered)]


async def test_an_extension_rings_its_user(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        caller = await call(rig, main="101")
        await (await ada.next_call()).answer()
        await caller.answered()
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.destination_type, record.destination, record.agent) == ("number", "101", "456")


async def test_a_number_with_a_route_behind_it_asks_that_route_and_takes_its_fallback(rig: Rig) -> None:
    async with rig.user("carol") as carol:
        caller = await call(rig, main="(415) 555-0120", second="nobody")
        ringing = await carol.next_call()
        await ringing.answer()
        await caller.answered()
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.route, record.destination, record.answered_by) == ("second", "200", "PJSIP/carol")
    assert await rerouted(rig) == ["second"]
    asked = [event.url for event in await rig.router.trace(record.call_id) if isinstance(event, e.RequestSent)]
    assert [url.rpartition("/")[2] for url in asked] == ["main", "second"]


async def test_routes_that_lead_to_each_other_are_left_and_the_chain_goes_on(rig: Rig) -> None:
    async with rig.user("carol") as carol:
        caller = await call(rig, main=SALES, first=SUPPORT, second=SALES)
        await (await carol.next_call()).answer()
        await caller.answered()
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.error_code, record.answered_by) == ("number_loop", "PJSIP/carol")
    assert await rerouted(rig) == ["first", "second"]


async def test_a_caller_who_gives_up_while_the_second_api_is_asked_leaves_nothing(rig: Rig) -> None:
    held, asked = asyncio.Event(), len(rig.api.requests)
    rig.api.answers["/first"] = Answer(body={"to": "101"}, after=held)
    caller = await call(rig, main=SALES)
    while not any(request.path == "/first" for request in rig.api.requests[asked:]):
        await rig.api.next_request()
    await caller.cancel()
    held.set()
    await rig.idle()
    assert (await rig.newest()).disposition == "abandoned"


async def test_a_call_without_a_route_takes_that_of_the_called_number(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        rig.api.answers["/second"] = Answer(body={"to": "101"})
        caller = await rig.carrier.call("5000")
        await (await ada.next_call()).answer()
        await caller.answered()
        await caller.hang_up()
        await rig.idle()
    assert ((await rig.newest()).route, await rerouted(rig)) == ("second", [])


async def test_a_router_that_is_killed_in_the_second_route_goes_on_with_its_fallback(rig: Rig) -> None:
    async with rig.user("ada") as ada, rig.user("carol") as carol:
        caller = await call(rig, main=SUPPORT, second="101")
        ringing = await ada.next_call()
        await ringing.ring()
        await rig.router.records()
        await rig.router.kill()
        await rig.router.start()
        await ringing.cancelled()
        await (await carol.next_call()).answer()
        await caller.answered()
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.route, record.answered_by, record.recovered) == ("second", "PJSIP/carol", True)
