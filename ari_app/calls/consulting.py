"""An attended transfer by request: the agent speaks with somebody else first, while the other one hears music.

    the other one --- call's bridge        agent --- consult bridge --- who is consulted

Then the transfer is completed, or taken back. An agent who hangs up while they speak has completed it; so he has left
nobody alone. While it rings, his hanging up is that of any talk's transfer that came to nothing.
"""

import asyncio

from agi_router.routing.step import Refused, Ring
from ari_app.calls.bridging import let_speak, lift_guard
from ari_app.calls.call import Call, CallerGoneError, CutShort, GivenUpError
from ari_app.calls.clock import now
from ari_app.calls.consultation import Consultation
from ari_app.calls.hunt import hunt
from ari_app.calls.ids import consult_bridge_id
from ari_app.calls.leg import Leg
from ari_app.calls.ports import NotFoundError, TelephonyError, TransferRequested, UnreachableError
from ari_app.calls.steering_request import CancelTransfer, SteeringRequested
from ari_app.calls.taking_back import take_back
from ari_app.calls.transfer import Failed, Onward, fail, put_in_callers_place, succeed, tell_asked, until_gone
from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome

TAKEN_BACK = "taken_back"


async def consult(call: Call, leg: Leg, asked: TransferRequested, request: SteeringRequested) -> Leg | Onward | Failed:
    """Carry it out to its end; the leg with which the caller speaks then. Failed: it did not even begin.

    `request` is answered when somebody has picked up. Raises CallerGoneError when the one who waits hangs up, and
    TelephonyError.
    """
    step = None if call.decider is None else call.decider.transfer_target(asked.dialled)
    match None if step is None else step.action:
        case Ring() as action:
            pass
        case Refused(why):
            return Failed("refused", why.code, why.message, why.remedy)
        case _:
            what = "only who can be rung can be consulted"
            return Failed("failed", "cannot_be_consulted", what, "use transfer for this target")
    assert step is not None
    by_caller = asked.channel_id == call.caller.channel_id
    await asyncio.wait([call.request(lift_guard(call))])
    agent = await put_in_callers_place(call, leg) if by_caller else leg
    tell_asked(call, agent, asked, "attended", step)
    call.transferring, call.consultation = True, Consultation(agent)
    consultation = call.consultation
    try:
        found = await _consult(call, consultation, request, action, step.timeout_s)
        if isinstance(found, Failed):
            await until_gone(call, agent)
        call.transferring, call.consultation = False, None
        return await _conclude(call, leg, consultation, request, found, by_caller=by_caller)
    except CallerGoneError:
        call.first_to_hang_up = call.caller.channel_id
        if by_caller:  # who waited had been called
            call.cut_short = call.cut_short or CutShort("callee")
        raise
    finally:
        call.transferring, call.consultation = False, None
        call.request(call.telephony.destroy_bridge(consult_bridge_id(call.call_id)))


async def take_up(call: Call, leg: Leg) -> None:
    """After a restart: whoever consulted somebody speaks with the other one again."""
    agent = next(iter(call.holding.aside))
    call.tell(e.TransferFailed(at=now(), by=call.party(agent), outcome=TAKEN_BACK))
    try:
        await call.telephony.stop_ringing(agent)
        await let_speak(call, leg)
        await call.holding.release()
    except TelephonyError as error:  # of one who has hung up, which is told by an event
        call.log.info("a talk could not be taken up after a consultation", error=str(error))


async def _consult(
    call: Call, consultation: Consultation, request: SteeringRequested, action: Ring, timeout_s: float
) -> Leg | Failed:
    """Ring, and let the two speak until it is to end. Returns who is to take the agent's place, if anybody is."""
    agent, bridge = consultation.agent, consult_bridge_id(call.call_id)
    try:
        await call.holding.step_aside(agent.channel_id, call.caller.channel_id)
        await call.telephony.create_bridge(bridge)
        await call.telephony.add_to_bridge(bridge, [agent.channel_id], introduce=False)
        await call.telephony.ring(agent.channel_id)
        try:
            rung = await hunt(call, action, timeout_s, early=False)
        finally:
            await asyncio.wait([call.request(call.telephony.stop_ringing(agent.channel_id))])
        if rung.winner is None:
            return Failed(rung.outcome)
        consultation.rings = False
        await call.telephony.add_to_bridge(bridge, [rung.winner.channel_id])
    except GivenUpError:
        return Failed(TAKEN_BACK)
    except UnreachableError:
        raise
    except TelephonyError as error:
        call.log.info("somebody could not be consulted", error=str(error))
        if isinstance(error, NotFoundError):  # one has hung up; that event is on its way, if it is not here already
            return Failed("gone")
        return Failed("failed", "asterisk_refused", f"Asterisk refused it: {error}", "Asterisk's log tells why")
    request.answer()
    return await _speak(call, consultation, rung.winner)


async def _speak(call: Call, consultation: Consultation, consulted: Leg) -> Leg | Failed:
    while consultation.agent.alive and consulted.alive and consultation.wish is None:
        await call.next_event()
    if not consulted.alive:
        return Failed("gone")
    wish = consultation.wish
    if consultation.agent.alive and wish is not None and isinstance(wish.action, CancelTransfer):
        take_back(call, consulted, LegOutcome.ANSWERED)
        return Failed(TAKEN_BACK)
    return consulted


async def _conclude(
    call: Call,
    leg: Leg,
    consultation: Consultation,
    request: SteeringRequested,
    found: Leg | Failed,
    *,
    by_caller: bool,
) -> Leg | Onward:
    agent = consultation.agent
    await asyncio.wait([call.request(call.holding.release())])
    if isinstance(found, Leg):
        await succeed(call, agent, found, by_caller=by_caller)
        agent.ending = LegOutcome.TRANSFERRED
        call.request(call.telephony.hang_up(agent.channel_id, "normal"))
        call.first_to_hang_up = None  # it was the agent, and that ended nothing
        went: Leg | Onward = found
    else:
        for one in call.legs.values():  # who was consulted, and could not be heard
            if one.alive and one.ending is None and one not in (leg, agent):
                take_back(call, one, LegOutcome.CANCELLED)
        if not agent.alive:
            await call.telephony.remove_from_bridge(call.bridge_id, call.caller.channel_id)
        went = await fail(call, leg, agent, found, by_caller=by_caller)
    _answer(consultation, request, found)
    return went


def _answer(consultation: Consultation, request: SteeringRequested, found: Leg | Failed) -> None:
    wish = consultation.wish
    failure = None if isinstance(found, Leg) else found.as_failure()
    request.answer(failure)
    if wish is not None:
        cancelled = isinstance(wish.action, CancelTransfer) and not isinstance(found, Leg)
        wish.answer(None if cancelled else failure)
