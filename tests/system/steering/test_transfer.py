"""Live calls are transferred by request: blindly, and each of the three hanging up meanwhile."""

import asyncio

import pytest

from ari_app.control.settings import ControlError
from ari_app.domain import events as e
from sandbox import Phone
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.system.rig import Rig
from tests.system.steering.talks import (
    ADAS_HZ,
    BOBS_HZ,
    Talk,
    hz_of,
    last,
    refusal,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_customer_is_transferred_to_a_colleague(rig: Rig, talk: Talk, bob: Phone) -> None:
    await rig.router.steer(talk.call_id, "hold")
    asking = asyncio.create_task(rig.router.steer(talk.call_id, "transfer", "102"))
    at_bob = await bob.next_call()
    assert await talk.customer.hears_ringing()
    assert await refusal(rig, talk.call_id, "hold") == "in_transfer"
    await at_bob.answer()
    await asking
    assert (await talk.agent.ended()).how == "bye"
    assert await talk.customer.hears(BOBS_HZ, 0.3)
    assert await at_bob.hears(hz_of(talk), 0.3)
    await rig.router.steer(talk.call_id, "hold")
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.2)
    await at_bob.hang_up()
    await talk.customer.ended()
    record, story = await last(rig)
    assert (record.agent, record.answered_by) == ("77", "PJSIP/bob")
    (asked,) = [event for event in story if isinstance(event, e.TransferAsked)]
    assert (asked.by_command, asked.target, asked.kind) == (True, "102", "blind")


@pytest.mark.parametrize(
    ("target", "code"), [("+19005550123", "policy_number_type"), ("nobody-here", "dialled_unknown")]
)
async def test_the_dial_policy_refuses_a_target_and_the_talk_goes_on(
    rig: Rig, talk: Talk, target: str, code: str
) -> None:
    assert await refusal(rig, talk.call_id, "transfer", target) == code
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    assert await talk.agent.hears(hz_of(talk), 0.3)
    await talk.agent.hang_up()


async def test_a_colleague_who_is_busy_leaves_the_talk_to_the_agent(rig: Rig, talk: Talk, bob: Phone) -> None:
    asking = asyncio.create_task(refusal(rig, talk.call_id, "transfer", "102"))
    await (await bob.next_call()).reject(486)
    assert await asking == "transfer_busy"
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    await talk.customer.hang_up()


async def test_a_customer_who_hangs_up_while_the_colleague_rings_ends_the_call(
    rig: Rig, talk: Talk, bob: Phone
) -> None:
    asking = asyncio.create_task(refusal(rig, talk.call_id, "transfer", "102"))
    at_bob = await bob.next_call()
    await at_bob.ring()
    await talk.customer.hang_up()
    await at_bob.cancelled()
    assert (await talk.agent.ended()).how == "bye"
    assert await asking == "call_over"


async def test_an_agent_who_hangs_up_while_the_colleague_rings_has_transferred(
    rig: Rig, talk: Talk, bob: Phone
) -> None:
    asking = asyncio.create_task(rig.router.steer(talk.call_id, "transfer", "102"))
    at_bob = await bob.next_call()
    await at_bob.ring()
    await talk.agent.hang_up()
    await at_bob.answer()
    await asking
    assert await talk.customer.hears(BOBS_HZ, 0.3)
    await at_bob.hang_up()
    await talk.customer.ended()


async def test_a_call_is_hung_up_by_request_while_its_transfer_rings(rig: Rig, talk: Talk, bob: Phone) -> None:
    async def transferring() -> None:
        with pytest.raises(ControlError, match="call_over"):
            await rig.router.steer(talk.call_id, "transfer", "102")

    asking = asyncio.create_task(transferring())
    at_bob = await bob.next_call()
    await at_bob.ring()
    await rig.router.steer(talk.call_id, "hangup")
    await at_bob.cancelled()
    await talk.customer.ended()
    await talk.agent.ended()
    await asking
    record, _ = await last(rig)
    assert record.ended_by == "command"


async def test_the_colleague_to_whom_a_customer_was_transferred_may_transfer_him_back(
    rig: Rig, talk: Talk, bob: Phone
) -> None:
    asking = asyncio.create_task(rig.router.steer(talk.call_id, "transfer", "102"))
    at_bob = await bob.next_call()
    await at_bob.answer()
    await asking
    await talk.agent.ended()
    async with rig.user("ada-desk", ADAS_HZ) as desk:
        back = asyncio.create_task(rig.router.steer(talk.call_id, "transfer", "101"))
        at_desk = await desk.next_call()
        await at_desk.answer()
        await back
        assert await talk.customer.hears(ADAS_HZ, 0.3)
        await talk.customer.hang_up()
        await at_desk.ended()
