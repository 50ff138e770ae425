"""Caller and callee speak: answer the caller, bridge the two, and wait for the end of either."""

import asyncio

from ari_app.calls.call import Call, CallerGoneError, Leg, now
from ari_app.calls.ports import TelephonyError, UnreachableError
from ari_app.domain import events as e
from ari_app.domain.causes import NORMAL_CLEARING

GUARD_PEER = "AGI_ROUTER_PEER"
"""Names the other channel of the bridge to the hangup guard, which ends it when no router is there to do so."""


async def converse(call: Call, leg: Leg) -> None:
    """Bridge the caller with the leg that answered, until one of them hangs up; then the other one ends too."""
    try:
        await call.unless_caller_gone(_connect(call, leg))
        call.tell(e.CallAnswered(at=now(), leg=leg.role))
    except CallerGoneError:
        raise
    except UnreachableError:
        raise
    except TelephonyError as error:
        # The leg may have hung up in the instant of its answer. Anything else ends the call here as well: the caller
        # was answered, and has nobody to speak with.
        call.log.warning("caller and callee could not be bridged", leg=leg.role, error=str(error))
        await end_both(call, leg, by="router", reason="could not be bridged")
        return
    await talk(call, leg)


async def talk(call: Call, leg: Leg) -> None:
    """Wait for the end of a bridged call and let it end on the other side. Raises CallerGoneError."""
    call.talking = True
    while leg.alive:
        await call.next_event()
    await call.telephony.hang_up(call.caller.channel_id, "normal")
    call.tell(e.CallEnded(at=now(), by="callee", cause=leg.cause or NORMAL_CLEARING))


async def end_both(call: Call, leg: Leg, *, by: str, reason: str) -> None:
    """End a call that can't go on."""
    await asyncio.gather(
        call.telephony.hang_up(call.caller.channel_id, "failure"), call.telephony.hang_up(leg.channel_id, "failure")
    )
    call.tell(e.CallEnded(at=now(), by=by, cause=NORMAL_CLEARING, reason=reason))


async def _connect(call: Call, leg: Leg) -> None:
    await call.telephony.answer(call.caller.channel_id)
    await call.bridge_ready()
    await asyncio.gather(
        call.telephony.set_variable(call.caller.channel_id, GUARD_PEER, leg.name),
        call.telephony.set_variable(leg.channel_id, GUARD_PEER, call.caller.name),
        call.telephony.add_to_bridge(call.bridge_id, [call.caller.channel_id, leg.channel_id]),
    )
