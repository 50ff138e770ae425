"""Dry runs in the router that runs: by the router in force, its breakers and tokens, and who is busy at this moment.

It has calls to route: only some are made at a time, none remembers anything, and none is judged by a breaker.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from agi_router.decide import Router, RoutingSettings
from agi_router.routing.errors import Failure
from agi_router.routing.memory import Memory, NoMemory, Remembered
from agi_router.routing.step import Ring
from ari_app.calls.clock import now
from ari_app.calls.presence import Presence
from ari_app.live.device_lookup import DeviceLookup, KnownDevice
from ari_app.live.dry_run import Outcome, Question, StandingMember, decide, standing, wrong_with
from ari_app.live.dry_run_json import as_object
from ari_app.live.routing import LiveRouting
from ari_app.live.volume import DialRules

AT_A_TIME: Final = 4
LONGEST_S: Final = 30.0
"""A lookup ends after ten seconds at most; Asterisk and the database are asked after it."""


@dataclass(frozen=True, slots=True)
class _Recalling(Memory):
    """Recalls what another memory has, and leaves it as it is."""

    memory: Memory

    async def recall(self, question: str) -> Remembered | None:
        """See Memory."""
        return await self.memory.recall(question)

    def remember(self, question: str, good: Remembered, until: datetime) -> None:
        """Nothing is remembered of a dry run."""

    def forget(self, question: str) -> None:
        """Nor forgotten."""


@dataclass(slots=True, kw_only=True)
class RouteTrials:
    """Implements `ari_app.live.dry_run.Surroundings`. `is_linked` is whether Asterisk tells the states of devices."""

    settings: Callable[[], RoutingSettings]
    live: LiveRouting
    memory: Memory
    presence: Presence
    rules: DialRules
    look_up: DeviceLookup
    is_linked: Callable[[], bool]
    _going_on: int = field(default=0, init=False)

    async def test(self, question: Question) -> Mapping[str, Any] | Failure:
        """As `agi-router test-route --json` tells it; a Failure when it can't be asked now, or comes to no end."""
        wrong = wrong_with(question)
        if wrong is not None:
            return as_object(Outcome(route=question.route, error=wrong))
        if self._going_on >= AT_A_TIME:
            return Failure("tests_busy", f"{AT_A_TIME} tests of routes go on already", "ask again in some seconds")
        self._going_on += 1
        try:
            async with asyncio.timeout(LONGEST_S):
                return as_object(await decide(self, question))
        except TimeoutError:
            return Failure("test_too_slow", f"the test took more than {LONGEST_S:g} s", "is the database overloaded?")
        finally:
            self._going_on -= 1

    @property
    def routing(self) -> RoutingSettings:
        """See Surroundings."""
        return self.settings()

    @asynccontextmanager
    async def deciding(self, question: Question) -> AsyncIterator[tuple[Router, Memory]]:
        """See Surroundings."""
        async with self.live.for_a_call() as router:
            yield router, _Recalling(self.memory) if question.last_good else NoMemory()

    async def standing(self, action: Ring) -> tuple[StandingMember, ...]:
        """See Surroundings."""
        return standing(self.presence, action, states_known=self.is_linked())

    async def devices(self, endpoints: Sequence[str]) -> Mapping[str, KnownDevice] | None:
        """See Surroundings."""
        return await self.look_up(endpoints)

    async def refusal(self, number: str, route: str) -> Failure | None:
        """See Surroundings."""
        return self.rules.refusal(number, route, "", now())
