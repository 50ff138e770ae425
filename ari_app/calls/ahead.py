"""Guessing: while the API is asked, the legs of its last good answer for this caller are created, or ring.

A guess never decides anything. When the answer is in, its legs go on as those of the first step, or are taken back.
"""

import asyncio
from collections.abc import Mapping, Sequence

from agi_router.routing.call_info import CallInfo
from agi_router.routing.decider import Decider
from agi_router.routing.needs import Ahead
from agi_router.routing.step import Ring, Step, Target
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.hunt import rings_at_once
from ari_app.calls.placing import Placing
from ari_app.domain import events as e

LONGEST_LOOKUP_S = 10.0
"""No route's deadline is longer. Asterisk's own ring timeout of a leg counts from its INVITE, ours from the answer."""


class Guess:
    """The guess of one call; there may be none."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._placing: Placing | None = None
        self._only_create = False
        self._headers: Mapping[str, str] = {}  # with which they ring
        self._targets: frozenset[Target] = frozenset()
        self._making: asyncio.Task[None] | None = None

    def begin(self, decider: Decider, info: CallInfo, ahead: Ahead) -> None:
        """Guess, and place legs, while the caller's question is on its way."""
        if ahead is not Ahead.OFF:
            self._making = asyncio.create_task(self._make(decider, info, ahead))

    async def _make(self, decider: Decider, info: CallInfo, ahead: Ahead) -> None:
        step = await decider.guess(info)
        targets = rings_at_once(step.action, self._call.presence) if step and isinstance(step.action, Ring) else ()
        if step is None or not targets:
            return
        self._call.tell(
            e.Guessed(
                at=now(),
                ahead=ahead.value,
                destination_type=step.destination.type,
                destination=step.destination.value,
            )
        )
        self._targets = frozenset(step.targets)
        self._headers = self._call.screen_pop.headers
        self._only_create = ahead is Ahead.CREATE
        self._placing = Placing(self._call, step.timeout_s + LONGEST_LOOKUP_S, only_create=self._only_create)
        self._placing.begin(targets)

    def judge(self, steps: Sequence[Step]) -> Placing | None:
        """The answer is in: what was placed for the first of these steps, or for none of them. No guess comes now."""
        if self._making is not None:
            self._making.cancel()
        if self._placing is not None:
            outcome = self._outcome(steps)
            self._call.tell(e.GuessJudged(at=now(), outcome=outcome, too_late=self._too_late(outcome)))
        return self._placing

    def _too_late(self, outcome: str) -> list[str]:
        """The headers that came with the answer, if phones ring already that are to ring on."""
        if self._only_create or outcome == "wrong":
            return []
        return [name for name, value in self._call.screen_pop.headers.items() if self._headers.get(name) != value]

    def _outcome(self, steps: Sequence[Step]) -> str:
        wanted = frozenset(steps[0].targets if steps else ())
        if wanted == self._targets:
            return "right"
        return "partly" if wanted & self._targets else "wrong"

    async def stop(self) -> None:
        """Place no more. The legs that are there end with the call."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)
        if self._placing is not None:
            await self._placing.stop()
