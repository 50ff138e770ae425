"""The steps of a decision, tried in their order: each does what its action says, until one of them keeps the caller."""

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final, assert_never

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
from ari_app.calls.announcing import announce
from ari_app.calls.asking import ask_route
from ari_app.calls.call import Call, CallerGoneError
from ari_app.calls.clock import now
from ari_app.calls.farewell import say_why
from ari_app.calls.hunt import hunt
from ari_app.calls.last_agent import find_last_agent
from ari_app.calls.leaving import back_to_dialplan, go_to
from ari_app.calls.leg import Leg
from ari_app.calls.placing import Placing
from ari_app.calls.ports import RefusedError
from ari_app.calls.queueing import Queued, enqueue
from ari_app.calls.ringing import Rung
from ari_app.calls.talk import converse
from ari_app.calls.voicemail import leave_message
from ari_app.domain import events as e
from ari_app.domain.causes import Q850, LegOutcome

SHORTEST_STEP_S: Final = 1.0


class _Chain:
    """The time that all steps have together which ring or wait; `limit_s` 0 is no limit."""

    def __init__(self, limit_s: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._ends_at = self._clock() + limit_s if limit_s else math.inf

    def left(self, timeout_s: float) -> float:
        """How long a step may take that wants so much."""
        return min(timeout_s, self._ends_at - self._clock())


async def follow(call: Call, steps: Sequence[Step], placed: Placing | None = None, chain: _Chain | None = None) -> None:
    """Try the steps in order until one is answered or hangs up; else the dialplan goes on with the caller.

    `placed` are legs that ring already, by a guess: those of the first step that rings stay, the others go.
    `chain` is the time that earlier steps of the same caller share with these.
    """
    chain = chain or _Chain(call.treatment.chain_s)
    for step in steps:
        tell_start(call, step)
        action = step.action
        if isinstance(action, FindLastAgent):
            action = await _find_last_agent(call, action)
        match action:
            case Refused(why):
                tell_failure(call, "refused", why)
            case HangUp(cause):
                await call.telephony.hang_up(call.caller.channel_id, cause.value)
                call.tell(e.CallEnded(at=now(), by="router", cause=Q850[cause], reason="hangup"))
                return
            case Enqueue(queue):
                left_s = chain.left(step.timeout_s)
                if left_s < SHORTEST_STEP_S:
                    tell_end(call, "skipped")
                elif not await _enqueue(call, queue, left_s):
                    return
            case LeaveMessage(mailbox):
                missing = await leave_message(call, mailbox)
                if missing is None:
                    return
                tell_failure(call, "refused", missing)
            case GoTo(place):
                missing = await go_to(call, place)
                if missing is None:
                    return
                tell_failure(call, "refused", missing)
            case AskRoute(route):
                onward = await ask_route(call, route)
                if not isinstance(onward, Failure):
                    await follow(call, onward, placed, chain)
                    return
                tell_failure(call, "refused", onward)
            case Announce(sounds, answer):
                await _announce(call, sounds, answer=answer)
            case Ring():
                left_s = chain.left(step.timeout_s)
                if left_s < SHORTEST_STEP_S:
                    tell_end(call, "skipped")
                    continue
                leg = await _ring(call, action, left_s, placed)
                if leg is not None:
                    transferred = await converse(call, leg)
                    if transferred is not None:
                        await follow(call, transferred)
                    return
                placed = None
            case _:
                assert_never(action)
    if call.has_dialplan:
        await back_to_dialplan(call, "no step was answered")
    else:
        await say_why(call)


async def _find_last_agent(call: Call, wanted: FindLastAgent) -> Ring | Refused:
    try:
        return await find_last_agent(call, wanted)
    except CallerGoneError:
        tell_end(call, "cancelled")
        raise


async def _ring(call: Call, action: Ring, timeout_s: float, placed: Placing | None) -> Leg | None:
    try:
        rung = await hunt(call, action, timeout_s, placed)
    except CallerGoneError:
        tell_end(call, "cancelled")
        raise
    tell_rung(call, rung)
    return rung.winner


async def _enqueue(call: Call, queue: str, timeout_s: float) -> bool:
    """Whether the caller is still there."""
    try:
        queued = await enqueue(call, queue, timeout_s)
    except CallerGoneError:
        tell_end(call, "answered" if call.is_served else "cancelled")
        raise
    return await after_queue(call, queued)


async def after_queue(call: Call, queued: Queued | None) -> bool:
    """Put on record what came of a queue; whether the caller is still there. He hears again that he waits."""
    if queued is None:
        tell_end(call, "answered")
        return False
    if queued.reason is None:
        tell_end(call, queued.outcome)
    else:
        tell_failure(call, queued.outcome, queued.reason)
    await _wait_on(call)
    return True


async def _announce(call: Call, sounds: tuple[str, ...], *, answer: bool) -> None:
    try:
        unplayable = await announce(call, sounds, answer=answer)
    except CallerGoneError:
        tell_end(call, "cancelled")
        raise
    if unplayable is None:
        tell_end(call, "played")
    else:
        tell_failure(call, "failed", unplayable)
    await _wait_on(call)


async def _wait_on(call: Call) -> None:
    """Let the caller hear again that he waits. If Asterisk refuses that, he goes on all the same."""
    try:
        await call.hear_until(asyncio.create_task(call.reception.resume()))
    except RefusedError as error:
        call.log.warning("a caller can't hear that he waits", error=str(error))


def tell_start(call: Call, step: Step) -> None:
    """Put on record that a step begins."""
    call.step += 1
    call.tell(started(call.step, step, now()))


def started(number: int, step: Step, at: datetime) -> e.StepStarted:
    """The beginning of a call's step, as it stands on record."""
    action = step.action
    team, order = (action.team, action.order.value) if isinstance(action, Ring) and action.team else ("", "")
    return e.StepStarted(
        at=at,
        step=number,
        destination_type=step.destination.type,
        destination=step.destination.value,
        timeout_s=step.timeout_s,
        team=team,
        order=order,
    )


def tell_rung(call: Call, rung: Rung) -> None:
    """Put on record what came of ringing."""
    if rung.outcome == LegOutcome.REFUSED and rung.refusal is not None:
        tell_failure(call, rung.outcome, rung.refusal)
    else:
        tell_end(call, rung.outcome)


def tell_failure(call: Call, outcome: str, why: Failure) -> None:
    """Put on record that the step came to nothing, and why."""
    tell_end(call, outcome, code=why.code, detail=why.message, remedy=why.remedy)


def tell_end(call: Call, outcome: str, *, code: str = "", detail: str = "", remedy: str = "") -> None:
    """Put on record how the step ended."""
    call.last_outcome = outcome
    call.tell(e.StepEnded(at=now(), step=call.step, outcome=outcome, code=code, detail=detail, remedy=remedy))
