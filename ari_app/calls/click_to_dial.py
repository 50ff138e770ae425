"""The story of a call that somebody asks for: ring one side, and when it has picked up, the other one.

Agent first: all his phones ring, showing the customer; he then hears how the customer's phone rings. Customer first: he
is put through to the agent, or to a free one of the team, as any caller is. From there on it is a call like any, except
that nobody comes from the dialplan, and so nobody can be given back to it.
"""

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from agi_router.routing.click_to_dial import First, PlannedCall, Refusal
from agi_router.routing.errors import Failure
from agi_router.routing.step import Ring, Step
from ari_app.calls.agents import without_unready
from ari_app.calls.arrival import Arrival
from ari_app.calls.call import Call, CallerGoneError
from ari_app.calls.clock import now
from ari_app.calls.early_media import may_be_heard
from ari_app.calls.farewell import say_why
from ari_app.calls.hunt import hunt
from ari_app.calls.inbound import finish
from ari_app.calls.leg import Leg
from ari_app.calls.naming import find_contact
from ari_app.calls.screen_pop import ScreenPop, identity
from ari_app.calls.steps import follow, started, tell_end, tell_rung, tell_start
from ari_app.calls.transfer import LONGEST_TALK
from ari_app.domain import events as e
from ari_app.domain.causes import CALL_REJECTED, NO_ANSWER, Q850_OF_OUTCOME

LONGEST_SETUP_S: Final = 14_400
"""A call may last its talk's limit and so much more: dialplan/agi-router.conf allows callers the same."""


def begin(call: Call, planned: PlannedCall) -> None:
    """Put on record what is asked for, before the one who asks is answered, and anything rings."""
    call.tell(_requested(planned, now()))
    call.first, call.treatment, call.announcements = planned.first, planned.treatment, planned.announcements
    call.auto_answers = planned.first is First.AGENT
    call.record = planned.record
    call.known_as(_as_caller(planned))
    if planned.first is First.AGENT:
        call.showing.change(partial(_showing_customer, planned))
    else:
        call.showing.change(lambda _: _showing_agent(planned))


async def click_to_dial(call: Call, planned: PlannedCall) -> None:
    """Place the call that was begun, from the first INVITE to the end of the record."""
    first, second = planned.steps
    find_contact(call, planned.number)
    try:
        winner = await _ring_first(call, first)
        if winner is not None:
            call.bridge.prepare()
            call.begin_with(winner)
            await _introduce(call, planned, winner)
            if not may_be_heard(call, second.targets):
                call.request(call.reception.arrive(call.treatment))
            if not planned.user:
                second = without_unready(call.presence, second, planned.queue)
            await follow(call, (second,))
    except CallerGoneError:
        call.tell_caller_gone()
    await finish(call)


async def end_alone(call: Call) -> None:
    """Whoever has picked up was left alone by a router that died: he hears that nothing comes of it."""
    call.tell(e.CallRecovered(at=now(), found="alone"))
    call.last_outcome = "failed"
    await say_why(call)
    await finish(call)


def refused(planned: PlannedCall, refusal: Refusal, at: datetime) -> Iterator[e.CallEvent]:
    """The whole record of a call that must not be placed: nothing rings."""
    yield _requested(planned, at)
    yield started(1, refusal.step, at)
    why = refusal.why
    yield e.StepEnded(at=at, step=1, outcome="refused", code=why.code, detail=why.message, remedy=why.remedy)
    yield e.CallEnded(at=at, by="router", cause=CALL_REJECTED, reason="refused")


def refusal_of(happened: Sequence[e.CallEvent]) -> Failure | None:
    """Why nothing rang, of a record that `refused` made; None of any other. It was made in one moment."""
    match happened:
        case [e.CallRequested() as asked, _, e.StepEnded() as end, e.CallEnded() as ended] if ended.at == asked.at:
            return Failure(end.code, end.detail, end.remedy)
        case _:
            return None


async def _ring_first(call: Call, step: Step) -> Leg | None:
    """Who has picked up of the side that is rung first; None when nobody has, and the call is over."""
    assert isinstance(step.action, Ring), "only who is called second may be something else than phones"
    tell_start(call, step)
    try:
        rung = await hunt(call, step.action, step.timeout_s, early=False)
    except CallerGoneError:
        tell_end(call, "cancelled")
        raise
    tell_rung(call, rung)
    if rung.winner is None:
        cause = Q850_OF_OUTCOME.get(rung.outcome, NO_ANSWER)
        call.tell(e.CallEnded(at=now(), by="router", cause=cause, reason=rung.outcome))
    return rung.winner


async def _introduce(call: Call, planned: PlannedCall, leg: Leg) -> None:
    """Who is called next is shown who has picked up; and no call is endless, also without a router."""
    if planned.first is First.AGENT:
        number, name = planned.extension or leg.number, planned.user_name
        call.showing.change(lambda _: _showing_agent(planned, number))
        call.showing.caller_sees = partial(_customer, planned)
    else:
        number, name = planned.number, planned.name
        call.showing.change(partial(_showing_customer, planned))
    call.auto_answers = False  # whoever is called next has not asked for it
    longest_s = str(LONGEST_SETUP_S + math.ceil(planned.treatment.talk_s))
    variables = {
        "CALLERID(num)": number,
        "CALLERID(name)": name,
        "TIMEOUT(absolute)": longest_s,
        LONGEST_TALK: longest_s,
    }
    requests = [call.telephony.set_variable(leg.channel_id, *pair) for pair in variables.items()]
    await asyncio.wait([call.request(request) for request in requests])


def _showing_customer(planned: PlannedCall, contact_name: str) -> ScreenPop:
    """What the agent's phones show: whom he is about to speak with."""
    return ScreenPop(variables=planned.parameters, name=_customer(planned, contact_name), replaces_caller=True)


def _customer(planned: PlannedCall, contact_name: str) -> Mapping[str, str]:
    """The customer, by the name that who asked for the call has for him, else by what a CRM calls him."""
    return identity(planned.number, planned.name or contact_name or planned.number)


def _showing_agent(planned: PlannedCall, number: str = "") -> ScreenPop:
    """What a colleague's phones show; customers outside see a number of ours instead."""
    shown = identity(number or planned.extension, planned.user_name)
    return ScreenPop(variables=planned.parameters, name=shown, replaces_caller=True)


def _as_caller(planned: PlannedCall) -> Arrival:
    """Whoever is rung first is the caller, as an API or a voicemail is told."""
    if planned.first is First.AGENT:
        number, name = planned.extension, planned.user_name
        return Arrival(called_number=planned.number, caller_number=number, caller_name=name)
    return Arrival(called_number=planned.caller_id, caller_number=planned.number, caller_name=planned.name)


def _requested(planned: PlannedCall, at: datetime) -> e.CallRequested:
    return e.CallRequested(
        at=at,
        first=planned.first.value,
        user=planned.user,
        user_name=planned.user_name,
        number=planned.number,
        name=planned.name,
        caller_id=planned.caller_id,
        campaign=planned.campaign,
        parameters=dict(planned.parameters),
        key=planned.key,
        talk_s=planned.treatment.talk_s,
        warn_s=planned.treatment.warn_s,
        record=planned.record,
        recording=planned.treatment.recording.as_json(),
    )
