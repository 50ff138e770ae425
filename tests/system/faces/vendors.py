"""What the tests of faces share: a router that has them, keys of real commands, and calls of every kind."""

import asyncio
import re
import socket
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from sandbox.layout import free_port
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.clients.scenario import Client, Scenario
from tests.clients.verbatim import CommandLine
from tests.clients.world import World
from tests.command import Command
from tests.patience import PATIENCE_S
from tests.system.click_to_dial.clicking import CUSTOMER
from tests.system.rig import ADA, CALLER, Rig, route

HOST = "127.0.0.1"
OURS = "+14155550111"
BOB = "77"
TALK_S = 1.2
"""What the clients want to see of a talk, or of ringing: a second."""

QUEUES = """\
[general]
[support-queue]
strategy = ringall
timeout = 20
joinempty = yes
member => Local/ada@agi-router-member/n,0,Ada,PJSIP/ada
"""


def with_faces(config: Config) -> None:
    """Ada has two phones and is the team; she and Bob have extensions. No trunk is given up."""
    config["trunks"][0]["setup_timeout_s"] = PATIENCE_S
    ada, bob = config["directory"]["users"]
    ada |= {"extension": "101", "devices": ["PJSIP/ada", "PJSIP/ada-desk"]}
    bob["extension"] = "102"
    config["directory"] |= {
        "teams": [{"id": "7", "name": "Sales", "members": [ADA]}],
        "queues": [{"id": "support", "name": "support-queue"}],
        "numbers": {OURS: {"route": "sales"}},
    }
    config["routes"] |= {kind: route(config, {"type": kind}) for kind in ("user", "team", "queue")}
    config["web"] = {
        "listen": [f"{HOST}:{free_port(HOST, socket.SOCK_STREAM)}"],
        "faces": {"voipline": {}, "aircall": {}},
    }


def address(rig: Rig) -> str:
    """Where the router's faces are."""
    (listen,) = rig.router.config["web"]["listen"]
    return f"http://{listen}"


async def made_key(rig: Rig, name: str, scope: str, network: str = HOST) -> str:
    """A key as an operator makes it."""
    made = await Command(rig.router.config_path)("keys", "create", name, "--scope", scope, "--network", network)
    assert made.status == 0, made.err
    return made.out.strip()


def world(day: date | None = None) -> World:
    """What exists. The day is today unless another is given."""
    return World(
        user_name="Ada",
        user_number="101",
        second_user_name="Bob",
        queue_name="support-queue",
        ring_group_name="Sales",
        calls_day=day or datetime.now(UTC).date(),
        empty_day=date(2020, 2, 29),
        number_to_call=CUSTOMER,
        caller_id=OURS,
        agent_id=ADA,
        campaign_id="",
        inbound_campaign_id="",
        customer_phone=CUSTOMER.removeprefix("+"),
        aircall_user_id=int(ADA),
        aircall_number_id=int(OURS),
        known_caller=CALLER,
    )


def named(scenarios: Iterable[Scenario[Client]], name: str) -> Scenario[Client]:
    """The one of this name."""
    (scenario,) = [each for each in scenarios if each.name == name]
    return scenario


async def talk(rig: Rig, kind: str, whom: str, phone: str = "ada") -> None:
    """A customer is led to this user, team or queue; somebody at this phone answers, and they talk."""
    async with rig.user(phone) as user:
        caller = await rig.call_by(kind, whom)
        await (await user.next_call()).answer()
        assert await caller.hears(1000, 0.2)
        await spoken(rig)
        await caller.hang_up()
        await rig.idle()


async def give_up(rig: Rig, kind: str, whom: str) -> None:
    """A customer hears it ring, or the music of the queue, and gives up."""
    async with rig.user("ada") as user:
        caller: OutgoingCall = await rig.call_by(kind, whom)
        ringing = await user.next_call()
        await ringing.ring()
        await asyncio.sleep(TALK_S)  # how long it rang is what the rows tell
        if kind == "queue":  # which has answered him, with music
            await caller.hang_up()
        else:
            await caller.cancel()
        await ringing.cancelled()
        await rig.idle()


async def spoken(rig: Rig) -> None:
    """They have talked for TALK_S since the moment that the record has for the answer."""
    await served(rig)
    await asyncio.sleep(TALK_S)


async def served(rig: Rig) -> None:
    """The record knows who answered."""
    async with asyncio.timeout(PATIENCE_S):
        while (await rig.newest()).answered_at is None:
            await asyncio.sleep(0.05)  # the record has no event


async def failures(scenarios: Iterable[Scenario[Client]], client: Client) -> list[str]:
    """Those that do not hold, and why."""
    failed = []
    for scenario in scenarios:
        try:
            await scenario.run(client)
        except Exception as error:
            failed.append(f"[{scenario.basis.value}] {scenario.name}: {error!r}")
    return failed


async def run_line(line: CommandLine, values: Mapping[str, str]) -> None:
    """Have curl do what the page's words say; the answer is as the page has it."""
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body"
        process = await asyncio.create_subprocess_exec(
            *line.argv(values), "-o", body, "-w", "%{http_code}", stdout=asyncio.subprocess.PIPE
        )
        status, _ = await process.communicate()
        told = body.read_text() if body.exists() else ""
    assert int(status) in line.statuses, (line.name, status, told)
    assert re.fullmatch(line.body, told), (line.name, told)
