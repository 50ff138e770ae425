"""`agi-router call` as a person uses it: it places a call on a real Asterisk, and shows what becomes of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from sandbox import Phone
from tests.command import Command, Ran
from tests.system.rig import ADA, Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUSTOMER = "+14155550123"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running() as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    yield shared
    await shared.idle()
    await shared.stands(ADA, registered=False)  # else the next test could take her phone for registered


def placing(rig: Rig, *words: str) -> asyncio.Task[Ran]:
    """`agi-router call`, to its end."""
    return asyncio.create_task(Command(rig.router.config_path)("call", *words))


@pytest_asyncio.fixture(loop_scope="module")
async def provider(rig: Rig) -> AsyncIterator[Phone]:
    async with Phone.provider(rig.asterisk.layout) as provider:
        yield provider


async def test_a_call_is_told_to_its_end(rig: Rig, provider: Phone) -> None:
    async with rig.user("ada") as ada:
        await rig.stands(ADA, registered=True)
        command = placing(rig, ADA, CUSTOMER, "--name", "Grace", "--param", "lead=7")
        at_ada = await ada.next_call()
        assert at_ada.caller_name == "Grace"
        await at_ada.answer()
        at_customer = await provider.next_call()
        await at_customer.answer()
        await rig.router.until_told(e.CallAnswered)
        await at_customer.hang_up()
        ran = await command
    assert (ran.status, ran.err) == (0, "")
    told = [line.split(" ms  ", 1)[1] for line in ran.out.splitlines()]
    assert told[0] == f"Ada is to speak with {CUSTOMER} (Grace): the agent is rung first"
    assert "the agent has picked up, and the customer is rung" in told
    assert any(line.startswith("the called party hung up after") for line in told)


async def test_one_that_nobody_answers_is_told_with_its_reason(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        await rig.stands(ADA, registered=True)
        command = placing(rig, ADA, CUSTOMER, "--json")
        await (await ada.next_call()).reject(603)
        ran = await command
    assert ran.status == 1
    assert ran.json["disposition"] == Disposition.AGENT_UNREACHED.value
    assert "error: nobody speaks: agent unreached: declined" in ran.err


async def test_a_request_that_can_t_be_understood_rings_nobody(rig: Rig) -> None:
    unknown = await placing(rig, "nobody@example.com", CUSTOMER)
    assert unknown.status == 1
    assert "no user has the id, e-mail address or extension" in unknown.err
    short = await placing(rig, ADA, CUSTOMER, "--agent-ring", "1")
    assert short.status == 2
    assert "--agent-ring" in short.err
