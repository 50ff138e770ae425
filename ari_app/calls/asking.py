"""The question to the API, and what is put on record of it."""

import asyncio
from typing import assert_never

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
from agi_router.routing.hours import Closed
from ari_app.calls.ahead import Guess
from ari_app.calls.arrival import Arrival
from ari_app.calls.call import Call, now
from ari_app.calls.screen_pop import screen_pop
from ari_app.domain import events as e


async def ask(call: Call, arrival: Arrival, decider: Decider, guess: Guess) -> Decision:
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
    call.shown = decider.shown(info)
    call.screen_pop = screen_pop(arrival, call.shown)
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


def tell_decision(call: Call, decision: Decision) -> None:
    """Put on record what the API answered, and where that leads; or why it was not asked."""
    if decision.closed is not None:
        call.tell(outside_hours(decision.closed))
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
