"""Attended transfers by request: consult, complete, take back, and each of the three hanging up at each moment."""

import asyncio
from dataclasses import dataclass

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from sandbox import Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.system.rig import Rig
from tests.system.steering.talks import (
    ADAS_HZ,
    BOBS_HZ,
    Talk,
    hears_nothing,
    hz_of,
    last,
    refusal,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Asked:
    """Bob's phone rings, as Ada is to consult him; `outcome` is "" or the code of the reason why not."""

    at_bob: IncomingCall
    outcome: asyncio.Task[str]


async def consulting(rig: Rig, talk: Talk, bob: Phone) -> Asked:
    async def ask() -> str:
        try:
            await rig.router.steer(talk.call_id, "consult", "102")
        except Exception as refused:
            return str(refused).rpartition("[")[2].rstrip("]")
        return ""

    outcome = asyncio.create_task(ask())
    at_bob = await bob.next_call()
    await at_bob.ring()
    return Asked(at_bob, outcome)


@pytest_asyncio.fixture(loop_scope="module")
async def rings(rig: Rig, talk: Talk, bob: Phone) -> Asked:
    return await consulting(rig, talk, bob)


@pytest_asyncio.fixture(loop_scope="module")
async def speaks(talk: Talk, rings: Asked) -> IncomingCall:
    """Bob has picked up, and he and Ada hear each other."""
    await rings.at_bob.answer()
    assert await rings.outcome == ""
    assert await talk.agent.hears(BOBS_HZ, 0.2)
    assert await rings.at_bob.hears(ADAS_HZ, 0.2)
    return rings.at_bob


async def test_who_is_consulted_takes_the_talk_over(rig: Rig, talk: Talk, rings: Asked) -> None:
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.2)
    assert await talk.agent.hears_ringing()
    assert await refusal(rig, talk.call_id, "complete") == "not_answered"
    assert await refusal(rig, talk.call_id, "mute") == "in_transfer"
    (live,) = await rig.router.live()
    assert live["state"] == "consulting"
    await rings.at_bob.answer()
    assert await rings.outcome == ""
    assert await talk.agent.hears(BOBS_HZ, 0.2)
    assert await rings.at_bob.hears(ADAS_HZ, 0.2)
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.2)
    await rig.router.steer(talk.call_id, "complete")
    assert (await talk.agent.ended()).how == "bye"
    assert await talk.customer.hears(BOBS_HZ, 0.3)
    assert await rings.at_bob.hears(hz_of(talk), 0.3)
    await rings.at_bob.hang_up()
    await talk.customer.ended()
    record, story = await last(rig)
    assert (record.agent, record.answered_by) == ("77", "PJSIP/bob")
    (asked,) = [event for event in story if isinstance(event, e.TransferAsked)]
    assert (asked.kind, asked.by_command) == ("attended", True)


async def test_a_consultation_is_taken_back_while_it_rings(rig: Rig, talk: Talk, rings: Asked) -> None:
    await rig.router.steer(talk.call_id, "cancel")
    await rings.at_bob.cancelled()
    assert await rings.outcome == "transfer_taken_back"
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    assert await talk.agent.hears(hz_of(talk), 0.3)
    await talk.customer.hang_up()
    await talk.agent.ended()


async def test_a_consultation_is_taken_back_while_they_speak(rig: Rig, talk: Talk, speaks: IncomingCall) -> None:
    await rig.router.steer(talk.call_id, "cancel")
    assert (await speaks.ended()).how == "bye"
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    assert await talk.agent.hears(hz_of(talk), 0.3)
    await rig.router.steer(talk.call_id, "hold")
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.2)
    assert await hears_nothing(talk.agent)
    assert await refusal(rig, talk.call_id, "complete") == "not_consulting"
    await talk.agent.hang_up()
    await talk.customer.ended()


async def test_a_colleague_who_is_busy_gives_the_talk_back(talk: Talk, rings: Asked) -> None:
    await rings.at_bob.reject(486)
    assert await rings.outcome == "transfer_busy"
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    assert await talk.agent.hears(hz_of(talk), 0.3)
    await talk.customer.hang_up()


async def test_a_colleague_who_hangs_up_gives_the_talk_back(talk: Talk, speaks: IncomingCall) -> None:
    await speaks.hang_up()
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    assert await talk.agent.hears(hz_of(talk), 0.3)
    await talk.customer.hang_up()


async def test_a_customer_who_hangs_up_while_it_rings_ends_the_call(rig: Rig, talk: Talk, rings: Asked) -> None:
    await talk.customer.hang_up()
    await rings.at_bob.cancelled()
    assert (await talk.agent.ended()).how == "bye"
    assert await rings.outcome == "call_over"
    record, _ = await last(rig)
    assert record.ended_by == ("callee" if record.first else "caller")


async def test_a_customer_who_hangs_up_while_they_speak_ends_the_call(talk: Talk, speaks: IncomingCall) -> None:
    await talk.customer.hang_up()
    assert (await speaks.ended()).how == "bye"
    assert (await talk.agent.ended()).how == "bye"


async def test_an_agent_who_hangs_up_while_it_rings_lets_it_ring_no_more(talk: Talk, rings: Asked) -> None:
    await talk.agent.hang_up()
    await rings.at_bob.cancelled()
    assert await rings.outcome == "transfer_taken_back"
    await talk.customer.ended()


async def test_an_agent_who_hangs_up_while_they_speak_has_transferred(talk: Talk, speaks: IncomingCall) -> None:
    await talk.agent.hang_up()
    assert await talk.customer.hears(BOBS_HZ, 0.3)
    assert await speaks.hears(hz_of(talk), 0.3)
    await talk.customer.hang_up()
    await speaks.ended()


async def test_the_call_is_hung_up_by_request_while_they_speak(rig: Rig, talk: Talk, speaks: IncomingCall) -> None:
    await rig.router.steer(talk.call_id, "hangup")
    for call in (talk.customer, talk.agent, speaks):
        await call.ended()
    record, _ = await last(rig)
    assert record.ended_by == "command"


@pytest.mark.parametrize("answered", [False, True], ids=["rings", "speaks"])
async def test_a_restarted_router_gives_the_talk_back(rig: Rig, talk: Talk, rings: Asked, answered: bool) -> None:
    if answered:
        await rings.at_bob.answer()
        assert await rings.outcome == ""
        assert await talk.agent.hears(BOBS_HZ, 0.2)
    await rig.router.records()
    await rig.router.kill()
    await rings.outcome
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.2)
    await rig.router.start()
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    assert await talk.agent.hears(hz_of(talk), 0.3)
    await rings.at_bob.ended()
    await talk.customer.hang_up()
    await talk.agent.ended()


@pytest.mark.parametrize("answered", [False, True], ids=["rings", "speaks"])
async def test_a_router_that_stops_gives_the_talk_back_before(
    rig: Rig, talk: Talk, rings: Asked, answered: bool
) -> None:
    if answered:
        await rings.at_bob.answer()
        assert await rings.outcome == ""
        assert await talk.agent.hears(BOBS_HZ, 0.2)
    assert await rig.router.stop() == 0
    await rings.outcome
    await rings.at_bob.ended()
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    assert await talk.agent.hears(hz_of(talk), 0.3)
    await talk.agent.hang_up()
    await talk.customer.ended()
    await rig.router.start()


async def test_the_transfer_key_of_the_agent_is_declined_while_he_consults_by_request(
    rig: Rig, talk: Talk, speaks: IncomingCall
) -> None:
    transfer = await talk.agent.transfer("102")
    assert await transfer.outcome() == 603
    assert await talk.agent.hears(BOBS_HZ, 0.2)
    await rig.router.steer(talk.call_id, "complete")
    assert await talk.customer.hears(BOBS_HZ, 0.3)
    await speaks.hang_up()
    await talk.customer.ended()
