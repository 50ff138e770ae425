"""The demo with an Asterisk and a router that others have started, as docker/compose.yaml starts them."""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sandbox.asterisk import launcher
from sandbox.demo.premises import ADDRESSES
from sandbox.layout import CLAIM_PORT, Layout, try_claim
from sandbox.root import asterisk_root

DEADLINE_S = 180


@pytest.fixture
def folder() -> Iterator[Path]:
    """One with a short name: with pytest's, Asterisk's socket may come to more than the 108 bytes that are allowed."""
    with tempfile.TemporaryDirectory(prefix="agi-router-") as made:
        yield Path(made)


@contextlib.asynccontextmanager
async def process(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    running = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig=KILL", *command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


@contextlib.asynccontextmanager
async def premises(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    async with process(sys.executable, "-m", "sandbox.demo.premises", str(folder)) as running:
        while not (folder / ADDRESSES).exists():
            assert running.returncode is None, "it stays"
            await asyncio.sleep(0.02)
        yield running


def asterisk(folder: Path) -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
    return process(*launcher(asterisk_root(), folder / "asterisk"))


def router(folder: Path) -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
    command = str(Path(sys.executable).with_name("agi-router"))
    return process(command, "--config", str(folder / "router" / "agi-router.yaml"), "serve")


def demo(folder: Path, *arguments: str) -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
    return process(sys.executable, "-m", "sandbox.demo", "--attach", str(folder), *arguments)


async def rest_of(shown: asyncio.subprocess.Process) -> str:
    assert shown.stdout is not None
    return (await shown.stdout.read()).decode()


async def line_of(shown: asyncio.subprocess.Process, wanted: str) -> None:
    assert shown.stdout is not None
    while line := await shown.stdout.readline():
        if wanted in line.decode():
            return
    pytest.fail(f"{wanted!r} was not told")


async def test_it_takes_calls_beside_both_in_any_order_of_start_and_leaves_them_running(folder: Path) -> None:
    async with premises(folder), demo(folder, "--once") as shown:
        async with router(folder) as their_router, asterisk(folder) as their_asterisk:
            text = await rest_of(shown)
            assert await shown.wait() == 0, text
            assert "All 3 calls went as expected." in text
            assert text.count("runs beside the demo") == 2
            assert their_router.returncode is their_asterisk.returncode is None


@pytest.mark.parametrize("part", ["Asterisk", "The router"])
async def test_a_part_beside_it_that_is_lost_fails_it_by_name(folder: Path, part: str) -> None:
    async with premises(folder), asterisk(folder) as their_asterisk, router(folder) as their_router:
        async with demo(folder, "--once") as shown:
            await line_of(shown, "called for")
            (their_asterisk if part == "Asterisk" else their_router).kill()
            text = await rest_of(shown)
            assert await shown.wait() == 1, text
            assert f"{part} is gone." in text


async def test_premises_keep_their_addresses_until_they_are_told_to_end(folder: Path) -> None:
    async with premises(folder) as running:
        layout = Layout(**json.loads((folder / ADDRESSES).read_text())["layout"])
        assert try_claim(layout.network) is None, f"port {CLAIM_PORT} is theirs"
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 0
        network = try_claim(layout.network)
        assert network is not None
        network.release()


async def test_premises_are_not_written_twice(folder: Path) -> None:
    async with premises(folder), process(sys.executable, "-m", "sandbox.demo.premises", str(folder)) as second:
        assert "Give an empty folder." in await rest_of(second)
        assert await second.wait() == 1
    async with process(sys.executable, "-m", "sandbox.demo", "--attach", str(folder / "nowhere")) as shown:
        told = " ".join((await rest_of(shown)).split())  # wherever its lines break: that depends on the folder's name
        assert "It is written by: python -m sandbox.demo.premises" in told
        assert await shown.wait() == 1
