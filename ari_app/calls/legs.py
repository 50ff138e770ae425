"""Ring the targets of a step: every contact of every device at once; the first to answer wins.

A leg is created, enters the application, and only then is dialled: Asterisk refuses requests for it before. The ids are
ours and watched beforehand, so an answer can't be faster than we are.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from agi_router.routing.decision import EndpointTarget, Target, TrunkTarget
from ari_app.calls.call import Call, Leg, LegState, now
from ari_app.calls.ports import ChannelDestroyed, RefusedError, TelephonyError
from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome

GUARD_S: Final = 5
"""Asterisk's own ring timeout is this much longer than ours: it ends a leg whose router has died."""

LEG_GUARD: Final = {"CHANNEL(hangup_handler_push)": "agi-router-hangup,s,1"}
"""Set on every leg; dialplan/agi-router.conf tells what the handler does."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What came of ringing: the leg that answered, or the word for why none did."""

    winner: Leg | None
    outcome: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """One contact to ring, and the number shown to it (None: the caller's own, with its presentation)."""

    endpoint: str
    dial_string: str
    caller_id: str | None = None


async def ring(call: Call, targets: Sequence[Target], timeout_s: float) -> Rung:
    """Ring all targets for at most `timeout_s` seconds. Raises CallerGoneError; leaves nothing ringing either way."""
    legs: list[Leg] = []
    winner: Leg | None = None
    ending = LegOutcome.CANCELLED  # until something better is known: the caller gave up, or the router stops
    try:
        async with asyncio.timeout(timeout_s):
            for plan in await call.unless_caller_gone(_plans(call, targets)):
                leg = call.new_leg(plan.endpoint, plan.dial_string)
                legs.append(leg)
                call.request(_place(call, leg, plan.caller_id, timeout_s))
            winner = await _first_answer(call, legs)
        ending = LegOutcome.ANSWERED_ELSEWHERE
    except TimeoutError:
        ending = LegOutcome.NO_ANSWER
    finally:
        for leg in legs:
            if leg.alive and leg is not winner:
                take_back(call, leg, ending)
    return Rung(winner, "answered" if winner else _why_nobody(legs, timed_out=ending is LegOutcome.NO_ANSWER))


def take_back(call: Call, leg: Leg, ending: LegOutcome) -> None:
    """Hang up a leg that is not wanted any more; `ending` is what the record and the phone are told."""
    leg.ending = ending
    call.request(_hang_up(call, leg, ending))


async def _hang_up(call: Call, leg: Leg, ending: LegOutcome) -> None:
    await leg.exists.wait()  # a hangup that overtakes the creation would miss it
    match ending:
        case LegOutcome.ANSWERED_ELSEWHERE:
            reason = "answered_elsewhere"
        case LegOutcome.NO_ANSWER:
            reason = "no_answer"
        case _:
            reason = "normal"
    await call.telephony.hang_up(leg.channel_id, reason)


async def _plans(call: Call, targets: Sequence[Target]) -> list[_Plan]:
    """Every contact of every target, in the order of the targets; what can't be rung is put on record."""
    found = await asyncio.gather(*(_plans_of(call, target) for target in dict.fromkeys(targets)))
    return [plan for plans in found for plan in plans]


async def _plans_of(call: Call, target: Target) -> list[_Plan]:
    match target:
        case TrunkTarget():
            dial_string = f"PJSIP/{target.dial}@{target.endpoint}"
            return [_Plan(f"PJSIP/{target.endpoint}", dial_string, target.caller_id)]
        case EndpointTarget():
            endpoint = f"PJSIP/{target.endpoint}"
            try:
                contacts = await call.telephony.contacts(call.caller.channel_id, target.endpoint)
            except RefusedError:
                call.tell(e.DeviceUnavailable(at=now(), endpoint=endpoint, reason="not known to Asterisk"))
                return []
            if not contacts:
                call.tell(e.DeviceUnavailable(at=now(), endpoint=endpoint, reason="not registered"))
            return [_Plan(endpoint, contact) for contact in contacts]
        case _:
            assert_never(target)


async def _place(call: Call, leg: Leg, caller_id: str | None, timeout_s: float) -> None:
    """Create the leg, and dial it once it is in the application, unless it was taken back meanwhile."""
    try:
        await call.telephony.create_leg(
            leg.channel_id, leg.dial_string, call.caller.channel_id, LEG_GUARD | _shown(caller_id)
        )
        leg.exists.set()
        while leg.state is LegState.CREATED:
            leg.moved.clear()
            await leg.moved.wait()
        if leg.state is LegState.ENTERED and leg.ending is None:
            call.tell(e.LegDialled(at=now(), leg=leg.role, endpoint=leg.endpoint, contact=_contact(leg.dial_string)))
            caller = None if caller_id else call.caller.channel_id
            await call.telephony.dial(leg.channel_id, caller, math.ceil(timeout_s) + GUARD_S)
    except TelephonyError as error:
        call.log.info("a leg could not be placed", leg=leg.role, endpoint=leg.endpoint, error=str(error))
        # The story waits for events only: a leg that never came to be ends like any other.
        call.inbox.put(ChannelDestroyed(leg.channel_id, 0))
        await call.telephony.hang_up(leg.channel_id, "normal")
    finally:
        leg.exists.set()


def _shown(caller_id: str | None) -> dict[str, str]:
    """The variables that show a number of our own. A created leg shows CONNECTEDLINE, not CALLERID."""
    if caller_id is None:
        return {}
    return {
        "CONNECTEDLINE(num,i)": caller_id,
        "CONNECTEDLINE(name,i)": "",
        "CONNECTEDLINE(num-pres,i)": "allowed",
    }


def _contact(dial_string: str) -> str:
    """ "PJSIP/ada/sip:ada@127.0.0.1:5061" -> "sip:ada@127.0.0.1:5061"; a trunk's dial string stays as it is."""
    technology, _, rest = dial_string.partition("/")
    _, slash, contact = rest.partition("/")
    return contact if slash and technology == "PJSIP" else dial_string


async def _first_answer(call: Call, legs: Sequence[Leg]) -> Leg | None:
    """The first leg that is up; None when all have ended. Phones that answer in the same instant come in one by one."""
    while any(leg.alive for leg in legs):
        event = await call.next_event()
        leg = call.legs.get(event.channel_id)
        if leg is not None and leg in legs and leg.state is LegState.UP:
            return leg
    return None


_TELLING = (
    LegOutcome.BUSY,
    LegOutcome.DECLINED,
    LegOutcome.REDIRECTED,
    LegOutcome.UNAVAILABLE,
    LegOutcome.NOT_FOUND,
    LegOutcome.FAILED,
)


def _why_nobody(legs: Sequence[Leg], *, timed_out: bool) -> str:
    """One word for a step that nobody answered: somebody who was there and said no tells more than one who was not."""
    if timed_out:
        return LegOutcome.NO_ANSWER.value
    outcomes = {leg.outcome for leg in legs}
    return next((telling.value for telling in _TELLING if telling in outcomes), LegOutcome.UNAVAILABLE.value)
