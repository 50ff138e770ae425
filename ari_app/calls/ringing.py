"""Ring the targets of a step, all at once; the first to answer wins."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from agi_router.routing.errors import Failure
from agi_router.routing.step import Target
from ari_app.calls.call import Call
from ari_app.calls.confirming import ask_each, is_asked
from ari_app.calls.early_media import EarlyMedia
from ari_app.calls.leg import Leg, LegState
from ari_app.calls.placing import Placing
from ari_app.calls.taking_back import take_back
from ari_app.domain.causes import LegOutcome

Joining = Callable[[], Coroutine[Any, Any, Sequence[Target]]]
"""Waits for the next targets that may ring beside the others; () when there are no more."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What came of ringing: the leg that answered, or the word for why none did; for `refused` also the reason."""

    winner: Leg | None
    outcome: str
    refusal: Failure | None = None


async def ring(
    call: Call,
    targets: Sequence[Target],
    timeout_s: float,
    placing: Placing | None = None,
    joining: Joining | None = None,
    *,
    early: EarlyMedia | None = None,
) -> Rung:
    """Ring all targets for at most `timeout_s` seconds. Raises CallerGoneError; leaves nothing ringing either way.

    `placing` may have begun with some targets already, also with others: those are taken back. `joining` returns
    further targets when they may ring too, one time after the other, and () when no more will come. `early` lets the
    caller hear what the only target's leg sends before its answer.
    """
    placing = placing or Placing(call, timeout_s)
    placing.early = early
    winner: Leg | None = None
    joining_in: asyncio.Task[None] | None = None
    ending = LegOutcome.CANCELLED  # until something better is known: the caller gave up, or the router stops
    try:
        async with asyncio.timeout(timeout_s):
            await call.hear_until(asyncio.create_task(placing.place(targets)))
            joining_in = None if joining is None else asyncio.create_task(_join_in(placing, joining))
            winner = await _first_answer(call, placing, joining_in)
        ending = LegOutcome.ANSWERED_ELSEWHERE
    except TimeoutError:
        if joining_in is not None:
            joining_in.cancel()
        await placing.stop()
        _take_back_all(call, [leg for leg in placing.legs if not is_asked(leg)], LegOutcome.NO_ANSWER)
        winner = await _late_answer(call, placing)
        ending = LegOutcome.ANSWERED_ELSEWHERE if winner else LegOutcome.NO_ANSWER
    finally:
        if joining_in is not None:
            joining_in.cancel()
            await asyncio.gather(joining_in, return_exceptions=True)
        await placing.stop()
        _take_back_all(call, [leg for leg in placing.legs if leg is not winner], ending)
    if winner is None and early is not None:
        await early.leave()
    if winner is not None:
        return Rung(winner, "answered")
    refused = placing.refusal is not None
    return Rung(
        None, _why_nobody(placing.legs, refused=refused, timed_out=ending is LegOutcome.NO_ANSWER), placing.refusal
    )


def _take_back_all(call: Call, legs: Sequence[Leg], ending: LegOutcome) -> None:
    for leg in legs:
        if leg.alive and leg.ending is None:
            take_back(call, leg, ending)


async def _join_in(placing: Placing, joining: Joining) -> None:
    """Place what joins in while the others ring."""
    while targets := await joining():
        await placing.add(targets)


async def _first_answer(call: Call, placing: Placing, joining_in: asyncio.Task[None] | None) -> Leg | None:
    """The first leg that is up, and confirmed if it has to be.

    None when all have ended or were given up, and none joins in any more. Phones that answer in the same instant come
    in one by one, and so do keys.
    """
    while True:
        placing.fail_over()
        if placing.is_redirected:
            await call.hear_until(asyncio.create_task(placing.follow_redirects()))
        for leg in placing.legs:
            if leg.ending is None and (leg.state is LegState.UP or _has_hung_up(call, leg)):
                return leg
        ask_each(call, placing.legs, partial(take_back, call))
        if joining_in is not None and not joining_in.done():
            await call.next_event_until(joining_in)
            continue
        if joining_in is not None:
            joining_in.result()
        if not any(leg.alive and leg.ending is None for leg in placing.legs) and not call.caller_hangs_up:
            return None
        await call.next_event()


def _has_hung_up(call: Call, leg: Leg) -> bool:
    """Whether somebody has picked up, and hung up at once. Where nobody calls yet, he was to: he does not want it."""
    return not call.caller.is_there and leg.outcome is LegOutcome.ANSWERED


async def _late_answer(call: Call, placing: Placing) -> Leg | None:
    """The time to ring is up, but who has picked up and is asked to confirm is not cut off in the middle."""
    try:
        async with asyncio.timeout(call.treatment.confirmation.timeout_s):
            return await _first_answer(call, placing, None)
    except TimeoutError:
        return None


_TELLING = (
    LegOutcome.NO_ANSWER,
    LegOutcome.BUSY,
    LegOutcome.DECLINED,
    LegOutcome.UNCONFIRMED,
    LegOutcome.REDIRECTED,
    LegOutcome.REFUSED,
    LegOutcome.UNAVAILABLE,
    LegOutcome.NOT_FOUND,
    LegOutcome.FAILED,
)


def _why_nobody(legs: Sequence[Leg], *, refused: bool, timed_out: bool) -> str:
    """One word for a step that nobody answered: somebody who was there and said no tells more than one who was not."""
    outcomes = {leg.ending or leg.outcome for leg in legs}
    if refused:
        outcomes.add(LegOutcome.REFUSED)
    if timed_out and (not outcomes or LegOutcome.NO_ANSWER in outcomes):
        return LegOutcome.NO_ANSWER.value
    return most_telling(outcome.value for outcome in outcomes if outcome is not None)


def most_telling(outcomes: Iterable[str]) -> str:
    """Of several reasons why nobody answered, the one to tell."""
    known = set(outcomes)
    return next((telling.value for telling in _TELLING if telling in known), LegOutcome.UNAVAILABLE.value)
