"""`agi-router agents` and what it changes, beside a control socket and the code that the router runs behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agi_router.decide import Router
from ari_app.calls.agent_changes import AgentChanges
from ari_app.calls.memberships import Membership
from ari_app.calls.ports import RefusedError
from ari_app.calls.presence import Presence
from ari_app.control.server import serve_control
from ari_app.live.agents import agents, changing
from ari_app.live.roster import roster
from ari_app.settings import load_control, load_settings
from tests.command import Command
from tests.fakes.agents import FakeBreaks, FakeDevices


@asynccontextmanager
async def router(command: Command, *, with_queues: bool = True) -> AsyncIterator[FakeBreaks]:
    """Ada, who is a member of two queues."""
    settings = load_settings(command.config)
    presence = Presence(roster(settings.routing))
    breaks = FakeBreaks(presence)
    if with_queues:
        members = [Membership(queue=queue, interface="PJSIP/ada") for queue in ("sales-queue", "support-queue")]
        presence.memberships.replace(["sales-queue", "support-queue"], members)
    async with Router(settings.routing) as routing:
        changes = AgentChanges(presence, lambda: routing, breaks if with_queues else None, FakeDevices(presence))
        commands = {"agents": agents(presence), "agent": changing(changes)}
        async with serve_control(load_control(command.config), commands):
            yield breaks


async def test_a_break_is_taken_and_ended(command: Command) -> None:
    async with router(command) as breaks:
        ran = await command("agents", "pause", "456", "--queue", "sales-queue", "--reason", "lunch")
        assert (ran.status, ran.err) == (0, "")
        header, row = ran.rows
        assert header == "user name registered state queues devices"
        assert row == "456 Ada unknown free sales-queue (on break: lunch), support-queue PJSIP/ada ?"
        ran = await command("agents", "resume", "456", "--json")
        assert [queue["paused"] for queue in ran.json["queues"]] == [False, False]
    assert breaks.asked == [("sales-queue", True, "lunch"), ("sales-queue", False, ""), ("support-queue", False, "")]


async def test_without_a_change_all_are_shown(command: Command) -> None:
    async with router(command):
        ran = await command("agents", "--json")
        assert ([agent["user"] for agent in ran.json["agents"]], ran.json["queues_known"]) == (["456"], True)
        assert (await command("agents")).rows[1].startswith("456 Ada ")


async def test_wrap_up_is_ended(command: Command) -> None:
    async with router(command):
        ran = await command("agents", "end-wrap-up", "456", "--json")
        assert (ran.status, ran.json["state"]) == (0, "free")


async def test_what_cannot_be_done_is_told_with_its_remedy(command: Command) -> None:
    async with router(command, with_queues=False):
        ran = await command("agents", "pause", "456")
        assert (ran.status, "[queues_unknown]" in ran.err, "asterisk.ami" in ran.err) == (1, True, True)
        ran = await command("agents", "dnd", "456", "on")
        assert (ran.status, "[dnd_unknown]" in ran.err, "extension" in ran.err) == (1, True, True)
        ran = await command("agents", "resume", "nobody")
        assert (ran.status, "[agent_unknown]" in ran.err) == (1, True)
    async with router(command) as breaks:
        breaks.refusals = [RefusedError("Asterisk's AMI refuses QueuePause: Permission denied")]
        ran = await command("agents", "pause", "456")
        assert (ran.status, "[asterisk_refused]" in ran.err, "write = agent" in ran.err) == (1, True, True)


async def test_wrong_usage_is_told_before_anything_is_asked(command: Command) -> None:
    ran = await command("agents", "dnd", "456", "maybe")
    assert (ran.status, "'on', 'off'" in ran.err) == (2, True)
    assert (await command("agents", "pause")).status == 2


async def test_without_a_router_it_says_how_to_start_one(command: Command) -> None:
    ran = await command("agents", "pause", "456")
    assert (ran.status, "serve" in ran.err) == (1, True)
