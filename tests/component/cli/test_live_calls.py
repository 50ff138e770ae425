"""`agi-router live`, `steer` and `call` beside a control socket: what people are shown, and told of their mistakes."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ari_app.control.server import Arguments, serve_control
from ari_app.domain import events as e
from ari_app.settings import load_control
from ari_app.storage.codec import store
from tests.command import Command, installed
from tests.component.storage_events import at

CALL = {
    "call_id": "20261121T114416-b09fa47b187a",
    "began_at": "2026-11-21T11:44:16+00:00",
    "direction": "outbound",
    "state": "talking",
    "caller_number": "101",
    "caller_name": "Ada",
    "called_number": "+14155550177",
    "route": "",
    "parties": [
        {"party": "leg-3", "endpoint": "PJSIP/ada-mobile", "user": "456", "state": "up", "holds": True, "muted": True},
        {"party": "leg-4", "endpoint": "PJSIP/trunk", "user": "", "state": "up", "holds": False, "muted": False},
    ],
    "recording": "",
    "recording_paused": False,
}


@asynccontextmanager
async def router(command: Command, **answers: Mapping[str, Any]) -> AsyncIterator[None]:
    """One that answers each of these commands so."""

    def answering(answer: Mapping[str, Any]) -> Any:
        async def answered(_: Arguments) -> Mapping[str, Any]:
            return answer

        return answered

    commands = {name: answering(answer) for name, answer in answers.items()}
    async with serve_control(load_control(command.config), commands):
        yield


async def test_live_calls_stand_in_a_table_where_it_fits(command: Command) -> None:
    async with router(command, live={"calls": [CALL]}):
        header, first, second = (await command("live")).out.splitlines()
    assert header.split() == ["id", "for", "state", "from", "to", "parties"]
    assert first.endswith("leg-3 PJSIP/ada-mobile up, holds, muted")
    assert second.strip() == "leg-4 PJSIP/trunk up"


async def test_a_narrow_terminal_shows_every_party_whole(command: Command) -> None:
    recorded = CALL | {"recording": "20261121T114416-b09fa47b187a-1", "recording_paused": True}
    async with router(command, live={"calls": [recorded]}):
        lines = (await command("live", extra={"COLUMNS": "60"})).out.splitlines()
    assert lines[0].startswith("20261121T114416-b09fa47b187a  ")
    assert lines[0].endswith("  outbound, talking  101 -> +14155550177")
    assert lines[1:] == [
        "  leg-3 PJSIP/ada-mobile up, holds, muted",
        "  leg-4 PJSIP/trunk up",
        "  recording 20261121T114416-b09fa47b187a-1, paused",
    ]


async def test_a_mistyped_action_is_wrong_usage_and_its_neighbour_is_named(command: Command) -> None:
    ran = await command("steer", "2026", "hodl")
    assert ran.status == 2
    assert 'hodl is no action; did you mean "hold"?' in ran.err
    assert (await command("steer", "", "hold")).status == 2


async def test_ring_times_out_of_bounds_are_wrong_usage(command: Command) -> None:
    ran = await command("call", "456", "102", "--agent-ring", "1")
    assert ran.status == 2
    assert "--agent-ring" in ran.err


BEGUN: list[e.CallEvent] = [
    e.CallRequested(at=at(0), first="agent", user="456", user_name="Ada", number="102"),
    e.FirstAnswered(at=at(1), leg="leg-1", channel_id="1.1"),
]
TALK: list[e.CallEvent] = [*BEGUN, e.CallAnswered(at=at(2), leg="leg-2")]
TAKEN_BACK = e.CallEnded(at=at(3), by="command", cause=16)


def as_told(*happened: e.CallEvent) -> list[Mapping[str, Any]]:
    return [{"at": event.at.isoformat(), "type": type(event).__name__, "data": store(event).data} for event in happened]


async def interrupted(command: Command, before: list[e.CallEvent]) -> tuple[int | None, str, str, int]:
    """`agi-router call`, and Ctrl-C after these events: its status, what it printed, and how often it hung up."""
    hung_up = asyncio.Event()
    steered = 0

    async def call(_: Arguments) -> Mapping[str, Any]:
        return {"call_id": "c-1"}

    async def follow(arguments: Arguments) -> Mapping[str, Any]:
        if arguments["after"] == 0:
            return {"events": as_told(*before), "is_over": False}
        if arguments["after"] == len(before):
            await hung_up.wait()
            return {"events": as_told(TAKEN_BACK), "is_over": True}
        return {"events": [], "is_over": False}

    async def steer(_: Arguments) -> Mapping[str, Any]:
        nonlocal steered
        steered += 1
        hung_up.set()
        return {}

    async with serve_control(load_control(command.config), {"call": call, "follow": follow, "steer": steer}):
        process = await installed(
            "--config", str(command.config), "call", "456", "102", extra={"PYTHONUNBUFFERED": "1"}
        )
        assert process.stdout is not None
        assert process.stderr is not None
        told = b"".join([await process.stdout.readline() for _ in before])
        process.send_signal(signal.SIGINT)
        rest, err = await asyncio.gather(process.stdout.read(), process.stderr.read())
        status = await process.wait()
        hung_up.set()
    return status, (told + rest).decode(), err.decode(), steered


async def test_ctrl_c_takes_back_a_call_that_nobody_has_answered(command: Command) -> None:
    status, _, err, steered = await interrupted(command, BEGUN)
    assert (status, steered) == (1, 1)
    assert "error: nobody speaks: the call was taken back" in err


async def test_ctrl_c_lets_a_talk_go_on_and_tells_how_to_end_it(command: Command) -> None:
    status, out, err, steered = await interrupted(command, TALK)
    assert (status, err, steered) == (0, "", 0)
    assert out.endswith(f"The talk goes on. End it: agi-router --config {command.config} steer c-1 hangup\n")
