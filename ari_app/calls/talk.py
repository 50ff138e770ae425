"""Caller and callee speak: answer the caller, bridge the two, and wait for the end of either."""

import asyncio
from datetime import datetime

from ari_app.calls.call import LAST_EVENTS_S, Call, CallerGoneError, Leg, now
from ari_app.calls.ports import TelephonyError, UnreachableError
from ari_app.calls.screen_pop import CALLER_NAME
from ari_app.calls.talk_limit import limited
from ari_app.domain import events as e
from ari_app.domain.causes import NORMAL_CLEARING, UNKNOWN

GUARD_PEER = "AGI_ROUTER_PEER"
"""Tells the hangup guard with whom the caller speaks: it ends the other one when no router is there to do so."""


async def converse(call: Call, leg: Leg) -> None:
    """Bridge the caller with the leg that answered, until one of them hangs up; then the other one ends too.

    Raises CallerGoneError when it was the caller.
    """
    try:
        await _connect(call, leg)
    except UnreachableError:
        raise
    except TelephonyError as error:
        call.log.info("caller and callee could not be bridged", leg=leg.role, error=str(error))
        await _end_unbridged(call, leg)
    else:
        await talk(call, leg)


async def talk(call: Call, leg: Leg, since: datetime | None = None) -> None:
    """Wait for the end of the one or the other. Raises CallerGoneError; ends the caller when it was the leg.

    `since` is when they began to speak, None for this moment: a talk may have a limit.
    """
    call.talking = True
    try:
        async with limited(call, since or now()):
            while leg.alive:
                await call.next_event()
    except CallerGoneError:
        # When the leg hangs up, its guard ends the caller's channel too, and that can be told first.
        if call.first_to_hang_up != leg.channel_id:
            raise
    await call.telephony.hang_up(call.caller.channel_id, "normal")
    call.tell(e.CallEnded(at=now(), by="callee", cause=leg.cause or NORMAL_CLEARING))


async def _connect(call: Call, leg: Leg) -> None:
    await asyncio.gather(call.reception.answer(), *_keep_name(call, leg))
    call.tell(e.CallAnswered(at=now(), leg=leg.role))
    await call.bridge_ready()
    while leg.alive and not leg.name:
        await call.next_event()
    if leg.alive:
        await asyncio.gather(
            call.telephony.set_variable(call.caller.channel_id, GUARD_PEER, leg.name),
            call.telephony.add_to_bridge(call.bridge_id, [call.caller.channel_id, leg.channel_id]),
        )


def _keep_name(call: Call, leg: Leg) -> list[asyncio.Task[None]]:
    """In the bridge a phone is shown its peer's name anew: let that be the one it rang with. No carrier sees it."""
    if not leg.shown_name:
        return []
    return [call.request(call.telephony.set_variable(call.caller.channel_id, CALLER_NAME, leg.shown_name))]


async def _end_unbridged(call: Call, leg: Leg) -> None:
    """One of the two hung up in the instant of the answer, and the event that tells which is on its way."""
    try:
        async with asyncio.timeout(LAST_EVENTS_S):
            await talk(call, leg)
    except TimeoutError:
        await asyncio.gather(
            call.telephony.hang_up(call.caller.channel_id, "failure"), call.telephony.hang_up(leg.channel_id, "failure")
        )
        call.tell(e.CallEnded(at=now(), by="router", cause=UNKNOWN, reason="could not be bridged"))
