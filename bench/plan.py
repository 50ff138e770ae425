"""How many calls, how fast, for how long."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CALM, BUSY = 5, 80
"""The two rates, in calls per second, at which everything is measured."""

TALK_MS: Final = 1000
WARM_UP_RATE: Final = 40
HOLD_RATE: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`calls` are those of one block, by their rate; each way gets a block of each rate in every one of the rounds.

    `returning` callers come twice each way; the second time is measured. `clicks` are calls that are asked for.
    `warm_up` calls come before anything is measured, `held` are held at the same time. The search for the highest rate
    places calls for `step_s` seconds at each rate, gives a rate up when it failed `tries` times, and ends when it knows
    the rate to within `precision` (a share).
    """

    rounds: int
    calls: Mapping[int, int]
    returning: int
    clicks: int
    warm_up: int
    held: int
    step_s: float
    tries: int
    precision: float


FULL: Final = Plan(
    rounds=4,
    calls={CALM: 100, BUSY: 800},
    returning=100,
    clicks=100,
    warm_up=200,
    held=200,
    step_s=10,
    tries=2,
    precision=0.07,
)
QUICK: Final = Plan(
    rounds=2, calls={CALM: 10, BUSY: 240}, returning=8, clicks=10, warm_up=40, held=40, step_s=2, tries=1, precision=0.3
)
