"""`agi-router call` as a person uses it: it places a call on a real Asterisk, and shows what becomes of it."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from sandbox import Phone
from tests.system.rig import ADA, Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGI_ROUTER = Path(sys.executable).with_name("agi-router")
CUSTOMER = "+14155550123"


class Command:
    """A running `agi-router call`, or one that has ended."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, rig: Rig, *words: str) -> "Command":
        return cls(
            await asyncio.create_subprocess_exec(
                *(str(AGI_ROUTER), "--config", str(rig.router.config_path), "call", *words),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        )

    async def ended(self) -> tuple[int, str, str]:
        out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode, out.decode(), err.decode()

    def press_ctrl_c(self) -> None:
        self._process.send_signal(signal.SIGINT)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running() as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    yield shared
    await shared.idle()


@pytest_asyncio.fixture(loop_scope="module")
async def provider(rig: Rig) -> AsyncIterator[Phone]:
    async with Phone.provider(rig.asterisk.layout) as provider:
        yield provider


async def test_a_call_is_told_to_its_end(rig: Rig, provider: Phone) -> None:
    async with rig.user("ada") as ada:
        command = await Command.start(rig, ADA, CUSTOMER, "--name", "Grace", "--param", "lead=7")
        at_ada = await ada.next_call(20)
        assert at_ada.caller_name == "Grace"
        await at_ada.answer()
        at_customer = await provider.next_call()
        await at_customer.answer()
        await rig.router.until_told(e.CallAnswered)
        await at_customer.hang_up()
        status, out, err = await command.ended()
    assert (status, err) == (0, "")
    told = [line.split(" ms  ", 1)[1] for line in out.splitlines()]
    assert told[0] == f"Ada is to speak with {CUSTOMER} (Grace): the agent is rung first"
    assert "the agent has picked up, and the customer is rung" in told
    assert any(line.startswith("the called party hung up after") for line in told)


async def test_one_that_nobody_answers_is_told_with_its_reason(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        command = await Command.start(rig, ADA, CUSTOMER, "--json")
        await (await ada.next_call(20)).reject(603)
        status, out, err = await command.ended()
    assert status == 1
    assert json.loads(out)["disposition"] == Disposition.AGENT_UNREACHED.value
    assert "error: nobody speaks: agent unreached: declined" in err


async def test_a_request_that_can_t_be_understood_rings_nobody(rig: Rig) -> None:
    status, _, err = await (await Command.start(rig, "nobody@example.com", CUSTOMER)).ended()
    assert status == 1
    assert "no user has the id, e-mail address or extension" in err
    status, _, err = await (await Command.start(rig, ADA, CUSTOMER, "--agent-ring", "1")).ended()
    assert status == 1
    assert "agent_ring_s" in err
