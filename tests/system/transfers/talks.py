"""Talks that can be transferred, and what is on record of them."""

import asyncio
import re
from dataclasses import dataclass

from ari_app.calls.bridging import GUARD_PEER
from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.patience import PATIENCE_S
from tests.system.rig import CALLER, DID, Rig

CALLERS_HZ, ADAS_HZ, BOBS_HZ = 500, 1000, 1400
OUTSIDE = "+14155550123"
DIALPLAN = """\
[from-phones]
exten => 701,1,Dial(PJSIP/bob)
exten => 702,1,Dial(PJSIP/bob&PJSIP/carol)
"""


def with_extensions(config: Config) -> None:
    """Ada is 101, Bob 102, Carol 103."""
    users = config["directory"]["users"]
    users.append({"id": "78", "name": "Carol", "devices": ["PJSIP/carol"]})
    for user, extension in zip(users, ("101", "102", "103"), strict=True):
        user["extension"] = extension


@dataclass(frozen=True, slots=True)
class Talk:
    """Somebody who called, and Ada."""

    caller: OutgoingCall
    ada: IncomingCall


async def talking(rig: Rig, ada: Phone, caller: Phone | None = None) -> Talk:
    """Ada has answered; both hear each other."""
    rig.api.answers[SEARCH] = Answer(body=calls_of_user("456").body)
    call = await (caller or rig.carrier).call(DID, caller=None if caller else CALLER)
    ringing = await ada.next_call()
    await ringing.answer()
    await call.answered()
    assert await call.hears(ADAS_HZ, 0.2)
    await rig.router.until(lambda status: status["live_calls"] == 1 and status["calls_in_setup"] == 0)
    return Talk(call, ringing)


async def last(rig: Rig) -> tuple[CallRecord, list[e.CallEvent]]:
    """The record of the last call, and its events, after which nothing is left."""
    await rig.idle()
    record = (await rig.router.records())[-1]
    return record, list(await rig.router.trace(record.call_id))


async def held(rig: Rig, talk: Talk) -> None:
    """Ada's phone holds the call, and the router has lifted the guard: the phone may leave the call to others."""
    await talk.ada.hold()
    assert await talk.caller.hears(MUSIC_ON_HOLD_HZ, 0.1)
    async with asyncio.timeout(PATIENCE_S):
        while await guarded(rig):
            await asyncio.sleep(0.02)  # the variables of channels are filtered out of Asterisk's events


async def guarded(rig: Rig) -> list[str]:
    """The channels whose guard names a peer."""
    shown = [await rig.asterisk.cli(f"core show channel {line.split('!')[0]}") for line in await rig.channels()]
    return [text for text in shown if re.search(rf"^{GUARD_PEER}=.", text, re.MULTILINE)]


async def count(rig: Rig) -> int:
    return len(await rig.router.records())


@dataclass(frozen=True, slots=True)
class Consultation:
    """The second call of Ada's phone, while her first one is on hold."""

    adas: OutgoingCall
    bobs: IncomingCall


async def consulting(rig: Rig, talk: OutgoingCall | IncomingCall, ada: Phone, bob: Phone, number: str) -> Consultation:
    """Ada's phone has called this number, and Bob has answered: 701 is a Dial() of the dialplan, DID the router's."""
    rig.api.answers[SEARCH] = Answer(body=calls_of_user("77").body)
    await talk.hold()
    call = await ada.call(number)
    ringing = await bob.next_call()
    await ringing.answer()
    await call.answered()
    assert await call.hears(BOBS_HZ, 0.2)
    await call.hold()
    return Consultation(call, ringing)
