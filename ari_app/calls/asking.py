"""The question to the API, and what is put on record of it."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
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
)
from agi_router.routing.errors import Failure
from agi_router.routing.hours import Closed
from agi_router.routing.step import Step
from ari_app.calls.ahead import Guess
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.screen_pop import screen_pop
from ari_app.domain import events as e

Tell = Callable[[e.CallEvent], None]
"""Puts a fact on a call's record."""

MOST_ROUTES: Final = 5
"""A call that asks so many has lost its way: each question is a wait for the caller."""


async def ask(call: Call, decider: Decider, guess: Guess | None = None) -> Decision:
    """The one question to the API of the call's route, with the SIP headers and variables that it wants to be told."""
    arrival = call.arrival
    needs = decider.needs(call.route)
    read, channel = call.telephony.read_variable, call.caller.channel_id
    headers, variables = sorted(needs.headers), sorted(needs.variables)
    values = await asyncio.gather(
        *(read(channel, f"PJSIP_HEADER(read,{name})") for name in headers), *(read(channel, name) for name in variables)
    )
    info = CallInfo(
        call_id=call.call_id,
        route_name=call.route,
        caller_number=arrival.caller_number,
        caller_name=arrival.caller_name,
        caller_withheld=arrival.caller_withheld,
        called_number=arrival.called_number,
        headers=dict(zip(headers, values, strict=False)),
        variables=dict(zip(variables, values[len(headers) :], strict=True)),
    )
    call.showing.by_route = decider.shown(info)
    call.showing.change(partial(screen_pop, arrival, call.showing.by_route, None))
    if guess is not None:
        guess.begin(decider, info, needs.ahead)
    return await decider.route(info, lambda progress: tell_progress(call.tell, progress))


async def ask_route(call: Call, route: str) -> Sequence[Step] | Failure:
    """The steps of another route, whose API is asked now; why it can't be, when that would go on for ever."""
    assert call.decider is not None, "who follows a decision's steps has a decider"
    loop = loop_of_routes(call.routes_asked, route)
    if loop is not None:
        return loop
    call.routes_asked.append(route)
    call.route = route
    call.tell(e.RouteEntered(at=now(), route=route))
    decision = await call.hear_until(asyncio.create_task(ask(call, call.decider)))
    await take_in(call, decision)
    return decision.steps


def loop_of_routes(asked: Sequence[str], route: str) -> Failure | None:
    """Why this route can't be asked after those; None when it can."""
    if route not in asked and len(asked) < MOST_ROUTES:
        return None
    return Failure(
        "number_loop",
        f"the number leads to the route {route}, after {' and '.join(asked)}",
        f"let the answer name a phone; a call asks no route twice, and at most {MOST_ROUTES}",
    )


async def take_in(call: Call, decision: Decision) -> None:
    """Put the decision on record, and what the answer carries into the call."""
    tell_decision(call.tell, decision)
    if decision.understood is not None:
        call.showing.change(partial(screen_pop, call.arrival, call.showing.by_route, decision.understood))
        call.record = decision.understood.record
        await call.hear_until(asyncio.create_task(_set_variables(call)))


async def _set_variables(call: Call) -> None:
    """Set the screen pop's variables on the caller, before anything can send him back to the dialplan."""
    channel, variables = call.caller.channel_id, call.screen_pop.variables
    if variables:
        await asyncio.wait(
            [call.request(call.telephony.set_variable(channel, name, value)) for name, value in variables.items()]
        )


def tell_progress(tell: Tell, progress: LookupProgress) -> None:
    """Put on record what a lookup tells on its way."""
    match progress:
        case SentRequest(method=method, url=url, headers=headers, body=body):
            tell(e.RequestSent(at=now(), method=method, url=url, headers=dict(headers), body=body))
        case FailedAttempt(answer=answer, failure=why):
            if answer is not None:
                _tell_answer(tell, answer)
            tell(e.AttemptFailed(at=now(), code=why.code, message=why.message, remedy=why.remedy))
        case _:
            assert_never(progress)


def _tell_answer(tell: Tell, answer: ReceivedAnswer) -> None:
    tell(e.AnswerReceived(at=now(), status=answer.status, body=answer.body, elapsed_ms=answer.elapsed_ms))


def tell_decision(tell: Tell, decision: Decision) -> None:
    """Put on record what the API answered, and where that leads; or why it was not asked."""
    if decision.closed is not None:
        tell(outside_hours(decision.closed))
    if decision.answer is not None:
        _tell_answer(tell, decision.answer)
    if (error := decision.error) is not None:
        value = decision.value if decision.source is Source.ANSWER else None
        tell(e.LookupFailed(at=now(), code=error.code, message=error.message, remedy=error.remedy, value=value))
    if (understood := decision.understood) is not None and understood.carries_more:
        tell(
            e.CallerDescribed(
                at=now(),
                caller_name=understood.caller_name or "",
                ring_s=understood.ring_s,
                headers=dict(understood.headers),
                variables=dict(understood.variables),
                record=understood.record,
                notes=list(understood.notes),
            )
        )
    if (found := decision.destination) is not None:
        tell(
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
        tell(e.RecallFailed(at=now(), code=gone.code, message=gone.message, remedy=gone.remedy, age_s=decision.age_s))


def outside_hours(closed: Closed) -> e.OutsideHours:
    """What is put on record of a closed route."""
    return e.OutsideHours(
        at=now(),
        calendar=closed.calendar,
        zone=closed.zone,
        local_time=closed.local.isoformat(timespec="seconds"),
        holiday=closed.holiday or "",
        opens=closed.opens.isoformat(timespec="seconds") if closed.opens else "",
    )
