"""Who speaks with whom: the call's bridge, and the guard that ends one of two when the other is gone and no router is.

The guard is a hangup handler on every channel (dialplan/agi-router.conf). It acts while AGI_ROUTER_PEER on the caller's
channel names the leg that he speaks with, or AGI_ROUTER_EARLY the one whose early media he hears.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from ari_app.calls.call import Call
from ari_app.calls.leg import Leg

GUARD_PEER: Final = "AGI_ROUTER_PEER"
"""Tells the guard with whom the caller speaks."""

GUARDED_CALLER: Final = "AGI_ROUTER_CALLER"
"""Names the caller's channel to a leg's guard, which ends it if this leg is the one that he speaks with."""

GUARD_EARLY: Final = "AGI_ROUTER_EARLY"
"""The same of a leg that nobody has answered yet: the guard lets the caller be when it fails, and not once it is Up."""

LEG_GUARD: Final = {"CHANNEL(hangup_handler_push)": "agi-router-hangup,s,1"}
"""Set on every leg; the caller's channel has it from the dialplan."""


SETTLED_S: Final = 2.0
"""So long after a hold Asterisk may still put another channel in the place of the one that held: seen after 0.5 s."""


async def let_speak(call: Call, leg: Leg) -> None:
    """Put the caller and this leg into the call's bridge, guarded; nothing happens to a leg that has ended meanwhile.

    A leg that has been in the bridge before its answer stays there. Raises TelephonyError, and CallerGoneError.
    """
    await call.bridge.ready()
    while leg.alive and not leg.name:
        await call.next_event()
    if leg.is_bridged:
        leg.is_bridged = False  # that was for the time before the answer
        await _set(call, {GUARD_PEER: leg.name, GUARD_EARLY: ""})
    elif leg.alive:
        members = [call.caller.channel_id, leg.channel_id]
        shows_caller = not call.screen_pop.replaces_caller
        await asyncio.gather(
            guard(call, leg), call.telephony.add_to_bridge(call.bridge_id, members, introduce=shows_caller)
        )


async def part(call: Call, leg: Leg) -> None:
    """They have picked up and do not hear each other yet, also if early media had brought them together.

    Until they speak no guard ends the caller with the leg: without a router he waits, and goes on to the fallback.
    Raises TelephonyError.
    """
    if leg.is_bridged:
        leg.is_bridged = False
        await _set(call, {GUARD_EARLY: ""})
        for channel in (call.caller.channel_id, leg.channel_id):
            await call.telephony.remove_from_bridge(call.bridge_id, channel)


async def guard(call: Call, leg: Leg) -> None:
    """From now on the end of one of these two ends the other, also without the router."""
    await _set(call, {GUARD_PEER: leg.name})


async def guard_early(call: Call, leg: Leg) -> None:
    """From now on the end of the caller ends this leg, and its end him once it has been answered."""
    await _set(call, {GUARD_EARLY: leg.name})


async def lift_guard(call: Call) -> None:
    """Whoever hangs up now does so alone: a phone may leave the call to others."""
    await _set(call, {GUARD_PEER: "", GUARD_EARLY: ""})


async def _set(call: Call, told: Mapping[str, str]) -> None:
    await asyncio.gather(*(call.telephony.set_variable(call.caller.channel_id, *pair) for pair in told.items()))


async def guard_again(call: Call, leg: Leg) -> None:
    """After a hold, unless the leg is not the one any more: Asterisk takes a call off hold when it transfers it.

    A transfer that comes to nothing sets the guard by itself.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_S):
            await call.ended.wait()
    is_quiet = not (call.on_hold or call.transferring or call.is_over)
    if leg.alive and leg.ending is None and is_quiet:
        await guard(call, leg)


async def guard_newcomer(call: Call, leg: Leg) -> None:
    """Give a channel that did not come to be as a leg of this call what a leg has."""
    await call.telephony.set_variable(leg.channel_id, GUARDED_CALLER, call.caller.name)
    await call.telephony.set_variable(leg.channel_id, GUARD_PEER, "")
