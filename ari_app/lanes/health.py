"""How a receiver does. One that fails again and again gets one request at a time, and those seldom."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

JITTER: Final = 0.1
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pauses:
    """After `patience` failures in a row comes `first`, then twice as long each time, up to `longest`."""

    patience: int = 3
    first: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(minutes=5)


@dataclass(slots=True)
class Health:
    """What the last requests to a receiver came to. `resumes_at`: nothing is sent before."""

    pauses: Pauses
    failures: int = 0
    resumes_at: datetime = field(default=LONG_AGO)

    @property
    def is_sick(self) -> bool:
        """Whether it has failed too often in a row."""
        return self.failures >= self.pauses.patience

    def room(self, limit: int) -> int:
        """How many requests may be under way to it."""
        return 1 if self.is_sick else limit

    def pause(self, now: datetime) -> timedelta:
        """For how long nothing is sent. One that is too long was reckoned by a clock that was ahead, and is over."""
        left = self.resumes_at - now
        return max(left, timedelta()) if left <= self.pauses.longest * (1 + JITTER) else timedelta()

    def delivered(self) -> None:
        """It has taken one: all is well."""
        self.failures, self.resumes_at = 0, LONG_AGO

    def failed(self, now: datetime, chance: float, asked_for: timedelta | None = None) -> None:
        """It has not. `chance` is from 0 to 1 and lengthens the pause by up to a tenth; what it asked for is kept to
        within the longest pause.
        """
        self.failures += 1
        pause = min(asked_for or timedelta(), self.pauses.longest)
        if self.is_sick:
            doublings = min(self.failures - self.pauses.patience, 32)
            own = min(self.pauses.first * 2**doublings, self.pauses.longest)
            pause = max(pause, own * (1 + JITTER * chance))
        self.resumes_at = now + max(self.pause(now), pause)
