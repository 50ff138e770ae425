"""A program that was written for Ameyo's click to dial, on a real Asterisk: each outcome of its page by a real call."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_app.domain.record import Disposition
from sandbox import Layout, Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.router import Config
from tests.clients import scenarios_ameyo, scenarios_ameyo_live
from tests.clients.ameyo import AmeyoClient, Answer
from tests.clients.ameyo_outcomes import AgentNotAvailable, CustomerDidNotAnswer, MediaError, OtherRefusal, is_connected
from tests.clients.scenario import Scenario
from tests.clients.world import World
from tests.command import Command
from tests.patience import PATIENCE_S
from tests.system.click_to_dial.clicking import ADA_HZ, CUSTOMER, CUSTOMER_HZ, provider
from tests.system.faces import vendors
from tests.system.rig import ADA, Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "crm.example.com"
MEMBER = "Local/ada@agi-router-member/n"
QUEUES = f"[support-queue]\nmember => {MEMBER},0,Ada,PJSIP/ada\n"
WORLD = replace(vendors.world(), campaign_id="12", inbound_campaign_id="13")


def with_ameyo(config: Config) -> None:
    vendors.with_faces(config)
    config["web"]["faces"] = {"ameyo": {"requesting_hosts": [HOST]}}
    config["campaigns"] = [
        {"id": "12", "queue": "support-queue"},
        {"id": "13", "direction": "inbound"},
        {"id": "customer-first", "first": "customer"},
    ]


def with_queues(etc: Path, _: Layout) -> None:
    (etc / "queues.conf").write_text(QUEUES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(with_ameyo, configure=with_queues, ami=True) as rig:
        await rig.router.until(lambda status: status["ami_connected"] and status["queue_members"] == 1)
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    """Nothing is left of a test's calls after it."""
    yield shared
    await shared.idle()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crm(shared: Rig) -> AsyncIterator[AmeyoClient]:
    key = await vendors.made_key(shared, "crm", "face:ameyo")
    async with AmeyoClient(vendors.address(shared), key, HOST) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def ada(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("ada", ADA_HZ) as ada:
        yield ada


@pytest_asyncio.fixture(loop_scope="module")
async def customer(rig: Rig) -> AsyncIterator[Phone]:
    async with provider(rig) as phone:
        yield phone


def situation(name: str, world: World = WORLD) -> Scenario[AmeyoClient]:
    return vendors.named(scenarios_ameyo_live.situations(world), name)


def begun(crm: AmeyoClient, scenario: Scenario[AmeyoClient]) -> asyncio.Future[None]:
    return asyncio.ensure_future(scenario.run(crm))


def clicked(crm: AmeyoClient, campaign: str = "12", phone: str = CUSTOMER) -> asyncio.Task[Answer]:
    return asyncio.create_task(crm.click_to_dial(ADA, campaign, phone))


async def both_answer(ada: Phone, customer: Phone) -> tuple[IncomingCall, IncomingCall]:
    at_ada = await ada.next_call()
    assert at_ada.caller_number == CUSTOMER
    await at_ada.answer()
    at_customer = await customer.next_call()
    assert at_customer.called_number == CUSTOMER
    await at_customer.answer()
    return at_ada, at_customer


async def test_an_agent_on_break(rig: Rig, crm: AmeyoClient, ada: Phone, customer: Phone) -> None:
    await rig.asterisk.cli(f"queue pause member {MEMBER} queue support-queue reason lunch")
    try:
        async with asyncio.timeout(PATIENCE_S):
            while "on break" not in (await Command(rig.router.config_path)("agents")).out:
                await asyncio.sleep(0.02)  # the router is asked: it tells nobody
        await situation("agent_on_break").run(crm)
    finally:
        await rig.asterisk.cli(f"queue unpause member {MEMBER} queue support-queue")
    assert (ada.received, customer.received) == ([], [])
    assert (await rig.newest()).error_code == "agent_paused"


async def test_an_agent_who_is_not_logged_in(rig: Rig, crm: AmeyoClient, customer: Phone) -> None:
    await rig.stands(ADA, registered=False)
    await situation("agent_not_logged_in").run(crm)
    assert (await rig.newest()).error_code == "agent_not_registered"
    async with rig.user("bob") as bob:  # no member of the campaign's queue
        await situation("agent_not_logged_in", replace(WORLD, agent_id=vendors.BOB)).run(crm)
        assert (bob.received, customer.received) == ([], [])
    assert (await rig.newest()).error_code == "agent_not_logged_in"


@pytest.mark.parametrize("status", [488, 500, 503])
async def test_a_telephony_media_error(crm: AmeyoClient, ada: Phone, customer: Phone, status: int) -> None:
    asking = begun(crm, situation("telephony_media_error"))
    at_ada = await ada.next_call()
    await at_ada.answer()
    await (await customer.next_call()).reject(status)
    assert await at_ada.hears_sound()
    await asking
    await at_ada.ended()


@pytest_asyncio.fixture(loop_scope="module")
async def hasty(rig: Rig) -> AsyncIterator[None]:
    """Nobody rings for long."""
    rig.router.config["click_to_dial"] = {"agent_ring_s": 5, "customer_ring_s": 5}
    await rig.router.reload()
    yield
    del rig.router.config["click_to_dial"]
    await rig.router.reload()


@pytest.mark.usefixtures("hasty")
async def test_an_agent_who_does_not_answer(rig: Rig, crm: AmeyoClient, ada: Phone, customer: Phone) -> None:
    asking = begun(crm, situation("agent_does_not_answer"))
    at_ada = await ada.next_call()
    await at_ada.cancelled()
    await asking
    assert customer.received == []
    assert (await rig.newest()).disposition is Disposition.AGENT_UNREACHED


@pytest.mark.usefixtures("hasty")
async def test_a_customer_who_does_not_answer(rig: Rig, crm: AmeyoClient, ada: Phone, customer: Phone) -> None:
    asking = begun(crm, situation("customer_does_not_answer"))
    at_ada = await ada.next_call()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.ring()
    await at_customer.cancelled()
    await asking
    await at_ada.ended()
    record = await rig.newest()
    assert (record.disposition, record.reason) == (Disposition.CUSTOMER_UNREACHED, "no_answer")


async def test_both_speak_however_the_request_is_written(
    rig: Rig, crm: AmeyoClient, ada: Phone, customer: Phone
) -> None:
    situations = scenarios_ameyo_live.situations(WORLD)
    # "twice" asks again as soon as it is answered: the agent is in the first call then
    connected = [s for s in situations if "the customer answers" in s.situation and "twice" not in s.situation]
    assert len(connected) > 20
    for scenario in connected:
        asking = begun(crm, scenario)
        at_ada, at_customer = await both_answer(ada, customer)
        assert await at_ada.hears(CUSTOMER_HZ, 0.2)
        assert await at_customer.hears(ADA_HZ, 0.2)
        if "variables" in scenario.situation:
            is_bare = "GET_PRINTED_RAW" in scenario.name
            await has_variables(rig, scenarios_ameyo_live.PARAMS_BARE if is_bare else scenarios_ameyo_live.PARAMS)
        await at_customer.hang_up()
        await at_ada.ended()
        await rig.idle()
        await asking


async def has_variables(rig: Rig, params: dict[str, str]) -> None:
    """Both channels have the parameters, whole."""
    channels = [line.split("!")[0] for line in await rig.channels()]
    assert len(channels) == 2
    for channel in channels:
        told = (await rig.asterisk.cli(f"core show channel {channel}")).splitlines()
        for name, value in params.items():
            assert f"AGI_ROUTER_PARAM_{name}={value}" in told


async def test_the_answer_comes_while_both_speak_and_names_the_call(
    rig: Rig, crm: AmeyoClient, ada: Phone, customer: Phone
) -> None:
    asking = clicked(crm)
    at_ada, at_customer = await both_answer(ada, customer)
    answer: Any = await asking
    assert at_customer.is_over is False
    await at_ada.hang_up()
    await at_customer.ended()
    await rig.idle()
    record = await rig.newest()
    flow = answer.outcome.flow
    assert (flow.flow_id, flow.metadata_id) == (record.campaign, record.call_id) == ("12", record.call_id)
    assert (record.agent, record.key, record.disposition) == (ADA, "crm", Disposition.ANSWERED)


async def test_a_busy_customer_and_one_for_whom_the_agent_does_not_wait(
    rig: Rig, crm: AmeyoClient, ada: Phone, customer: Phone
) -> None:
    asking = clicked(crm)
    at_ada = await ada.next_call()
    await at_ada.answer()
    await (await customer.next_call()).reject(486)
    told = (await asking).outcome
    assert isinstance(told, MediaError)
    assert (told.phone, told.cause) == (CUSTOMER, "User busy")
    await at_ada.ended()
    await rig.idle()
    asking = clicked(crm)
    at_ada = await ada.next_call()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.ring()
    await at_ada.hang_up()
    assert isinstance((await asking).outcome, CustomerDidNotAnswer)
    await at_customer.cancelled()


async def test_an_agent_in_a_call_is_not_rung(rig: Rig, crm: AmeyoClient, ada: Phone, customer: Phone) -> None:
    asking = clicked(crm)
    at_ada, at_customer = await both_answer(ada, customer)
    await asking
    assert isinstance((await clicked(crm)).outcome, AgentNotAvailable)
    await at_customer.hang_up()
    await at_ada.ended()
    assert len(ada.received) == 1


async def test_a_campaign_may_have_the_customer_first(crm: AmeyoClient, ada: Phone, customer: Phone) -> None:
    asking = clicked(crm, "customer-first")
    at_customer = await customer.next_call()
    await at_customer.answer()
    at_ada = await ada.next_call()
    await at_ada.answer()
    assert is_connected((await asking).outcome)
    await at_customer.hang_up()
    await at_ada.ended()


async def test_what_is_refused_rings_nobody(rig: Rig, crm: AmeyoClient, ada: Phone, customer: Phone) -> None:
    assert await vendors.failures(scenarios_ameyo.scenarios(WORLD), crm) == []
    assert isinstance((await clicked(crm, phone="911")).outcome, OtherRefusal)
    assert (ada.received, customer.received) == ([], [])
    assert await rig.channels() == []
