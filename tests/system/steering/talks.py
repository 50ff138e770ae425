"""What the tests of steering share: a talk that is live, and how it is steered."""

import asyncio
from dataclasses import dataclass

import pytest

from ari_app.control.settings import ControlError
from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import ADA, Rig

CALLERS_HZ, ADAS_HZ, BOBS_HZ = 500, 1000, 1400
CUSTOMER, CUSTOMERS_HZ = "+14155550123", 700


def with_extensions(config: Config) -> None:
    """Ada is 101, Bob 102; talks may be recorded, into files that stay in Asterisk's spool."""
    config["defaults"]["recording"] = "on_demand"
    config["recordings"]["keep_in_asterisk"] = True
    for user, extension in zip(config["directory"]["users"], ("101", "102"), strict=True):
        user["extension"] = extension


@dataclass(frozen=True, slots=True)
class Talk:
    """A live call: its id, the customer's end and the agent's."""

    call_id: str
    customer: OutgoingCall | IncomingCall
    agent: IncomingCall


async def inbound(rig: Rig, ada: Phone) -> Talk:
    """A customer has called, and Ada has answered; both hear each other."""
    rig.api.answers[SEARCH] = Answer(body=calls_of_user(ADA).body)
    customer = await rig.call()
    at_ada = await ada.next_call()
    await at_ada.answer()
    await customer.answered()
    assert await customer.hears(ADAS_HZ, 0.2)
    await rig.router.until(lambda status: status["live_calls"] == 1 and status["calls_in_setup"] == 0)
    return Talk((await rig.newest()).call_id, customer, at_ada)


async def outbound(rig: Rig, ada: Phone, provider: Phone) -> Talk:
    """Ada has been called, and then the customer; both hear each other."""
    call_id = await rig.place(ADA, CUSTOMER)
    at_ada = await ada.next_call()
    await at_ada.answer()
    at_customer = await provider.next_call()
    await at_customer.answer()
    assert await at_ada.hears(CUSTOMERS_HZ, 0.2)
    await rig.router.until(lambda status: status["calls_in_setup"] == 0)
    return Talk(call_id, at_customer, at_ada)


async def only_two(rig: Rig) -> None:
    """Wait until the phones that somebody else has answered are gone from the live call."""
    async with asyncio.timeout(PATIENCE_S):
        while [len(call["parties"]) for call in await rig.router.live()] != [2]:
            await asyncio.sleep(0.02)  # the router is asked: it tells nobody


def hz_of(talk: Talk) -> int:
    return CALLERS_HZ if isinstance(talk.customer, OutgoingCall) else CUSTOMERS_HZ


async def hears_nothing(call: OutgoingCall | IncomingCall) -> bool:
    """What is on its way is still heard, and a mute takes effect a moment after Asterisk has said yes to it."""
    return await call.falls_silent(0.4)


async def last(rig: Rig) -> tuple[CallRecord, list[e.CallEvent]]:
    """The record of the last call, and its events, after which nothing is left."""
    await rig.idle()
    record = await rig.newest()
    return record, list(await rig.router.trace(record.call_id))


def steered(story: list[e.CallEvent]) -> list[str]:
    return [event.action for event in story if isinstance(event, e.Steered)]


async def refusal(rig: Rig, call_id: str, action: str, value: str = "", *, party: str = "") -> str:
    """The code of the reason why it is not done."""
    with pytest.raises(ControlError) as refused:
        await rig.router.steer(call_id, action, value, party=party)
    assert refused.value.remedy
    return str(refused.value).rpartition("[")[2].rstrip("]")
