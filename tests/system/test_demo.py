"""The demo as people run it: a process, its words, its exit status, and what is left of it."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox.demo.company import SOFTPHONE
from sandbox.layout import phone_password
from sandbox.phone import Phone

DEADLINE_S = 180


@dataclass(slots=True)
class Demo:
    """A running demo, in a process group of its own as in a terminal."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    async def line(self, wanted: str) -> str:
        """The next line in which this regular expression is found."""
        assert self.process.stdout is not None
        while raw := await self.process.stdout.readline():
            self.lines.append(raw.decode().rstrip("\n"))
            if re.search(wanted, self.lines[-1]):
                return self.lines[-1]
        return pytest.fail(f"{wanted!r} was not told:\n{self.text}")

    async def end(self) -> int:
        """Read to the end; its exit status."""
        assert self.process.stdout is not None
        self.lines += (await self.process.stdout.read()).decode().splitlines()
        return await self.process.wait()

    async def pid_of(self, part: str) -> int:
        """The process of one of its parts, from the list at its start."""
        return int((await self.line(rf"\b{part}\b.*process \d+")).split()[-1])

    def children(self) -> list[int]:
        """The processes that it has started and that run."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@contextlib.asynccontextmanager
async def demo(*arguments: str) -> AsyncIterator[Demo]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox.demo", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield Demo(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_the_three_calls_are_told_and_all_went_as_expected() -> None:
    async with demo("--once") as shown:
        assert await shown.end() == 0
    one, two, three = re.split(r"^\d\. ", shown.text, flags=re.MULTILINE)[1:]
    for story, steps in (
        (one, ["Grace.* called for", "asked GET http", "answered 200", 'found "456"', "ada-desk .*rings"]),
        (one, ["ada-mobile .*picked up after [1-9]", "ada-desk .*answered elsewhere", "hung up after [2-9]"]),
        (two, [r"\+12125550123 called", '"calls": \\[\\]', "no destination", "bob .*picked up", "caller hung up"]),
        (three, ["Grace.* called for", "asked GET", "takes no connection", "bob .*picked up", "caller hung up"]),
    ):
        assert re.search(".*".join(steps), story, re.DOTALL), story
    assert shown.lines[-1] == "All 3 calls went as expected."
    assert "\x1b" not in shown.text


@pytest.mark.parametrize("part", ["ada-desk", "CRM", "agi-router", "Asterisk 22"])
async def test_a_part_that_is_killed_fails_the_demo_by_name(part: str) -> None:
    async with demo("--once") as shown:
        victim = await shown.pid_of(part)
        await shown.line("called for")
        os.kill(victim, signal.SIGKILL)
        assert await shown.end() == 1
    assert f"(process {victim}) is gone" in shown.text
    assert "went as expected" not in shown.text


async def test_a_phone_that_hangs_is_seen_in_the_comparison() -> None:
    async with demo("--once") as shown:
        phone = await shown.pid_of("bob")
        await shown.line("picked up")  # in the first call, which is none of his; the second one is
        os.kill(phone, signal.SIGSTOP)
        await shown.line(r"^2\. ")
        await shown.line("no_answer|not answered in time")
        os.kill(phone, signal.SIGCONT)
        assert await shown.end() == 1
    assert re.search(r"answered .*bob .*NOT SO: nobody", shown.text)


async def test_a_softphone_can_take_part_until_ctrl_c_and_nothing_is_left() -> None:
    async with demo() as shown:
        asterisk, router = await shown.pid_of("Asterisk 22"), await shown.pid_of("agi-router")
        host, port = (await shown.line("SIP server")).split()[2].split(":")
        printed = (await shown.line(r"agi-router --config .* calls$")).split()
        calls = await asyncio.create_subprocess_exec(*printed, stdout=asyncio.subprocess.PIPE)
        assert b"ada-mobile" in (await calls.communicate())[0]
        await shown.line("Ctrl-C")
        async with Phone(
            SOFTPHONE, server=(host, int(port)), address="127.0.0.1", password=phone_password(SOFTPHONE)
        ) as own:
            for number, found in (("+14155550100", 'found "456"'), ("200", "path_missing"), ("300", "api_refused")):
                call = await own.call(number)
                await shown.line(rf"\+14155550188 .*called for {re.escape(number)}:")
                await shown.line(found)
                await call.answered()
                await call.hang_up()
                await shown.line("the caller hung up")
        parts = {asterisk, *shown.children()}
        assert router in parts
        os.killpg(shown.process.pid, signal.SIGINT)
        assert await shown.end() == 0
    assert shown.lines[-1] == "Ended; nothing is left running."
    assert [pid for pid in parts if is_running(pid)] == []


async def test_a_call_for_ada_is_placed_and_steered_by_the_printed_words() -> None:
    async with demo() as shown:
        place = (await shown.line(r"agi-router --config .* call 101 102$")).split()
        steer = (await shown.line(r"agi-router --config .* steer ID hold$")).split()
        placed = await asyncio.create_subprocess_exec(*place, stdout=asyncio.subprocess.DEVNULL)
        await shown.line("the agent speaks with PJSIP/bob")
        for action, told in (("hold", "holds the call"), ("hangup", "the call was hung up by request")):
            asked = await asyncio.create_subprocess_exec(*steer[:-2], "2", action)
            await shown.line(told)
            assert await asked.wait() == 0
        assert await placed.wait() == 0


async def test_the_rest_api_is_asked_by_the_printed_words() -> None:
    async with demo() as shown:
        export = (await shown.line(r"export PBX=.* KEY=agr_")).strip()
        place = (await shown.line(r"curl .*/calls\?wait=answered")).strip()
        live = (await shown.line(r"curl .*/live")).strip()
        placed, lives = [json.loads(await printed_by(f"{export}; {asked}")) for asked in (place, live)]
        assert placed["state"] == "talking"
        assert [call["call_id"] for call in lives["items"]] == [placed["call_id"]]
        follow = (await shown.line(r"curl .*/events")).strip()
        assert "event: CallRequested" in await printed_by(f"{export}; {follow} -G -d after=0 -d wait_s=0")
        page = (await shown.line(r"http://.*/docs$")).strip()
        assert "<html" in await printed_by(f"curl -sS {page}")


async def printed_by(words: str) -> str:
    """What these print in a shell."""
    running = await asyncio.create_subprocess_exec("sh", "-c", words, stdout=asyncio.subprocess.PIPE)
    printed = (await running.communicate())[0].decode()
    assert running.returncode == 0, printed
    return printed


async def test_ctrl_c_before_the_calls_are_over_is_no_success() -> None:
    async with demo() as shown:
        phone = await shown.pid_of("ada")
        await shown.line("called for")
        os.killpg(shown.process.pid, signal.SIGINT)
        assert await shown.end() == 130
    assert shown.lines[-1] == "Interrupted before all calls were made."
    assert not is_running(phone)
