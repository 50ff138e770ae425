"""The highest rate that is held: faster until it fails, then closer."""

from collections.abc import Awaitable, Callable
from typing import Final

GROWTH: Final = 1.5
SUCCESS: Final = 0.999
PACE: Final = 0.95
"""sipp must have placed the calls at no less than this share of the rate, or the machine was the limit."""
BACKLOG_MS: Final = 250.0
"""Where work comes in faster than it is done, each call waits longer than the one before: the last ones tell."""


async def highest_rate(holds: Callable[[int], Awaitable[bool]], *, start: int, limit: int, precision: float) -> int:
    """The highest rate for which `holds` says yes, to within `precision` (a share of it); 0 when not even a tenth.

    Asks upwards from `start` in steps of half as much again, then halves the gap between the last yes and the first no;
    downwards when `start` itself is too much. Never asks above `limit`.
    """
    held, too_fast = 0, limit + 1
    rate = start
    while rate > start // 10:
        if await holds(rate):
            held = rate
        else:
            too_fast = rate
        if too_fast - held <= max(1, precision * held):
            break
        rate = min(limit, round(rate * GROWTH)) if too_fast > limit else (held + too_fast) // 2
    return held


def is_held(*, calls: int, failed: int, rate: int, placed_rate: float, backlog_ms: float) -> bool:
    """Whether enough calls went through, at the rate that was asked for, and no queue was building up."""
    return failed <= calls * (1 - SUCCESS) and placed_rate >= rate * PACE and backlog_ms <= BACKLOG_MS
