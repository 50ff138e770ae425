"""Upstreams: the servers that are asked, each an origin (scheme, host, port) which all routes that name it share.

An upstream has places for a number of lookups at a time, and a circuit breaker. Both outlive a change of the
configuration, which is why they stand apart from the client and its connections.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from types import MappingProxyType
from typing import assert_never

from yarl import URL

from agi_router.lookup.breaker import Breaker, BreakerLimits, Closed, HalfOpen, Open, Trial
from agi_router.routing.errors import Failure, RoutingError


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamLimits:
    """At most `max_concurrent` lookups at a time; `failures` in a row open the breaker, for `open_s` at first."""

    max_concurrent: int = 100
    failures: int = 5
    open_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamStatus:
    """How an upstream is at this moment.

    `breaker` is closed, open or half_open; `since` and `reason` are None while it is closed, `until` unless it is open.
    `waiting` lookups wait for a place.
    """

    origin: str
    breaker: str
    failures: int
    since: datetime | None
    until: datetime | None
    reason: Failure | None
    in_progress: int
    waiting: int
    max_concurrent: int


def same_origin(origin: str) -> str:
    """The one way to write this origin: lower case, without the scheme's own port."""
    return str(URL(origin).origin())


class Upstream:
    """The door to one upstream."""

    def __init__(
        self,
        origin: str,
        limits: UpstreamLimits,
        clock: Callable[[], float] = monotonic,
        changed: "Changed" = lambda _: None,
    ) -> None:
        self.origin = origin
        self._breaker = Breaker(origin, _of_breaker(limits), clock, lambda: changed(self.status()))
        self._places = asyncio.Semaphore(limits.max_concurrent)
        self._limits = limits
        self._in_progress = 0
        self._waiting = 0

    @property
    def limits(self) -> UpstreamLimits:
        """May be set at any time; lookups that are inside keep the place they have."""
        return self._limits

    @limits.setter
    def limits(self, limits: UpstreamLimits) -> None:
        if limits.max_concurrent != self._limits.max_concurrent:
            self._places = asyncio.Semaphore(limits.max_concurrent)
        self._limits = limits
        self._breaker.limits = _of_breaker(limits)

    @asynccontextmanager
    async def lookup(self, longest_wait_s: float, *, judged: bool = True) -> AsyncIterator[Trial]:
        """Ask inside this block, and tell the verdict, which counts if it is `judged`; safe to cancel anywhere.

        Raises RoutingError: breaker_open at once, api_busy when no place became free in `longest_wait_s` seconds.
        """
        self._breaker.check()  # who finds it open does not wait for a place
        await self._enter(places := self._places, longest_wait_s)
        self._in_progress += 1
        try:
            with self._breaker.trial() if judged else self._breaker.unjudged() as trial:
                yield trial
        finally:
            self._in_progress -= 1
            places.release()

    async def _enter(self, places: asyncio.Semaphore, longest_wait_s: float) -> None:
        """A short wait gets a burst of callers their answers; after a long one no time is left for the question."""
        self._waiting += 1
        try:
            async with asyncio.timeout(longest_wait_s):
                await places.acquire()
        except TimeoutError:
            raise RoutingError(
                "api_busy",
                f"{self.origin} has {self._limits.max_concurrent} lookups in progress, and none ended in time",
                "make the API faster; if it can answer more at a time, raise max_concurrent of its entry in upstreams",
            ) from None
        finally:
            self._waiting -= 1

    def status(self) -> UpstreamStatus:
        """How it is now."""
        since: datetime | None = None
        until: datetime | None = None
        reason: Failure | None = None
        failures = 0
        match state := self._breaker.state:
            case Closed():
                name, failures = "closed", state.failures
            case Open():
                name, reason = "open", state.reason
                since, until = self._breaker.wall(state.since), self._breaker.wall(state.until)
            case HalfOpen():
                name, reason, since = "half_open", state.reason, self._breaker.wall(state.since)
            case _:
                assert_never(state)
        return UpstreamStatus(
            origin=self.origin,
            breaker=name,
            failures=failures,
            since=since,
            until=until,
            reason=reason,
            in_progress=self._in_progress,
            waiting=self._waiting,
            max_concurrent=self._limits.max_concurrent,
        )


Changed = Callable[[UpstreamStatus], None]
"""Is told how an upstream is when its breaker has become closed, open or half-open; must not raise."""


class Upstreams:
    """All upstreams of a router by their origins."""

    def __init__(self, clock: Callable[[], float] = monotonic, changed: Changed = lambda _: None) -> None:
        self._clock = clock
        self._changed = changed
        self._limits: Mapping[str, UpstreamLimits] = MappingProxyType({})
        self._known: dict[str, Upstream] = {}

    def configure(self, origins: Iterable[str], limits: Mapping[str, UpstreamLimits]) -> None:
        """Know exactly these, with these limits, else the default ones; those known before keep what they learnt."""
        self._limits = limits
        before, self._known = self._known, {}
        for origin in map(same_origin, origins):
            if origin in before:
                self._known[origin] = before[origin]
                before[origin].limits = self._limits_of(origin)
            self.of(origin)

    def of(self, origin: str) -> Upstream:
        """The upstream at this origin; one that nobody configured gets the default limits."""
        name = same_origin(origin)
        if name not in self._known:
            self._known[name] = Upstream(name, self._limits_of(name), self._clock, self._changed)
        return self._known[name]

    def status(self) -> list[UpstreamStatus]:
        """How they are, in the order of the routes that ask them."""
        return [upstream.status() for upstream in self._known.values()]

    def _limits_of(self, name: str) -> UpstreamLimits:
        return self._limits.get(name, UpstreamLimits())


def _of_breaker(limits: UpstreamLimits) -> BreakerLimits:
    return BreakerLimits(limits.failures, limits.open_s)
