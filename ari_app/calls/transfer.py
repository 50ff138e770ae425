"""The Transfer key of a phone: whom it speaks with is connected with somebody else, and the phone leaves the call.

    blind       the number that was dialled is called, while the other one hears ringing
    attended    the phone's second call comes over: the two to whom the phone speaks are connected

Either goes through the decider, so a number outside passes the dial policy. What comes to nothing is told to the phone,
and its talk goes on; when it has hung up meanwhile, the caller goes on to the fallback of his route.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from agi_router.routing.decider import Decider
from agi_router.routing.destination import HangupCause, HangupDestination
from agi_router.routing.errors import Failure
from agi_router.routing.step import HangUp, Refused, Ring, Step
from ari_app.calls.bridging import LEG_GUARD, guard, guard_newcomer, let_speak, lift_guard
from ari_app.calls.call import LAST_EVENTS_S, Call, CallerGoneError, GivenUpError
from ari_app.calls.clock import now
from ari_app.calls.consent import go_on
from ari_app.calls.handover import fetch, let_phone_leave, tell_joined, tell_phone
from ari_app.calls.hunt import hunt
from ari_app.calls.leg import Leg
from ari_app.calls.ports import (
    ChannelEntered,
    Consultation,
    NotFoundError,
    RefusedError,
    TransferOutcome,
    TransferRequested,
)
from ari_app.calls.taking_back import take_back
from ari_app.domain import events as e
from ari_app.domain.causes import NORMAL_CLEARING, LegOutcome
from ari_app.domain.record import CALLER

LONGEST_TALK: Final = "AGI_ROUTER_MAX_SECONDS"
"""On the caller's channel, from the dialplan: no call is longer."""

LONGEST_RINGING_S: Final = 60.0

_END: Final = Step(
    destination=HangupDestination(HangupCause.NO_ANSWER), timeout_s=0.0, action=HangUp(HangupCause.NO_ANSWER)
)

_TOLD_AS_DECLINED: Final = {"refused", "busy", "declined"}


@dataclass(frozen=True, slots=True)
class Onward:
    """Nobody speaks with the caller; these steps are tried for him. With None the call is over."""

    steps: Sequence[Step] | None


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a transfer came to nothing."""

    outcome: str
    code: str = ""
    detail: str = ""
    remedy: str = ""

    def as_failure(self) -> Failure:
        """The same for whoever asked for it from outside."""
        return Failure(
            self.code or f"transfer_{self.outcome}",
            self.detail or f"the transfer came to nothing: {self.outcome.replace('_', ' ')}",
            self.remedy or "the talk goes on; try again, or another target",
        )


async def transfer(
    call: Call, leg: Leg, request: TransferRequested, answer: Callable[[Failed | None], None] | None = None
) -> Leg | Onward:
    """Carry out the request of one of the two who speak. Returns the leg with which the caller speaks then.

    When it was the caller who asked, `leg` is in his place afterwards. `answer` is told how it went, in the place of a
    phone. Raises CallerGoneError when the one who is transferred hangs up, and TelephonyError.
    """
    by_caller = request.channel_id == call.caller.channel_id
    if not by_caller and request.channel_id != leg.channel_id:
        await tell_phone(call, request.waiting, TransferOutcome.DECLINED)
        return leg
    if by_caller and _asked_on_the_other_line(call, leg, request):
        return leg
    # To its end before the caller's channel changes: the guard is on that, and the phone may hang up at once.
    await asyncio.wait([call.request(lift_guard(call))])
    transferer = await put_in_callers_place(call, leg) if by_caller else leg
    call.transferring = True
    try:
        found = await _find(call, transferer, request)
        if isinstance(found, Failed):
            await until_gone(call, transferer)
    except CallerGoneError:
        call.first_to_hang_up = call.caller.channel_id  # the phone that asked may have left before, and ended nothing
        raise
    finally:
        call.transferring = False
    match found:
        case Leg():
            await succeed(call, transferer, found, by_caller=by_caller)
            await _dismiss(call, transferer, request, answer)
            call.first_to_hang_up = None  # it was the transferer, and that ended nothing
            return found
        case Onward():
            await _dismiss(call, transferer, request, answer)
            return found
        case Failed():
            went = await fail(call, leg, transferer, found, by_caller=by_caller)
            if answer is not None:
                answer(found)
                return went
            declined = found.outcome in _TOLD_AS_DECLINED
            told = TransferOutcome.DECLINED if declined else TransferOutcome.UNAVAILABLE
            await tell_phone(call, request.waiting, told)
            return went


async def replaced(call: Call, leg: Leg, newcomer: ChannelEntered) -> Leg:
    """Asterisk itself has carried out a transfer, or a phone has picked the call up: one channel is another one now."""
    by_caller = newcomer.replaces == call.caller.channel_id
    if not by_caller and newcomer.replaces != leg.channel_id:
        return leg
    transferer = await put_in_callers_place(call, leg) if by_caller else leg
    new = Leg.arrived(call.legs.next_role(), newcomer.channel_id, newcomer.name)
    call.legs.adopt(new)
    call.first_to_hang_up = None
    tell_joined(call, new)
    _tell_transferred(call, transferer, new, by_caller=by_caller)
    transferer.ending = LegOutcome.TRANSFERRED
    # Asterisk tells the phone when somebody has answered; hung up before, it is told that nobody did.
    call.request(let_phone_leave(call, transferer.channel_id, transferer.gone, LONGEST_RINGING_S))
    handlers = [call.telephony.set_variable(new.channel_id, *pair) for pair in LEG_GUARD.items()]
    await asyncio.wait([call.request(work) for work in (guard(call, new), guard_newcomer(call, new), *handlers)])
    return new


def _asked_on_the_other_line(call: Call, leg: Leg, request: TransferRequested) -> bool:
    """A phone may press the key on the line of its consultation. The call of the other line goes on, with its record.

    That call then fetches `leg` from this one. In a call that he has asked for an agent stands in the caller's place,
    and it is none.
    """
    other = request.consultation
    is_passed_on = request.asked_on is not None
    if call.first is not None or is_passed_on or other is None or other.channel_id is None or other.peer_id is None:
        return False
    here = Consultation(call.caller.channel_id, leg.channel_id, leg.name)
    return call.pass_on(TransferRequested(other.channel_id, request.dialled, here, asked_on=request.waiting))


async def _find(call: Call, transferer: Leg, request: TransferRequested) -> Leg | Onward | Failed:
    consultation = request.consultation
    if consultation is not None and call.has(consultation.channel_id):
        # The call to replace is this very one: whom it speaks with can't be brought to himself.
        tell_asked(call, transferer, request, "attended")
        return Failed("gone")
    if consultation is not None and consultation.peer_id is not None:
        tell_asked(call, transferer, request, "attended")
        leg = await fetch(call, consultation, request.waiting)
        return Failed("gone") if leg is None else leg
    if consultation is not None:
        if consultation.channel_id is None:
            tell_asked(call, transferer, request, "attended")
            return Failed("gone")
        # Nobody has answered the second call yet: it is given up, and its number is called for the other one.
        await call.telephony.hang_up(consultation.channel_id, "normal")
    return await _call_target(call, transferer, request)


async def put_in_callers_place(call: Call, leg: Leg) -> Leg:
    """The caller leaves: `leg` is shown to whom he calls now, and has the guard against calls without an end."""
    former = call.put_in_callers_place(leg)
    longest_s = await call.telephony.read_variable(former.channel_id, LONGEST_TALK)
    inherited = {"CALLERID(num)": leg.number, "CALLERID(num-pres)": "allowed", "TIMEOUT(absolute)": longest_s}
    await asyncio.wait(
        [
            call.request(call.telephony.set_variable(leg.channel_id, name, value))
            for name, value in inherited.items()
            if value
        ]
    )
    return former


async def _dismiss(
    call: Call, transferer: Leg, request: TransferRequested, answer: Callable[[Failed | None], None] | None
) -> None:
    """The phone is told that it is done, and its call ends."""
    transferer.ending = LegOutcome.TRANSFERRED
    if answer is not None:
        answer(None)
        call.request(call.telephony.hang_up(transferer.channel_id, "normal"))
        return
    await tell_phone(call, request.waiting, TransferOutcome.DONE)
    call.request(let_phone_leave(call, transferer.channel_id, transferer.gone))


async def _call_target(call: Call, transferer: Leg, request: TransferRequested) -> Leg | Onward | Failed:
    if call.decider is None:
        return Failed("failed")
    step = call.decider.transfer_target(request.dialled)
    tell_asked(call, transferer, request, "blind", step)
    match step.action:
        case Refused(why):
            return Failed("refused", why.code, why.message, why.remedy)
        case Ring():
            return await _ring(call, step.action, step.timeout_s)
        case _:
            await call.telephony.remove_from_bridge(call.bridge_id, call.caller.channel_id)
            call.routes_asked.clear()  # who was sent by a person, also back again, goes round in no loop
            return _go_on(call, (step, *_after(call, transferer, call.decider)))


def _after(call: Call, transferer: Leg, decider: Decider) -> Sequence[Step]:
    """What follows when nobody takes him there. Of two colleagues, the one who was called has no route to go by."""
    if transferer.role != CALLER:
        return _fallback(call, decider)
    return (_END,)


def _fallback(call: Call, decider: Decider) -> Sequence[Step]:
    """Whom we have called ourselves came by no route, and hears why nobody speaks with him any more."""
    return decider.fallback(call.route, now()) if call.first is None else ()


def _go_on(call: Call, steps: Sequence[Step]) -> Onward:
    """He hears again that he waits."""
    call.talking = False
    call.request(call.reception.resume())
    return Onward(steps)


async def _ring(call: Call, action: Ring, timeout_s: float) -> Leg | Failed:
    channel = call.caller.channel_id
    await call.telephony.remove_from_bridge(call.bridge_id, channel)
    await asyncio.wait([call.request(call.reception.resume())])
    call.talking = False  # a router that stops now gives him back to the dialplan, as any caller who waits
    try:
        rung = await hunt(call, action, timeout_s, early=False)  # who asked is in the bridge, and would be heard too
    except CallerGoneError:
        call.talking = True
        call.tell(e.TransferFailed(at=now(), by=call.party(channel), outcome="cancelled"))
        raise
    call.talking = True
    await asyncio.wait([call.request(call.reception.end())])
    if rung.outcome == LegOutcome.REFUSED and rung.refusal is not None:
        return Failed(rung.outcome, rung.refusal.code, rung.refusal.message, rung.refusal.remedy)
    return rung.winner or Failed(rung.outcome)


async def succeed(call: Call, transferer: Leg, leg: Leg, *, by_caller: bool) -> None:
    """Let the caller speak with this leg, in the transferer's place."""
    if call.recording.name:  # Asterisk ends the recording of a bridge in which there is nobody else for a moment
        await _let_speak(call, leg)
    await call.telephony.remove_from_bridge(call.bridge_id, transferer.channel_id)
    if not call.recording.name:
        await _let_speak(call, leg)
    _tell_transferred(call, transferer, leg, by_caller=by_caller)


async def _let_speak(call: Call, leg: Leg) -> None:
    try:
        await let_speak(call, leg)
        await go_on(call)
    except (NotFoundError, RefusedError) as error:  # one of the two hung up just now, and the event is on its way
        call.log.info("two could not be bridged after a transfer", leg=leg.role, error=str(error))
        take_back(call, leg, LegOutcome.FAILED)


async def until_gone(call: Call, transferer: Leg) -> None:
    """Of a phone that hangs up in the moment in which its transfer fails the end may not be told yet: to give it the
    caller back would end his call. Raises CallerGoneError.
    """
    with suppress(TimeoutError, GivenUpError):
        async with asyncio.timeout(LAST_EVENTS_S):
            while transferer.hangs_up and transferer.alive:
                await call.next_event()


async def fail(call: Call, leg: Leg, transferer: Leg, why: Failed, *, by_caller: bool) -> Leg | Onward:
    """The talk goes on as before, if the phone that asked is still there."""
    call.tell(
        e.TransferFailed(
            at=now(), by=transferer.role, outcome=why.outcome, code=why.code, detail=why.detail, remedy=why.remedy
        )
    )
    if not transferer.alive and by_caller and call.first is None:
        await call.telephony.hang_up(call.caller.channel_id, "normal")
        call.tell(e.CallEnded(at=now(), by="caller", cause=NORMAL_CLEARING, reason="the transfer came to nothing"))
        return Onward(None)
    if not transferer.alive:
        call.last_outcome = why.outcome
        return _go_on(call, () if call.decider is None else _fallback(call, call.decider))
    if by_caller:
        call.put_in_callers_place(transferer)
    await _let_speak(call, leg)
    return leg


def tell_asked(call: Call, by: Leg, request: TransferRequested, kind: str, step: Step | None = None) -> None:
    """Put on record what is asked for."""
    call.tell(
        e.TransferAsked(
            at=now(),
            by=by.role,
            kind=kind,
            target=request.dialled,
            destination_type="" if step is None else step.destination.type,
            destination="" if step is None else step.destination.value,
            by_command=request.by_command,
        )
    )


def _tell_transferred(call: Call, by: Leg, leg: Leg, *, by_caller: bool) -> None:
    channel = call.caller.channel_id if by_caller else ""
    call.tell(e.Transferred(at=now(), by=by.role, leg=leg.role, caller_channel_id=channel))
