"""The state of agents, changed on a real Asterisk: breaks in real queues, do not disturb, the end of wrap-up."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from sandbox import Layout
from sandbox.layout import free_port
from sandbox.router import Config
from tests.command import Command, Ran
from tests.patience import PATIENCE_S
from tests.system.rig import ADA, Rig, route, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOB = "77"
PORT = free_port("127.0.0.1", socket.SOCK_STREAM)
MEMBER = "Local/ada@agi-router-member/n"
QUEUES = f"""
[support-queue]
member => {MEMBER},0,Ada,PJSIP/ada
member => PJSIP/bob,0,Bob
[sales-queue]
member => PJSIP/ada
"""


def agents(config: Config) -> None:
    for user in config["directory"]["users"]:
        if user["id"] == ADA:
            user["extension"] = "101"
    config["directory"]["teams"] = [{"id": "7", "name": "Sales", "members": [ADA, BOB], "wrap_up_s": 60}]
    config["directory"]["queues"] = [{"id": "support", "name": "support-queue"}]
    config["routes"]["sales"]["ringing"] = {"if_busy": "skip", "timeout_s": 20}
    config["routes"]["queue"] = route(config, {"type": "queue"})
    config["web"] = {"listen": [f"127.0.0.1:{PORT}"]}


def with_queues(etc: Path, _: Layout) -> None:
    (etc / "queues.conf").write_text(QUEUES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(agents, configure=with_queues, ami=True) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    """One Asterisk and one router serve the whole file, which knows its queues."""
    await shared.router.until(lambda status: status["ami_connected"] and status["queue_members"] == 3)
    yield shared
    await shared.idle()
    await change(shared, "end-wrap-up", ADA)


async def change(rig: Rig, *words: str) -> Any:
    """How the user stands after `agi-router agents` with these words."""
    ran = await command(rig, *words, "--json")
    assert (ran.status, ran.err) == (0, "")
    return ran.json


async def command(rig: Rig, *words: str) -> Ran:
    return await Command(rig.router.config_path)("agents", *words)


def breaks(agent: dict[str, Any]) -> dict[str, bool]:
    return {queue["queue"]: queue["paused"] for queue in agent["queues"]}


async def paused_in_asterisk(rig: Rig, queue: str) -> list[str]:
    """The members that `queue show` calls paused."""
    lines = (await rig.asterisk.cli(f"queue show {queue}")).splitlines()
    return [line.split()[0] for line in lines if "(paused" in line]


async def test_a_break_in_one_queue_shows_in_asterisk_and_its_calls_go_to_others(rig: Rig) -> None:
    agent = await change(rig, "pause", ADA, "--queue", "support", "--reason", "lunch")
    assert breaks(agent) == {"sales-queue": False, "support-queue": True}
    assert await paused_in_asterisk(rig, "support-queue") == ["Ada"]
    assert "(paused:lunch" in await rig.asterisk.cli("queue show support-queue")
    async with rig.user("ada") as ada, rig.user("bob") as bob:
        caller = await rig.call_by("queue", "support")
        await (await bob.next_call()).answer()
        assert await caller.hears(1000, 0.2)
        assert ada.received == []
        await caller.hang_up()
        await rig.idle()
    await rig.asterisk.cli("dialplan set global AGI_ROUTER_ROUTE sales")
    agent = await change(rig, "resume", "101", "--queue", "support-queue")
    assert breaks(agent) == {"sales-queue": False, "support-queue": False}
    assert await paused_in_asterisk(rig, "support-queue") == []


async def test_a_break_without_a_queue_is_one_in_all_of_them(rig: Rig) -> None:
    agent = await change(rig, "pause", "ada@example.com")
    assert breaks(agent) == {"sales-queue": True, "support-queue": True}
    assert [await paused_in_asterisk(rig, queue) for queue in ("sales-queue", "support-queue")] == [
        ["PJSIP/ada"],
        ["Ada"],
    ]
    assert breaks(await change(rig, "resume", ADA)) == {"sales-queue": False, "support-queue": False}


async def test_do_not_disturb_is_asterisk_s_own_state_and_calls_pass_him_over(rig: Rig) -> None:
    agent = await change(rig, "dnd", ADA, "on")
    assert (agent["dnd"], agent["devices"]["Custom:DND101"]) == (True, "INUSE")
    assert "Name: 'Custom:DND101'  State: 'INUSE'" in await rig.asterisk.cli("devstate list")
    async with rig.user("ada") as ada:
        call = await rig.call()
        await call.final_status()
        assert ada.received == []
        await rig.idle()
        agent = await change(rig, "dnd", ADA, "off")
        assert (agent["dnd"], agent["devices"]["Custom:DND101"]) == (False, "NOT_INUSE")
        call = await rig.call()
        await (await ada.next_call()).answer()
        await call.answered()
        await call.hang_up()


async def test_the_end_of_wrap_up_lets_him_ring_again(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        call = await rig.call()
        await (await ada.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        assert (await rig.router.agents())[ADA]["state"] == "wrap_up"
        agent = await change(rig, "end-wrap-up", ADA)
        assert agent["state"] == "free"
        call = await rig.call()
        await (await ada.next_call()).answer()
        await call.answered()
        await call.hang_up()


async def test_who_is_in_no_queue_is_told_so(rig: Rig) -> None:
    ran = await command(rig, "pause", BOB, "--queue", "sales-queue")
    assert (ran.status, "[agent_not_in_queue]" in ran.err, "support-queue" in ran.err) == (1, True, True)


async def test_without_the_right_to_write_the_remedy_says_which_one_and_helps_at_once(rig: Rig) -> None:
    manager = rig.asterisk.config_dir / "manager.conf"
    whole = manager.read_text()
    manager.write_text(whole + "write =\n")
    await rig.asterisk.cli("manager reload")
    ran = await command(rig, "pause", ADA)
    assert (ran.status, "Permission denied" in ran.err, "write = agent" in ran.err) == (1, True, True)
    manager.write_text(whole)
    await rig.asterisk.cli("manager reload")
    assert breaks(await change(rig, "pause", ADA)) == {"sales-queue": True, "support-queue": True}
    await change(rig, "resume", ADA)


async def test_where_asterisk_has_no_device_state_it_is_not_taken_for_done(rig: Rig) -> None:
    await rig.asterisk.cli("module unload func_devstate.so")
    try:
        ran = await command(rig, "dnd", ADA, "on")
        assert (ran.status, "[not_confirmed]" in ran.err, "func_devstate.so" in ran.err) == (1, True, True)
    finally:
        await rig.asterisk.cli("module load func_devstate.so")


async def devices(http: aiohttp.ClientSession) -> dict[str, dict[str, Any]]:
    """What Asterisk tells of them, by endpoint."""
    async with http.get("devices") as answer:
        assert answer.status == 200
        told = await answer.json()
    assert told["asterisk_reached"] is True
    return {each["endpoint"]: each for each in told["items"]}


async def test_over_rest_devices_and_agents_are_asterisk_s_own(rig: Rig) -> None:
    made = await Command(rig.router.config_path)("keys", "create", "crm", "--scope", "agents:*", "--scope", "*:read")
    assert made.status == 0
    headers = {"authorization": f"Bearer {made.out.strip()}"}
    async with (
        rig.user("ada") as ada,
        aiohttp.ClientSession(f"http://127.0.0.1:{PORT}/api/v1/", headers=headers) as http,
    ):
        async with asyncio.timeout(PATIENCE_S):  # a phone is told that it is registered before its endpoint is online
            while (told := await devices(http))["PJSIP/ada"]["registered"] is not True:
                await asyncio.sleep(0.02)
        assert (told["PJSIP/ada"]["registered"], told["PJSIP/ada"]["state"]) == (True, "online")
        assert told["PJSIP/ada"]["contacts"] == [str(ada.contact.uri)]
        assert (told["PJSIP/bob"]["registered"], told["PJSIP/bob"]["contacts"]) == (False, [])
        assert told["PJSIP/trunk"]["trunk"] == "main"
        async with http.post(f"agents/{ADA}/pause", json={"queue": "support", "reason": "Zoë's lunch"}) as answer:
            assert answer.status == 200
            agent = await answer.json()
        assert await paused_in_asterisk(rig, "support-queue") == ["Ada"]
        assert [queue["reason"] for queue in agent["queues"]] == ["", "Zoë's lunch"]
        async with http.post(f"agents/{ADA}/resume", json={}) as answer:
            assert breaks(await answer.json()) == {"sales-queue": False, "support-queue": False}
        async with http.post(f"agents/{ADA}/dnd", json={"on": True}) as answer:
            assert (await answer.json())["devices"]["Custom:DND101"] == "INUSE"
        async with http.post(f"agents/{ADA}/dnd", json={"on": False}) as answer:
            assert (await answer.json())["dnd"] is False


async def test_while_ami_is_down_nothing_is_changed_and_nothing_is_done_later(rig: Rig) -> None:
    manager = rig.asterisk.config_dir / "manager.conf"
    whole = manager.read_text()
    manager.write_text(whole.replace("[general](+)", "[general](+)\nenabled = no"))
    await rig.asterisk.cli("manager reload")
    try:
        ran = await command(rig, "pause", ADA)
        assert (ran.status, "[asterisk_unreachable]" in ran.err) == (1, True)
    finally:
        manager.write_text(whole)
        await rig.asterisk.cli("manager reload")
    await rig.router.until(lambda status: status["ami_connected"] and status["queue_members"] == 3)
    assert await paused_in_asterisk(rig, "support-queue") == []
    assert breaks(await change(rig, "pause", ADA, "--queue", "support")) == {
        "sales-queue": False,
        "support-queue": True,
    }
    await change(rig, "resume", ADA)
