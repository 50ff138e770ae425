"""What the shell offers while a command is typed."""

import asyncio

import pytest

from tests.command import AGI_ROUTER, Command, environment
from tests.component.cli import LOST


async def completed(command: Command, *words: str) -> list[str]:
    line = f"agi-router --config {command.config} {' '.join(words)}"
    asked = {
        "_AGI_ROUTER_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) + 2),
    }
    ran = await command(extra=asked)
    assert ran.err == ""
    return ran.out.split()


@pytest.mark.usefixtures("calls_on_record")
async def test_the_shell_completes_routes_calls_and_files(command: Command) -> None:
    assert await completed(command, "test-route", "s") == ["sales"]
    assert await completed(command, "calls", "20260301T0931") == [LOST]
    assert await completed(command, "dialplan", "pj") == ["pjsip.conf"]
    assert await completed(command, "che") == ["check-config"]
    assert await completed(command, "steer", "2026", "re") == ["resume", "record"]
    assert await completed(command, "steer", "2026", "record", "st") == ["start", "stop"]


async def test_completion_stays_silent_when_nothing_can_be_read(command: Command) -> None:
    command.config.write_text("routes: [")
    assert await completed(command, "test-route", "s") == []
    assert await completed(command, "calls", "2") == []
    assert await completed(command, "steer", "2") == []


async def test_the_completion_script_is_shown_for_the_shell_that_asks() -> None:
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"{AGI_ROUTER} --show-completion; exit $?"),
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
    )
    out, _ = await shell.communicate()
    assert b"complete_bash" in out
    assert shell.returncode == 0


async def test_campaigns_are_offered_by_which_calls_are_placed(command: Command) -> None:
    command.config.write_text("campaigns: [{id: renewals}, {id: replies, direction: inbound}]\n")
    assert await completed(command, "call", "456", "102", "--campaign", "re") == ["renewals"]
