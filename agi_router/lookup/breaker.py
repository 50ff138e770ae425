"""The circuit breaker of one upstream: an API that is down costs its callers nothing.

    Closed   --failures in a row-->  Open   --its pause is over, one lookup comes-->  HalfOpen
    HalfOpen --the probe is answered-->  Closed
    HalfOpen --the probe fails-->        Open, its pause doubled up to LONGEST_PAUSE_S
    (a pause is longer, up to LONGEST_PAUSE_S, where the last failure said when to ask again: Retry-After)
    HalfOpen --the probe is given up (its caller hung up)-->  Open, its pause over: the next lookup is the probe

The pattern is Michael Nygard's (Release It!). docs/decisions/0009-breaker-of-our-own.md tells why it is no package.

It knows neither tasks nor HTTP: nothing in it waits, and every lookup that it lets through leaves it on every way out.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import assert_never

from agi_router.routing.errors import Failure, RoutingError

LONGEST_PAUSE_S = 60.0
"""A recovered API is noticed within this time, however long it was down, unless `open_s` is longer."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """`failures` in a row open the breaker, for `open_s` seconds at first."""

    failures: int
    open_s: float


@dataclass(frozen=True, slots=True)
class Closed:
    """All lookups go through; `failures` counts those in a row."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """No lookup goes through before `until`; the trouble began at `since`. Both are moments of the clock."""

    since: float
    until: float
    pause_s: float
    reason: Failure


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """One lookup, the probe, is on its way and will decide; all others are refused."""

    since: float
    pause_s: float
    reason: Failure


BreakerState = Closed | Open | HalfOpen


class Trial:
    """One lookup that was let through. Its verdict is given once; without one it counts as if it had never been."""

    def __init__(self, settle: Callable[["Trial"], None], period: int) -> None:
        self._settle = settle
        self.period = period
        self.failure: Failure | None = None
        self.again_in_s = 0.0

    def answered(self) -> None:
        """The upstream is well: it answered, whatever it said."""
        self._settle(self)

    def failed(self, failure: Failure, again_in_s: float | None = None) -> None:
        """The upstream is not well; `again_in_s` is its own wish when to be asked again."""
        self.failure = failure
        self.again_in_s = again_in_s or 0.0
        self._settle(self)


class Breaker:
    """Counts what becomes of the lookups of one upstream, and refuses them while it is down."""

    def __init__(
        self,
        name: str,
        limits: BreakerLimits,
        clock: Callable[[], float] = monotonic,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`name` is for logs and messages; `limits` may be replaced at any time; `clock` counts seconds.

        `changed` is called when it is closed, open or half-open from then on.
        """
        self.limits = limits
        self._name = name
        self._clock = clock
        self._changed = changed
        self._state: BreakerState = Closed()
        self._period = 0  # a verdict counts only in the period in which its lookup was let through

    @property
    def state(self) -> BreakerState:
        """Where it stands."""
        return self._state

    def check(self) -> None:
        """Raises RoutingError, breaker_open, when no lookup would be let through now."""
        match self._state:
            case Closed():
                pass
            case Open(until=until) as state:
                if self._clock() < until:
                    raise self._refusal(state, f"it is asked again, by one call, after {self.wall(until):%H:%M:%S} UTC")
            case HalfOpen() as state:
                raise self._refusal(state, "one call is asking it again at this moment")
            case _:
                assert_never(self._state)

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """Let one lookup through, which is to tell its verdict; raises RoutingError as `check` does."""
        self.check()
        if isinstance(self._state, Open):
            self._enter(HalfOpen(self._state.since, self._state.pause_s, self._state.reason))
            log.info("%s is asked again, by one call", self._name)
        trial = Trial(self._settle, self._period)
        try:
            yield trial
        finally:
            self._leave(trial)

    @contextmanager
    def unjudged(self) -> Iterator[Trial]:
        """Let one lookup through whose verdict counts for nothing; raises RoutingError as `check` does.

        It is no probe: while it asks, a call may be the one that finds the upstream well again.
        """
        self.check()
        yield Trial(lambda _: None, self._period)

    def wall(self, moment: float) -> datetime:
        """A moment of the breaker's clock as the time of day, UTC."""
        return datetime.now(UTC) + timedelta(seconds=moment - self._clock())

    def _settle(self, trial: Trial) -> None:
        if trial.period != self._period:
            return
        match self._state, trial.failure:
            case Closed(), None:
                self._state = Closed()
            case Closed(failures), Failure() as failure if failures + 1 < self.limits.failures:
                self._state = Closed(failures + 1)
            case Closed(), Failure() as failure:
                pause_s = self.limits.open_s
                wait_s = self._wait(pause_s, trial)
                self._enter(Open(self._clock(), self._clock() + wait_s, pause_s, failure))
                log.warning("%s is not asked for %g s: %s [%s]", self._name, wait_s, failure.message, failure.code)
            case HalfOpen(), None:
                self._enter(Closed())
                log.info("%s answers again", self._name)
            case HalfOpen() as state, Failure() as failure:
                pause_s = min(2 * state.pause_s, max(LONGEST_PAUSE_S, self.limits.open_s))
                wait_s = self._wait(pause_s, trial)
                self._enter(Open(state.since, self._clock() + wait_s, pause_s, failure))
                log.info("%s is not asked for another %g s: %s [%s]", self._name, wait_s, failure.message, failure.code)

    def _wait(self, pause_s: float, trial: Trial) -> float:
        """Who is asked before the time that he named answers the same again, and may name a longer one."""
        return max(pause_s, min(trial.again_in_s, max(LONGEST_PAUSE_S, self.limits.open_s)))

    def _leave(self, trial: Trial) -> None:
        """Of a probe without a verdict nothing is known, so the next lookup is the probe."""
        if isinstance(self._state, HalfOpen) and trial.period == self._period:
            self._enter(Open(self._state.since, self._clock(), self._state.pause_s, self._state.reason))

    def _enter(self, state: BreakerState) -> None:
        self._state = state
        self._period += 1
        self._changed()

    def _refusal(self, state: Open | HalfOpen, outlook: str) -> RoutingError:
        return RoutingError(
            "breaker_open",
            f"{self._name} was not asked: it has been failing since {self.wall(state.since):%Y-%m-%d %H:%M:%S} UTC, "
            f"at last because {state.reason.message} [{state.reason.code}]",
            f"{state.reason.remedy}; {outlook}",
        )
