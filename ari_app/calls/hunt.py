"""Hunting: ring the members of a step in their order, past those who are busy, until one of them answers.

Who rings next is decided anew for each turn, by how the members stand then: `agi_router.routing.order` tells whom.
"""

import asyncio
from contextlib import ExitStack
from typing import Final

from agi_router.routing.errors import Failure
from agi_router.routing.order import Order, next_round
from agi_router.routing.step import Member, Ring, Target, distinct
from ari_app.calls.call import Call
from ari_app.calls.early_media import EarlyMedia, may_be_heard
from ari_app.calls.placing import Placing
from ari_app.calls.presence import Presence
from ari_app.calls.ringing import Rung, most_telling, ring
from ari_app.calls.turns import Turns
from ari_app.domain.causes import LegOutcome

SHORTEST_TURN_S: Final = 0.5
"""In less nobody picks up, and a phone would only flash."""


async def hunt(
    call: Call, action: Ring, timeout_s: float, placed: Placing | None = None, *, early: bool = True
) -> Rung:
    """Ring until somebody answers, nobody is left, or `timeout_s` seconds are over. Raises CallerGoneError.

    `placed` are legs that ring already, by a guess: those of other members are taken back. With `early` the caller
    hears what a trunk sends before its answer, for which he has to be alone.
    """
    return await _Hunt(call, action, timeout_s, placed, early=early).run()


def rings_at_once(action: Ring, presence: Presence) -> tuple[Target, ...]:
    """What this action would ring as it begins, if all of its members ring together; () otherwise."""
    if action.order is not Order.SIMULTANEOUS:
        return ()
    return distinct(next_round(action.members, action.order, action.if_busy, presence.standing))


class _Hunt:
    """One step."""

    def __init__(self, call: Call, action: Ring, timeout_s: float, placed: Placing | None, *, early: bool) -> None:
        self._call = call
        self._action = action
        self._placed = placed
        self._early = early
        self._ends_at = asyncio.get_running_loop().time() + timeout_s
        self._turns = Turns(call, action)
        self._is_on = False
        self._outcomes: list[str] = []
        self._refusal: Failure | None = None

    async def run(self) -> Rung:
        """See `hunt`."""
        turns = self._turns
        while turns.left and self._remaining_s >= SHORTEST_TURN_S:
            members = turns.take()
            turns.tell_busy()
            if not self._is_on and (members or turns.waits):
                self._is_on = True
                self._call.request(self._call.reception.wait())
            if members:
                rung = await self._ring(members)
                if rung.winner is not None:
                    return rung
                self._outcomes.append(rung.outcome)
                self._refusal = self._refusal or rung.refusal
            elif turns.waits:
                await self._wait()
            else:
                break
        if self._placed is not None:
            await self._placed.place(())
        if turns.left:
            self._outcomes.append(LegOutcome.BUSY.value)
        return Rung(None, most_telling(self._outcomes), self._refusal)

    @property
    def _remaining_s(self) -> float:
        return self._ends_at - asyncio.get_running_loop().time()

    async def _ring(self, members: tuple[Member, ...]) -> Rung:
        """Ring these together, and where all ring at once whoever is free later as well."""
        action, turns, placed = self._action, self._turns, self._placed
        self._placed = None
        limit_s = self._remaining_s if turns.together else min(action.ring_each_s, self._remaining_s)
        if turns.are_told:
            turns.tell_called(members, limit_s)
        with ExitStack() as ringing:
            ringing.enter_context(self._call.presence.ringing(members, action.team))

            async def joining() -> tuple[Target, ...]:
                await turns.until_ready()
                freed = turns.take()
                ringing.enter_context(self._call.presence.ringing(freed, action.team))
                turns.tell_called(freed, self._remaining_s)
                return distinct(freed)

            joins = turns.together and turns.waits and turns.left
            targets = distinct(members)
            is_heard = self._early and not joins and may_be_heard(self._call, targets)
            early = EarlyMedia(self._call) if is_heard else None
            return await ring(self._call, targets, limit_s, placed, joining if joins else None, early=early)

    async def _wait(self) -> None:
        """Until one of those who are left can ring, or the time is over."""
        if self._placed is not None:
            await self._placed.place(())
            self._placed = None
        try:
            async with asyncio.timeout(self._remaining_s):
                await self._call.hear_until(asyncio.create_task(self._turns.until_ready()))
        except TimeoutError:
            pass  # the loop ends with it
