"""The story of a call that somebody asks for: ring one side, and when it has picked up, the other one.

Agent first: all his phones ring, showing the customer; he then hears how the customer's phone rings. Customer first: he
is put through to the agent, or to a free one of the team, as any caller is. From there on it is a call like any.
"""

import asyncio

from agi_router.routing.click_to_dial import First, PlannedCall
from agi_router.routing.step import Ring, Step, TrunkTarget
from ari_app.calls.arrival import Arrival
from ari_app.calls.call import Call, CallerGoneError
from ari_app.calls.clock import now
from ari_app.calls.hunt import hunt
from ari_app.calls.inbound import finish
from ari_app.calls.screen_pop import SHOWN_NAME, ScreenPop
from ari_app.calls.steps import follow, tell_end, tell_failure, tell_rung, tell_start
from ari_app.domain import events as e
from ari_app.domain.causes import NO_ANSWER, Q850_OF_OUTCOME

LONGEST_CALL_S = 14_400
"""No call is longer, as dialplan/agi-router.conf has it for callers."""


async def click_to_dial(call: Call, planned: PlannedCall) -> None:
    """Place the call, from the first INVITE to the end of the record."""
    _begin(call, planned)
    agent_first = planned.first is First.AGENT
    first, second = (planned.agent, planned.customer) if agent_first else (planned.customer, planned.agent)
    try:
        if await _ring_first(call, first, second):
            await _introduce(call, planned)
            if not _is_heard_itself(second):
                call.request(call.reception.arrive(call.treatment))
            await follow(call, (second,))
    except CallerGoneError:
        call.tell_caller_gone()
    await finish(call)


def _begin(call: Call, planned: PlannedCall) -> None:
    call.tell(
        e.CallRequested(
            at=now(),
            first=planned.first.value,
            user=planned.user,
            user_name=planned.user_name,
            number=planned.number,
            name=planned.name,
            caller_id=planned.caller_id,
            campaign=planned.campaign,
            parameters=dict(planned.parameters),
            key=planned.key,
        )
    )
    call.first, call.treatment, call.announcements = planned.first, planned.treatment, planned.announcements
    call.key = planned.key
    call.auto_answers = planned.first is First.AGENT
    call.known_as(Arrival(called_number=planned.number, caller_number=planned.caller_id, caller_name=planned.user_name))
    call.screen_pop = _showing_customer(planned)


async def _ring_first(call: Call, first: Step, second: Step) -> bool:
    """Whether the side that is called first has picked up; it is not called when the other one can't be anyway."""
    for step in (first, second):
        if step.refused is not None:
            tell_start(call, step)
            tell_failure(call, "refused", step.refused)
            call.tell(e.CallEnded(at=now(), by="router", cause=Q850_OF_OUTCOME["refused"], reason=step.refused.code))
            return False
    tell_start(call, first)
    assert isinstance(first.action, Ring), "only a customer who is called second may be something else"
    try:
        rung = await hunt(call, first.action, first.timeout_s, early=False)
    except CallerGoneError:
        tell_end(call, "cancelled")
        raise
    tell_rung(call, rung)
    if rung.winner is None:
        cause = Q850_OF_OUTCOME.get(rung.outcome, NO_ANSWER)
        reason = rung.refusal.code if rung.outcome == "refused" and rung.refusal is not None else rung.outcome
        call.tell(e.CallEnded(at=now(), by="router", cause=cause, reason=reason))
        return False
    call.bridge.prepare()
    call.begin_with(rung.winner)
    return True


async def _introduce(call: Call, planned: PlannedCall) -> None:
    """Who is called next is shown who has picked up; and no call is endless, also without a router."""
    variables = {"TIMEOUT(absolute)": str(LONGEST_CALL_S)}
    if planned.first is First.AGENT:
        call.screen_pop = ScreenPop(variables=planned.parameters)
        variables |= {"CALLERID(num)": planned.extension or planned.user, "CALLERID(name)": planned.user_name}
    channel = call.caller.channel_id
    requests = [call.telephony.set_variable(channel, name, value) for name, value in variables.items()]
    await asyncio.wait([call.request(request) for request in requests])


def _showing_customer(planned: PlannedCall) -> ScreenPop:
    """What the agent's phones show: whom he is about to speak with."""
    return ScreenPop(
        variables=planned.parameters,
        name={
            SHOWN_NAME: planned.name or planned.number,
            "CONNECTEDLINE(name-pres,i)": "allowed",
            "CONNECTEDLINE(num,i)": planned.number,
            "CONNECTEDLINE(num-pres,i)": "allowed",
        },
        replaces_caller=True,
    )


def _is_heard_itself(step: Step) -> bool:
    """Whether what the other end sends while it rings is heard: then nothing else must be."""
    return len(step.targets) == 1 and isinstance(step.targets[0], TrunkTarget)
