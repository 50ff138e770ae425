"""Live calls that a program steers over REST, on a real Asterisk: what the two hear."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox import Phone
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.system.click_to_dial.clicking import ADA_HZ, CUSTOMER_HZ, Agent
from tests.system.rig import Rig
from tests.system.steering.talks import BOBS_HZ, Talk, hears_nothing, only_two, outbound
from tests.system.web.rest import Program

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def talk(rig: Rig, ada: Agent, customer: Phone) -> AsyncIterator[Talk]:
    """Ada has called a customer, and they speak."""
    talk = await outbound(rig, ada.phones[0], customer)
    await only_two(rig)
    yield talk


async def test_a_talk_is_held_muted_and_goes_on(rig: Rig, crm: Program, talk: Talk) -> None:
    path = f"/live/{talk.call_id}"
    assert (await crm.ask("POST", f"{path}/hold")).status == 204
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.3)
    assert await hears_nothing(talk.agent)
    parties = (await crm.ask("GET", path)).body["parties"]
    assert {party["endpoint"]: party["holds"] for party in parties} == {"PJSIP/ada": True, "PJSIP/trunk": False}
    assert (await crm.ask("POST", f"{path}/resume")).status == 204
    assert await talk.customer.hears(ADA_HZ, 0.3)
    assert (await crm.ask("POST", f"{path}/mute", {"party": "leg-4"})).status == 204
    assert await hears_nothing(talk.agent)
    assert (await crm.ask("POST", f"{path}/unmute", {"party": "leg-4"})).status == 204
    assert await talk.agent.hears(CUSTOMER_HZ, 0.3)
    assert (await crm.ask("POST", f"{path}/dtmf", {"digits": "1*9#"})).status == 204
    assert await talk.customer.receives("1*9#")
    assert (await crm.ask("POST", f"{path}/hangup")).status == 204
    assert (await talk.customer.ended()).how == "bye"
    await rig.idle()  # until then it ends, and to hang it up is done
    assert (await crm.ask("POST", f"{path}/hangup")).status == 404


async def test_a_talk_is_recorded(crm: Program, talk: Talk) -> None:
    path = f"/live/{talk.call_id}"
    for change, running, paused in (("start", True, False), ("pause", True, True), ("stop", False, False)):
        assert (await crm.ask("POST", f"{path}/record", {"change": change})).status == 204
        shown = (await crm.ask("GET", path)).body
        assert (bool(shown["recording"]), shown["recording_paused"]) == (running, paused)
    assert (await crm.ask("POST", f"{path}/record", {"change": "stop"})).body["code"] == "not_recording"
    await talk.agent.hang_up()


async def test_a_customer_is_transferred_and_the_program_is_told_when_he_speaks(
    rig: Rig, crm: Program, talk: Talk
) -> None:
    path = f"/live/{talk.call_id}"
    async with rig.user("bob", BOBS_HZ) as bob:
        refused = await crm.ask("POST", f"{path}/transfer", {"target": "+442079460123"})
        assert (refused.status, refused.body["code"]) == (403, "policy_region")
        assert (await crm.ask("POST", f"{path}/consult", {"target": "199"})).status == 404
        consulting = asyncio.create_task(crm.ask("POST", f"{path}/consult", {"target": "102"}))
        at_bob = await bob.next_call()
        await at_bob.answer()
        assert (await consulting).status == 204
        assert await talk.agent.hears(BOBS_HZ, 0.2)
        assert (await crm.ask("POST", f"{path}/complete")).status == 204
        assert (await talk.agent.ended()).how == "bye"
        assert await talk.customer.hears(BOBS_HZ, 0.2)
        await at_bob.hang_up()
        await talk.customer.ended()
