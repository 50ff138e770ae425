"""How much may be dialled outside: five measures, each with limits for all calls together, each route and each API key.

Toll fraud runs at night and in bursts, to numbers that every other rule allows. What it costs is bounded by these.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from agi_router.routing.errors import Failure

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


class Measure(StrEnum):
    """What is counted. The windows slide: a day is the last 24 hours, and no date."""

    CONCURRENT = "concurrent"
    """Calls that are dialled, ring or speak at this moment."""

    CALLS_PER_MINUTE = "calls_per_minute"

    TO_ONE_NUMBER_PER_HOUR = "to_one_number_per_hour"

    MINUTES_PER_DAY = "minutes_per_day"
    """Minutes of talk: those that go on until now, and those that have ended, wholly, until a day after their end."""

    CALLS_PER_DAY = "calls_per_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeLimits:
    """One limit for each measure, None for none. A call is dialled while the count is below it."""

    concurrent: int | None = None
    calls_per_minute: int | None = None
    to_one_number_per_hour: int | None = None
    minutes_per_day: int | None = None
    calls_per_day: int | None = None

    def of(self, measure: Measure) -> int | None:
        """The limit of this measure."""
        limit: int | None = getattr(self, measure.value)
        return limit


DEFAULT_LIMITS: Final = VolumeLimits(
    concurrent=30, calls_per_minute=60, to_one_number_per_hour=60, minutes_per_day=3000, calls_per_day=2000
)
"""Far above what an office of fifty people dials by its answers, and what a thief gets at most."""

NO_LIMITS: Final = VolumeLimits()


class ScopeKind(StrEnum):
    """Whose calls are counted together. The value is the key of their limits under `policy`."""

    ALL = "limits"
    ROUTE = "route_limits"
    KEY = "key_limits"


@dataclass(frozen=True, slots=True)
class Scope:
    """Those whose calls are counted together; `name` is that of the route, or of the API key, and "" for all."""

    kind: ScopeKind
    name: str = ""

    def __str__(self) -> str:
        match self.kind:
            case ScopeKind.ALL:
                return "all calls"
            case ScopeKind.ROUTE:
                return f"the route {self.name}"
            case ScopeKind.KEY:
                return f"the API key {self.name}"


@dataclass(frozen=True, slots=True)
class VolumePolicy:
    """The limits of all calls together, of each route, and of each API key.

    At this share of a limit there is a warning; at 1.0 with the last call that is allowed.
    """

    limits: VolumeLimits = DEFAULT_LIMITS
    route_limits: VolumeLimits = NO_LIMITS
    key_limits: VolumeLimits = NO_LIMITS
    warn_at: float = 0.8

    def limit(self, scope: Scope, measure: Measure) -> int | None:
        """What is allowed there; None: as much as one likes."""
        match scope.kind:
            case ScopeKind.ALL:
                return self.limits.of(measure)
            case ScopeKind.ROUTE:
                return self.route_limits.of(measure)
            case ScopeKind.KEY:
                return self.key_limits.of(measure)


UNLIMITED: Final = VolumePolicy(NO_LIMITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One measure of one scope, counted at a moment; minutes have fractions.

    `number` is the one that was called most, for the measure that counts one number's calls. `room_at` is when a limit
    that is reached lets the next call through, if none comes and none ends before; None when that can't be said.
    """

    scope: Scope
    measure: Measure
    value: float
    limit: int | None = None
    number: str = ""
    room_at: datetime | None = None

    @property
    def is_reached(self) -> bool:
        """Whether the next call would be too many."""
        return self.limit is not None and self.value >= self.limit

    def is_near(self, warn_at: float) -> bool:
        """Whether the count is at this share of its limit, or above."""
        return self.limit is not None and self.value >= self.limit * warn_at

    @property
    def key(self) -> str:
        """Where the limit stands in the configuration."""
        return f"policy.{self.scope.kind.value}.{self.measure.value}"

    def __str__(self) -> str:
        limit = "" if self.limit is None else f" of {self.limit}"
        return f"{round(self.value, 2):.10g}{limit} {_COUNTED[self.measure].format(self.number)}"

    def failure(self, at: datetime) -> Failure:
        """Why no more is dialled at this moment."""
        return Failure(
            f"policy_{self.measure.value}",
            f"{self.key} allows {self.limit} {self._allowed()} for {self.scope}, and that is reached",
            f"{self._patience(at)}; if these calls are wanted, raise {self.key}",
        )

    def _allowed(self) -> str:
        counted = _COUNTED[self.measure].format(self.number)
        return counted.replace("s ", " ", 1) if self.limit == 1 else counted

    def _patience(self, at: datetime) -> str:
        if self.room_at is None:
            return "there is room again when one of them ends"
        wait_s = max(1, round((self.room_at - at).total_seconds()))
        wait = f"{wait_s} s" if wait_s < 120 else f"{wait_s // 60} min" if wait_s < 7200 else f"{wait_s // 3600} h"
        return f"there is room again in {wait}, at {self.room_at:%H:%M:%S} UTC"


_COUNTED: Final = {
    Measure.CONCURRENT: "calls at a time",
    Measure.CALLS_PER_MINUTE: "calls in a minute",
    Measure.TO_ONE_NUMBER_PER_HOUR: "calls to {} in an hour",
    Measure.MINUTES_PER_DAY: "minutes of talk in 24 hours",
    Measure.CALLS_PER_DAY: "calls in 24 hours",
}
