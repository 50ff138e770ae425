"""What calls on a real Asterisk tell, from their start to their end, in the order in which it happened."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox.router import Config
from tests.system.rig import CALLER, Rig, running
from tests.system.teams.team import calling_the_team, team
from tests.system.told.receiver import Receiver, reachable, subscribed

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADA, BOB = "1", "2"
TYPES = ("--type", "call.*", "--type", "queue.*")


def a_team_of_two(config: Config) -> None:
    reachable(config)
    team([ADA, BOB], "simultaneous")(config)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(a_team_of_two) as rig:
        yield calling_the_team(rig)


def told(program: Receiver) -> list[tuple[str, Any]]:
    """The type of everything that was told, with the user or the team that it concerns."""
    named = [(body["type"], body["data"]) for body in program.bodies]
    return [(kind, data.get("user", data.get("team"))) for kind, data in named]


async def test_a_team_is_rung_and_one_of_it_answers(rig: Rig) -> None:
    async with subscribed(rig, *TYPES) as program, rig.user("ada") as ada, rig.user("bob") as bob:
        caller = await rig.call()
        at_ada, at_bob = await ada.next_call(), await bob.next_call()
        await at_ada.ring()
        await program.of("call.ringing")
        await at_bob.ring()
        await program.of("call.ringing", 2)
        await at_ada.answer()
        await caller.answered()
        await at_bob.cancelled()
        missed = await program.of("call.missed")
        await caller.hang_up()
        await at_ada.ended()
        ended = await program.of("call.ended")
        record = (await rig.router.records())[-1]
    assert told(program) == [
        ("call.started", None),
        ("call.routed", None),
        ("queue.joined", "7"),
        ("call.ringing", ADA),
        ("call.ringing", BOB),
        ("queue.left", "7"),
        ("call.answered", ADA),
        ("call.missed", BOB),
        ("call.ended", None),
    ]
    assert missed["outcome"] == "answered_elsewhere"
    assert (ended["call"]["call_id"], ended["call"]["caller_number"]) == (record.call_id, CALLER)
    assert (ended["call"]["disposition"], ended["call"]["agent"]) == ("answered", ADA)
    assert len({heard.headers["webhook-id"] for heard in program.heard}) == len(program.heard)


async def test_a_caller_who_gives_up_is_missed_by_all_who_were_rung(rig: Rig) -> None:
    async with subscribed(rig, *TYPES) as program, rig.user("ada") as ada, rig.user("bob") as bob:
        caller = await rig.call()
        for phone in (ada, bob):
            await (await phone.next_call()).ring()
        await program.of("call.ringing", 2)
        await caller.cancel()
        ended = await program.of("call.ended")
    assert sorted(told(program)[-4:-1]) == [("call.missed", ADA), ("call.missed", BOB), ("queue.left", "7")]
    assert told(program)[-1][0] == "call.ended"
    assert ended["call"]["disposition"] == "abandoned"
    assert {part["outcome"] for part in ended["call"]["parts"]} == {"abandoned"}


async def test_a_program_that_asks_for_one_user_is_told_of_his_calls_alone(rig: Rig) -> None:
    async with subscribed(rig, *TYPES, "--user", BOB) as program, rig.user("ada") as ada:
        caller = await rig.call()
        at_ada = await ada.next_call()
        await at_ada.answer()
        await caller.answered()
        await caller.hang_up()
        await at_ada.ended()
        async with rig.user("bob") as bob:
            await rig.idle()
            caller = await rig.call()
            (await ada.next_call()), (await bob.next_call())
            await caller.cancel()
            await program.of("call.ended")
    assert {user for kind, user in told(program) if kind == "call.missed"} == {BOB}
    assert len({body["data"]["call"]["call_id"] for body in program.bodies}) == 1
