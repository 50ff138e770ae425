"""Two calls become one: an attended transfer, where the phone's other call is ours too, or one of the dialplan's."""

import asyncio
from contextlib import suppress
from typing import Final

from ari_app.calls.bridging import GUARDED_CALLER, LEG_GUARD, guard_again, guard_newcomer, lift_guard
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.inbox import Party, PartyWanted
from ari_app.calls.leg import Leg, LegState, contact_of, endpoint_of
from ari_app.calls.ports import Consultation, TelephonyError, TransferOutcome
from ari_app.calls.taking_back import take_back
from ari_app.domain import events as e
from ari_app.domain.causes import NORMAL_CLEARING, LegOutcome

HANDOVER_S: Final = 3.0
"""Both calls are up, and nobody is asked: what takes longer does not come."""

FAREWELL_S: Final = 0.5
"""So long a phone that has transferred is left alone."""

JOIN: Final = "Local/s@agi-router-join/n"
"""Its far end bridges itself with the channel that AGI_ROUTER_JOIN names (dialplan/agi-router.conf)."""
JOINED_CHANNEL: Final = "__AGI_ROUTER_JOIN"  # inherited by the far end


async def fetch(call: Call, consultation: Consultation, waiting: str) -> Leg | None:
    """Make whom the consultation call speaks with a leg of this call; None when that does not succeed.

    `waiting` is the channel on which the phone waits for the outcome.
    """
    legs: list[Leg] = []
    channel = consultation.channel_id or ""
    wanted = PartyWanted(
        channel_id=channel,
        by_call=call.call_id,
        waits=channel == waiting,
        adopt=lambda party: legs.append(_adopt(call, party)),
        given=asyncio.get_running_loop().create_future(),
    )
    if not call.pass_on(wanted):
        return await _fetch_from_dialplan(call, consultation)
    try:
        async with asyncio.timeout(HANDOVER_S):
            await call.hear_until(asyncio.create_task(wanted.answer()))
    except TimeoutError:
        pass
    finally:
        wanted.refuse()  # whoever is given after this would be nobody's
    if not legs:
        return None
    await asyncio.wait([call.request(guard_newcomer(call, legs[0]))])
    return legs[0]


async def hand_over(call: Call, leg: Leg, wanted: PartyWanted) -> bool:
    """Give one of the two who speak to another call, and end this one: the phone that asks for it has both.

    False when the other call has not waited for so long: then these two speak on.
    """
    await asyncio.wait([call.request(lift_guard(call))])
    if wanted.waits and not wanted.given.done():
        await tell_phone(call, wanted.channel_id, TransferOutcome.DONE)
    if wanted.given.done():
        call.request(guard_again(call, leg))
        return False
    if wanted.channel_id == leg.channel_id:
        wanted.give(
            Party(call.call_id, call.caller.channel_id, call.caller.name, endpoint_of(call.caller.name), "", "")
        )
        leg.ending = LegOutcome.TRANSFERRED
        call.request(let_phone_leave(call, leg.channel_id, leg.gone))
    else:
        contact = contact_of(leg.dial_string)
        wanted.give(Party(call.call_id, leg.channel_id, leg.name, leg.endpoint, contact, leg.user))
        call.legs.let_go(leg)
        call.request(let_phone_leave(call, call.caller.channel_id, call.inbox.caller_gone))
    call.tell(e.CallEnded(at=now(), by="router", cause=NORMAL_CLEARING, reason=f"goes on in call {wanted.by_call}"))
    return True


async def tell_phone(call: Call, waiting: str, outcome: TransferOutcome) -> None:
    """Tell a phone, which waits on this channel, how its transfer went. What fails here costs nobody his talk."""
    await asyncio.wait([call.request(call.telephony.tell_transferer(waiting, outcome))])


async def let_phone_leave(call: Call, channel_id: str, gone: asyncio.Event, at_most_s: float = FAREWELL_S) -> None:
    """Hang up on a phone that has transferred; when it is told of the outcome it may do so itself.

    Asterisk may send a BYE before what the phone is told, which then never comes: the phone would show a failure.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await gone.wait()
    await call.telephony.hang_up(channel_id, "normal")


def _adopt(call: Call, party: Party) -> Leg:
    leg = Leg.arrived(call.legs.next_role(), party.channel_id, party.name)
    leg.endpoint, leg.user = party.endpoint, party.user
    call.legs.adopt(leg)
    tell_joined(call, leg, party.contact, party.call_id)
    return leg


def tell_joined(call: Call, leg: Leg, contact: str = "", call_id: str = "") -> None:
    """Put a leg on record that was not dialled."""
    call.tell(
        e.LegJoined(
            at=now(),
            leg=leg.role,
            endpoint=leg.endpoint,
            contact=contact,
            channel_id=leg.channel_id,
            user=leg.user,
            call_id=call_id,
        )
    )


async def _fetch_from_dialplan(call: Call, consultation: Consultation) -> Leg | None:
    """Whom a Dial() of the dialplan has connected is not in our hands: a Local channel brings him."""
    leg = call.legs.new(endpoint_of(consultation.peer_name), JOIN)
    variables = LEG_GUARD | {GUARDED_CALLER: call.caller.name, JOINED_CHANNEL: consultation.peer_name}
    try:
        async with asyncio.timeout(HANDOVER_S):
            await call.telephony.create_leg(leg.channel_id, JOIN, call.caller.channel_id, variables)
            leg.exists.set()
            while leg.alive and not leg.name:
                await call.next_event()
            await call.telephony.dial(leg.channel_id, None, HANDOVER_S)
            while leg.state in (LegState.PLACED, LegState.RINGING):
                await call.next_event()
    except (TelephonyError, TimeoutError) as error:
        call.log.info("the other call of a phone could not be joined", peer=consultation.peer_name, error=str(error))
    if leg.state is LegState.UP:
        leg.dialled = True
        leg.untold.clear()
        tell_joined(call, leg)
        return leg
    leg.exists.set()
    take_back(call, leg, LegOutcome.FAILED)
    return None
