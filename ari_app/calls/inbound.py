"""The story of an inbound call: ask where it belongs while the caller hears ringing, ring, bridge, and end well.

Reads top to bottom; every wait ends when the caller hangs up.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from agi_router.routing.call_info import CallInfo
from agi_router.routing.decider import Decider
from agi_router.routing.decision import (
    Decision,
    FailedAttempt,
    LookupProgress,
    ReceivedAnswer,
    SentRequest,
    Source,
    Step,
)
from agi_router.routing.destination import HangupDestination
from ari_app.calls.ahead import Guess
from ari_app.calls.call import Call, CallerGoneError, Leg, now
from ari_app.calls.legs import Placing, ring, take_back
from ari_app.calls.ports import ChannelEntered, NotFoundError, PresentChannel
from ari_app.calls.screen_pop import screen_pop
from ari_app.calls.talk import converse, talk
from ari_app.domain import events as e
from ari_app.domain.causes import Q850, LegOutcome

RESULT_VARIABLE: Final = "AGI_ROUTER_RESULT"
"""Tells the dialplan lines after `Stasis()` why the caller comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A caller as the dialplan handed him over, by `Stasis(app,ROUTE,CALLED[,PRESENTATION])`."""

    route: str
    called_number: str
    caller_number: str
    caller_name: str
    caller_withheld: bool


def read_arrival(entered: ChannelEntered | PresentChannel) -> Arrival:
    """Understand the arguments; what is missing is "" (an unknown route then goes to the global fallback).

    A presentation that starts with "prohib" is a withheld number (CALLERID(num-pres): prohib, prohib_not_screened ...).
    """
    route, called_number, presentation = (*entered.args, "", "", "")[:3]
    withheld = presentation.startswith("prohib") or entered.caller_number.lower() == "anonymous"
    return Arrival(
        route=route,
        called_number=called_number,
        caller_number="" if withheld else entered.caller_number,
        caller_name="" if withheld else entered.caller_name,
        caller_withheld=withheld,
    )


def tell_arrival(call: Call, arrival: Arrival) -> None:
    """Begin the record."""
    call.tell(
        e.CallArrived(
            at=now(),
            route=arrival.route,
            called_number=arrival.called_number,
            caller_number=arrival.caller_number,
            caller_name=arrival.caller_name,
            caller_withheld=arrival.caller_withheld,
            channel_id=call.caller.channel_id,
        )
    )


async def inbound(call: Call, arrival: Arrival, decider: Decider) -> None:
    """Route one caller by the API's answer, from StasisStart to the end of the record."""
    tell_arrival(call, arrival)
    guess = Guess(call)
    asking = asyncio.create_task(_ask(call, arrival, decider, guess))
    # After the question in the event loop's order: everybody waits for its answer, and for these nobody.
    call.request(call.telephony.ring(call.caller.channel_id))
    call.prepare_bridge()
    try:
        decision = await call.hear_until(asking)
        _tell_decision(call, decision)
        if decision.understood is not None:
            call.screen_pop = screen_pop(
                decision.understood, caller_number=arrival.caller_number, caller_withheld=arrival.caller_withheld
            )
            await call.hear_until(asyncio.create_task(_set_variables(call)))
        await follow(call, decision.steps, guess.judge(decision.steps))
    except CallerGoneError:
        call.tell(e.CallEnded(at=now(), by="caller", cause=call.caller_cause))
    finally:
        await guess.stop()
    await finish(call)


async def resume_fallback(call: Call, route: str, decider: Decider) -> None:
    """Go on with a caller who was waiting when the router lost sight of him: straight to the route's fallback."""
    call.tell(e.CallRecovered(at=now(), found="waiting"))
    call.request(call.telephony.ring(call.caller.channel_id))
    call.prepare_bridge()
    try:
        await follow(call, decider.fallback(route))
    except CallerGoneError:
        call.tell(e.CallEnded(at=now(), by="caller", cause=call.caller_cause))
    await finish(call)


async def resume_talk(call: Call, leg: Leg) -> None:
    """Watch over a bridged call that went on without us, so that its end is seen and put on record."""
    call.tell(e.CallRecovered(at=now(), found="talking"))
    try:
        await talk(call, leg)
    except CallerGoneError:
        call.tell(e.CallEnded(at=now(), by="caller", cause=call.caller_cause))
    await finish(call)


async def _ask(call: Call, arrival: Arrival, decider: Decider, guess: Guess) -> Decision:
    """The one question to the API, with the SIP headers and variables that the route wants to tell it."""
    needs = decider.needs(arrival.route)
    read, channel = call.telephony.read_variable, call.caller.channel_id
    headers, variables = sorted(needs.headers), sorted(needs.variables)
    values = await asyncio.gather(
        *(read(channel, f"PJSIP_HEADER(read,{name})") for name in headers), *(read(channel, name) for name in variables)
    )
    info = CallInfo(
        call_id=call.call_id,
        route_name=arrival.route,
        caller_number=arrival.caller_number,
        caller_name=arrival.caller_name,
        caller_withheld=arrival.caller_withheld,
        called_number=arrival.called_number,
        headers=dict(zip(headers, values, strict=False)),
        variables=dict(zip(variables, values[len(headers) :], strict=True)),
    )
    guess.begin(decider, info, needs.ahead)
    return await decider.route(info, lambda progress: _tell_progress(call, progress))


def _tell_progress(call: Call, progress: LookupProgress) -> None:
    match progress:
        case SentRequest(method=method, url=url, headers=headers, body=body):
            call.tell(e.RequestSent(at=now(), method=method, url=url, headers=dict(headers), body=body))
        case FailedAttempt(answer=answer, failure=why):
            if answer is not None:
                _tell_answer(call, answer)
            call.tell(e.AttemptFailed(at=now(), code=why.code, message=why.message, remedy=why.remedy))
        case _:
            assert_never(progress)


def _tell_answer(call: Call, answer: ReceivedAnswer) -> None:
    call.tell(e.AnswerReceived(at=now(), status=answer.status, body=answer.body, elapsed_ms=answer.elapsed_ms))


def _tell_decision(call: Call, decision: Decision) -> None:
    if decision.answer is not None:
        _tell_answer(call, decision.answer)
    if (error := decision.error) is not None:
        value = decision.value if decision.source is Source.ANSWER else None
        call.tell(e.LookupFailed(at=now(), code=error.code, message=error.message, remedy=error.remedy, value=value))
    if (understood := decision.understood) is not None and understood.carries_more:
        call.tell(
            e.CallerDescribed(
                at=now(),
                caller_name=understood.caller_name or "",
                ring_s=understood.ring_s,
                headers=dict(understood.headers),
                variables=dict(understood.variables),
                notes=list(understood.notes),
            )
        )
    if (found := decision.destination) is not None:
        call.tell(
            e.DestinationFound(
                at=now(),
                value=decision.value or "",
                destination_type=found.type,
                destination=found.value,
                source=decision.source.value,
                age_s=decision.age_s,
            )
        )
    if (gone := decision.recall_error) is not None:
        call.tell(
            e.RecallFailed(at=now(), code=gone.code, message=gone.message, remedy=gone.remedy, age_s=decision.age_s)
        )


async def _set_variables(call: Call) -> None:
    """Set the screen pop's variables on the caller, before anything can send him back to the dialplan."""
    channel, variables = call.caller.channel_id, call.screen_pop.variables
    if variables:
        await asyncio.wait(
            [call.request(call.telephony.set_variable(channel, name, value)) for name, value in variables.items()]
        )


async def follow(call: Call, steps: Sequence[Step], placed: Placing | None = None) -> None:
    """Try the steps in order until one is answered or hangs up; else the dialplan goes on with the caller.

    `placed` are legs that ring already, by a guess: those of the first step that rings stay, the others go.
    """
    for step in steps:
        call.step += 1
        call.tell(
            e.StepStarted(
                at=now(),
                step=call.step,
                destination_type=step.destination.type,
                destination=step.destination.value,
                timeout_s=step.timeout_s,
            )
        )
        if (refused := step.refused) is not None:
            why = {"code": refused.code, "detail": refused.message, "remedy": refused.remedy}
            call.tell(e.StepEnded(at=now(), step=call.step, outcome="refused", **why))
        elif isinstance(step.destination, HangupDestination):
            cause = step.destination.cause
            await call.telephony.hang_up(call.caller.channel_id, cause.value)
            call.tell(e.CallEnded(at=now(), by="router", cause=Q850[cause], reason="hangup"))
            return
        elif (leg := await _ring_step(call, step, placed)) is not None:
            await converse(call, leg)
            return
        else:
            placed = None
    await back_to_dialplan(call, "no step was answered")


async def _ring_step(call: Call, step: Step, placed: Placing | None) -> Leg | None:
    try:
        rung = await ring(call, step.targets, step.timeout_s, placed)
    except CallerGoneError:
        call.tell(e.StepEnded(at=now(), step=call.step, outcome="cancelled"))
        raise
    call.tell(e.StepEnded(at=now(), step=call.step, outcome=rung.outcome))
    return rung.winner


async def back_to_dialplan(call: Call, reason: str) -> None:
    """Let the dialplan lines after `Stasis()` go on with the caller. Raises CallerGoneError."""
    try:
        await give_back(call, reason)
    except NotFoundError as error:
        await call.missed_caller(error)
        raise


async def give_back(call: Call, reason: str) -> None:
    """Send the caller to the dialplan and tell it why. Raises NotFoundError when he hung up a moment ago."""
    await call.telephony.set_variable(call.caller.channel_id, RESULT_VARIABLE, reason)
    await call.telephony.send_to_dialplan(call.caller.channel_id)
    call.tell(e.SentToDialplan(at=now(), reason=reason))


async def finish(call: Call) -> None:
    """After the end: nothing rings, no bridge is left, and the record knows how each leg ended."""
    for leg in call.legs.values():
        if leg.alive and leg.ending is None:
            take_back(call, leg, LegOutcome.ANSWERED if call.talking else LegOutcome.CANCELLED)
    await call.last_events()
    await call.drop_bridge()
