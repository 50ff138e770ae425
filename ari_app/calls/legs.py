"""Ring the targets of a step: every contact of every device at once; the first to answer wins.

One request sends a leg's INVITE, and the leg enters the application when it is answered. The ids are ours and watched
beforehand, so an answer can't be faster than we are.

Which contacts a device has must be asked, and that takes as long as to send an INVITE. So a device that had one contact
when it was asked last rings at once, by its first contact, and is asked meanwhile: docs/decisions/0008.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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

GUARDED_CALLER: Final = "AGI_ROUTER_CALLER"
"""Names the caller's channel to the leg's guard, which ends it if this leg is the one that he speaks with."""

TAKEN_CONTACT: Final = "CHANNEL(pjsip,target_uri)"


@dataclass(frozen=True, slots=True)
class Rung:
    """What came of ringing: the leg that answered, or the word for why none did."""

    winner: Leg | None
    outcome: str


async def ring(call: Call, targets: Sequence[Target], timeout_s: float) -> Rung:
    """Ring all targets for at most `timeout_s` seconds. Raises CallerGoneError; leaves nothing ringing either way."""
    legs: list[Leg] = []
    winner: Leg | None = None
    ending = LegOutcome.CANCELLED  # until something better is known: the caller gave up, or the router stops
    try:
        async with asyncio.timeout(timeout_s):
            placing = _Placing(call, math.ceil(timeout_s) + GUARD_S, legs)
            await call.unless_caller_gone(placing.place_all(targets))
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


@dataclass(frozen=True, slots=True)
class _Placing:
    """The legs of a step while they are placed. `timeout_s` is Asterisk's."""

    call: Call
    timeout_s: int
    legs: list[Leg]

    async def place_all(self, targets: Sequence[Target]) -> None:
        """Ring every contact of every target; what can't be rung is put on record."""
        await asyncio.gather(*(self._place(target) for target in dict.fromkeys(targets)))

    async def _place(self, target: Target) -> None:
        match target:
            case TrunkTarget():
                self._dial(f"PJSIP/{target.endpoint}", f"PJSIP/{target.dial}@{target.endpoint}", target.caller_id)
            case EndpointTarget() if self.call.telephony.had_one_contact(target.endpoint):
                await self._ring_and_ask(target.endpoint)
            case EndpointTarget():
                self._ring_contacts(target.endpoint, await self._contacts(target.endpoint))
            case _:
                assert_never(target)

    async def _contacts(self, endpoint: str) -> tuple[str, ...] | None:
        """None for an endpoint that Asterisk does not know."""
        try:
            return await self.call.telephony.contacts(self.call.caller.channel_id, endpoint)
        except RefusedError:
            return None

    def _ring_contacts(self, endpoint: str, contacts: tuple[str, ...] | None) -> None:
        if not contacts:
            reason = "not known to Asterisk" if contacts is None else "not registered"
            self.call.tell(e.DeviceUnavailable(at=now(), endpoint=f"PJSIP/{endpoint}", reason=reason))
        for contact in contacts or ():
            self._dial(f"PJSIP/{endpoint}", contact)

    async def _ring_and_ask(self, endpoint: str) -> None:
        """Ring the first contact, ask for all meanwhile, and ring the others if there are any by now."""
        call, dialled_at = self.call, now()
        leg = self._new_leg(f"PJSIP/{endpoint}", f"PJSIP/{endpoint}")
        placing = call.request(self._originate(leg))
        try:
            contacts = await self._contacts(endpoint)
            await asyncio.wait([placing])
        except (asyncio.CancelledError, TelephonyError):
            call.tell(_dialled(leg, dialled_at))
            raise
        if not placing.result():
            self.legs.remove(leg)
            call.disown(leg)
            self._ring_contacts(endpoint, contacts)
            return
        if contacts and len(contacts) > 1:
            taken = await call.telephony.read_variable(leg.channel_id, TAKEN_CONTACT)
            leg.dial_string = f"PJSIP/{endpoint}/{taken}"
        elif contacts:
            leg.dial_string = contacts[0]
        call.tell(_dialled(leg, dialled_at))
        for contact in contacts or ():
            if contact != leg.dial_string:
                self._dial(leg.endpoint, contact)

    def _new_leg(self, endpoint: str, dial_string: str) -> Leg:
        leg = self.call.new_leg(endpoint, dial_string)
        self.legs.append(leg)
        return leg

    def _dial(self, endpoint: str, dial_string: str, caller_id: str | None = None) -> None:
        """Place one leg, without waiting for it. `caller_id` is the number shown; None shows the caller's own."""
        self.call.request(self._dial_leg(self._new_leg(endpoint, dial_string), caller_id))

    async def _dial_leg(self, leg: Leg, caller_id: str | None) -> None:
        if leg.ending is not None:  # taken back before its turn came
            leg.exists.set()
            self.call.inbox.put(ChannelDestroyed(leg.channel_id, 0))
            return
        self.call.tell(_dialled(leg, now()))
        if not await self._originate(leg, caller_id):
            # The story waits for events only: a leg that never came to be ends like any other.
            self.call.inbox.put(ChannelDestroyed(leg.channel_id, 0))

    async def _originate(self, leg: Leg, caller_id: str | None = None) -> bool:
        """Send the leg's INVITE; whether that succeeded."""
        call = self.call
        variables = LEG_GUARD | {GUARDED_CALLER: call.caller.name} | _shown(caller_id)
        try:
            await call.telephony.originate(
                leg.channel_id, leg.dial_string, call.caller.channel_id, variables, self.timeout_s
            )
        except TelephonyError as error:
            call.log.info("a leg could not be placed", leg=leg.role, endpoint=leg.endpoint, error=str(error))
            call.request(call.telephony.hang_up(leg.channel_id, "normal"))  # it may be there, and the answer was late
            return False
        finally:
            leg.exists.set()
        return True


def _dialled(leg: Leg, at: datetime) -> e.LegDialled:
    return e.LegDialled(at=at, leg=leg.role, endpoint=leg.endpoint, contact=_contact(leg.dial_string))


def _shown(caller_id: str | None) -> dict[str, str]:
    """The variables that show a number of our own. A created leg shows CONNECTEDLINE, not CALLERID."""
    if caller_id is None:
        return {}
    return {
        "CONNECTEDLINE(num,i)": caller_id,
        "CONNECTEDLINE(name,i)": "",
        "CONNECTEDLINE(num-pres,i)": "allowed",
        "CONNECTEDLINE(name-pres,i)": "allowed",
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
