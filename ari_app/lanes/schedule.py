"""When a delivery is tried again, and when it is given up."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_ADVISED: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""By Standard Webhooks: ten attempts within about 75 hours."""

LONGEST_WAIT: Final = timedelta(hours=24)
"""A receiver may ask for no longer one."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The waits after each failed attempt; after the last one of them comes the last attempt.

    Up to the share `jitter` is added to each, or all that failed together would come back together.
    """

    waits: tuple[timedelta, ...] = _ADVISED
    jitter: float = 0.1

    @property
    def span(self) -> timedelta:
        """From the first attempt to the last one, at least."""
        return sum(self.waits, timedelta())

    def wait_after(self, attempts: int, chance: float, asked_for: timedelta | None = None) -> timedelta | None:
        """How long to wait after so many attempts that have failed; None: it is given up.

        `chance` is from 0 to 1. A receiver that asks for a longer wait gets it, up to LONGEST_WAIT; for a shorter one
        it does not: its attempts would soon be used up.
        """
        if attempts > len(self.waits):
            return None
        planned = self.waits[attempts - 1] * (1 + self.jitter * chance)
        return planned if asked_for is None else max(planned, min(asked_for, LONGEST_WAIT))
