"""The steps of a decision for a caller whom the dialplan dials: what it does next, until one of them keeps him."""

from typing import Final, assert_never

from agi_router.fastagi import answer
from agi_router.fastagi.answer import OutgoingLeg, dial_parts
from agi_router.routing.caller_id import shown_number
from agi_router.routing.decider import Decider
from agi_router.routing.errors import Failure
from agi_router.routing.step import (
    Announce,
    AskRoute,
    Enqueue,
    FindLastAgent,
    GoTo,
    HangUp,
    LeaveMessage,
    Refused,
    Ring,
    Step,
)
from ari_app.agi.asking import Channel, ask_route, find_last_agent
from ari_app.agi.call import Dialling, DialplanCall, Playing, Queueing
from ari_app.agi.hunting import UNREPORTED_S, Hunt
from ari_app.agi.results import PlacedLeg
from ari_app.calls.clock import now
from ari_app.calls.leaving import failure_of_place
from ari_app.calls.steps import SHORTEST_STEP_S
from ari_app.calls.voicemail import VOICEMAIL, failure_of_mailbox, greeting_after
from ari_app.domain import events as e
from ari_app.domain.causes import Q850, LegOutcome

NO_STEP: Final = "no step was answered"
LONGEST_QUESTION_S: Final = 10.0
"""How long an API may take that is asked in a step: the longest `deadline_s`."""
GIVES_UP_S: Final = 1.0
"""Dial() takes whole seconds."""
FULL: Final = "there is no room for it in the dial string"

Variables = dict[str, str]


async def go_on(call: DialplanCall, channel: Channel, decider: Decider) -> Variables:
    """What the dialplan does next, put on record but for the legs that it dials. Raises HangUpError."""
    while True:
        if call.hunt is not None:
            variables = await _dial(call, call.hunt, channel)
            if variables is not None:
                return variables
            outcome, refusal, call.hunt = call.hunt.outcome, call.hunt.refusal, None
            if outcome == LegOutcome.REFUSED and refusal is not None:
                _tell_failure(call, refusal)
            else:
                call.tell_step_end(outcome)
        if not call.steps:
            call.tell(e.SentToDialplan(at=now(), reason=NO_STEP))
            return answer.end(NO_STEP)
        variables = await _begin(call, call.steps.pop(0), channel, decider)
        if variables is not None:
            return variables


async def _begin(call: DialplanCall, step: Step, channel: Channel, decider: Decider) -> Variables | None:
    """What this step has the dialplan do; None when it does nothing, or begins to ring."""
    action = step.action
    if isinstance(action, AskRoute | FindLastAgent) and call.request_left_s < LONGEST_QUESTION_S:
        call.steps.insert(0, step)
        return answer.wait()
    call.tell_step(step)
    if isinstance(action, FindLastAgent):
        action = await find_last_agent(call, action, channel, decider)
    match action:
        case Refused(why):
            _tell_failure(call, why)
            return None
        case HangUp(cause):
            call.tell(e.CallEnded(at=now(), by="router", cause=Q850[cause], reason="hangup"))
            return answer.hangup(Q850[cause])
        case Enqueue(queue):
            return _enqueue(call, queue, step.timeout_s)
        case LeaveMessage(mailbox):
            return await _leave_message(call, mailbox, channel)
        case GoTo(place):
            missing = failure_of_place(place, await channel.evaluate(f"${{DIALPLAN_EXISTS({place})}}"))
            if missing is not None:
                _tell_failure(call, missing)
                return None
            call.tell(e.SentToDialplan(at=now(), reason="the dialplan is the destination", where=str(place)))
            return answer.goto(place)
        case AskRoute(route):
            onward = await ask_route(call, route, channel, decider)
            if isinstance(onward, Failure):
                _tell_failure(call, onward)
                return None
            call.steps = list(onward)
            return None
        case Announce(sounds, answers):
            call.doing = Playing(sounds)
            return answer.playback(sounds, answer=answers)
        case Ring():
            left_s = call.left_s(step.timeout_s)
            if left_s < SHORTEST_STEP_S:
                call.tell_step_end("skipped")
            else:
                call.hunt = Hunt(call, action, left_s)
            return None
        case _:
            assert_never(action)


async def _dial(call: DialplanCall, hunt: Hunt, channel: Channel) -> Variables | None:
    """The next Dial() of a step that rings; None when nobody is left."""
    legs = await hunt.next(channel)
    if legs is None:
        return answer.wait()
    if not legs:
        return None
    outgoing = {leg.role: _outgoing(call, hunt, leg) for leg in legs}
    _, left_out = dial_parts(outgoing.values())
    no_room = [leg for leg in legs if outgoing[leg.role] in left_out]
    call.give_up(no_room)
    for leg in no_room:
        call.tell(e.DeviceUnavailable(at=now(), endpoint=leg.endpoint, reason=FULL))
    legs = tuple(leg for leg in legs if leg not in no_room)
    # A welcome of unknown length may come before.
    grace_s = UNREPORTED_S if call.treatment.announcement else GIVES_UP_S
    call.ring(hunt.members, hunt.action.team, hunt.turn_s + grace_s)
    call.doing = Dialling(legs)
    return answer.dial([outgoing[leg.role] for leg in legs], hunt.turn_s, call.treatment, call.display)


def _outgoing(call: DialplanCall, hunt: Hunt, leg: PlacedLeg) -> OutgoingLeg:
    way = hunt.way_of.get(leg.role)
    return OutgoingLeg(
        number=int(leg.role.rpartition("-")[2]),
        endpoint=leg.endpoint.removeprefix("PJSIP/"),
        dial=leg.dial,
        is_trunk=way is not None,
        caller_id=None if way is None else shown_number(way.caller_id, call.arrival.called_number),
        told=way is None or way.trusted,
        confirm=leg.confirm,
    )


def _enqueue(call: DialplanCall, queue: str, timeout_s: float) -> Variables | None:
    left_s = call.left_s(timeout_s)
    if left_s < SHORTEST_STEP_S:
        call.tell_step_end("skipped")
        return None
    call.doing = Queueing(queue)
    return answer.queue(queue, left_s)


async def _leave_message(call: DialplanCall, mailbox: str, channel: Channel) -> Variables | None:
    missing = failure_of_mailbox(mailbox, await channel.evaluate(f"${{VM_INFO({mailbox},exists)}}"))
    if missing is not None:
        _tell_failure(call, missing)
        return None
    call.tell(e.SentToDialplan(at=now(), reason="voicemail", where=str(VOICEMAIL), mailbox=mailbox))
    return answer.voicemail(mailbox, greeting_after(call.last_outcome))


def _tell_failure(call: DialplanCall, why: Failure) -> None:
    call.tell_step_end("refused", code=why.code, detail=why.message, remedy=why.remedy)
