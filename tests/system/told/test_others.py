"""What is told beside calls, on a real Asterisk: phones and agents, a routing API, Asterisk itself, the router."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from sandbox import Answer
from sandbox.api import SEARCH
from sandbox.router import Config
from tests.system.rig import ADA, Rig, origin, running
from tests.system.told.receiver import reachable, subscribed

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPES = ("device.*", "agent.*", "router.*")


def quick_breaker(config: Config) -> None:
    reachable(config)
    config["upstreams"] = [{"origin": origin(config), "failures": 2, "open_s": 0.5}]
    config["routes"]["sales"]["fallback"] = [{"hangup": "congestion"}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(quick_breaker) as rig:
        # The first state of a device is no change.
        await rig.router.until(lambda status: status["watched_devices"] > 0)
        yield rig


async def test_a_phone_that_registers_and_unregisters_is_told(rig: Rig) -> None:
    async with subscribed(rig, "--type", "device.*", "--user", ADA) as program:
        async with rig.user("ada"), rig.user("bob"):
            online = await program.of("device.online")
        offline = await program.of("device.offline")
    assert online["device"] | {"call_state": ""} == {
        "endpoint": "PJSIP/ada",
        "kind": "phone",
        "user": ADA,
        "trunk": None,
        "call_state": "",
    }
    assert offline["device"]["endpoint"] == "PJSIP/ada"
    assert len(program.heard) == 2


async def test_a_talk_of_an_agent_is_told(rig: Rig) -> None:
    async with rig.user("ada") as ada, subscribed(rig, "--type", "agent.*") as program:
        caller = await rig.call()
        call = await ada.next_call()
        await call.answer()
        talking = await program.of("agent.changed")
        await caller.hang_up()
        await call.ended()
        free = await program.of("agent.changed", 2)
    assert (talking["agent"]["user"], talking["agent"]["state"]) == (ADA, "in_call")
    assert (free["agent"]["state"], free["before"]["state"]) == ("free", "in_call")


async def test_an_api_that_goes_down_and_comes_back_is_told(rig: Rig) -> None:
    async with rig.user("ada") as ada, subscribed(rig, "--type", "router.*") as program:
        rig.api.answers[SEARCH] = Answer(status=500)
        for _ in range(2):
            await (await rig.call()).final_status()
        down = await program.of("router.api_down")
        del rig.api.answers[SEARCH]
        until = datetime.fromisoformat(down["upstream"]["until"])
        await rig.router.until(lambda _: datetime.now(UTC) > until)
        caller = await rig.call()
        await (await ada.next_call()).reject(486)
        await caller.final_status()
        up = await program.of("router.api_up")
    assert down["upstream"]["origin"] == up["upstream"]["origin"] == rig.api.url
    assert down["upstream"]["reason"]["code"] == "api_status"
    assert up["down_s"] >= 0.5


def of_the_mobile(body: Any) -> bool:
    """Whether it tells of a phone that no other test of the file has."""
    return bool(body["data"].get("device", {}).get("endpoint") == "PJSIP/ada-mobile")


async def test_an_asterisk_that_stops_takes_no_phone_with_it_and_is_told_when_it_is_back(rig: Rig) -> None:
    async with subscribed(rig, "--type", "device.*", "--type", "router.*") as program:
        async with rig.user("ada-mobile"):
            await program.until(of_the_mobile)
            await rig.asterisk.stop()
            lost = await program.of("router.asterisk_lost")
            await rig.asterisk.start()
            back = await program.of("router.asterisk_back")
            await rig.router.stop()
            await rig.router.start()
            started = await program.of("router.started")
            assert [body["type"] for body in program.bodies if of_the_mobile(body)] == ["device.online"]
    assert lost["asterisk"]["since"] == back["asterisk"]["since"]
    assert back["asterisk"]["lost_s"] > 5
    assert started["router"]["app"] == "agi-router"
