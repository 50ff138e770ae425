"""The time of the running loop, so that a deadline passes when a test says so, however long the machine takes."""

import asyncio

from tests.patience import PATIENCE_S


def leap(seconds: float) -> None:
    """Put the loop's clock forward: what was to wait for less is due at once. Each test has a loop of its own."""
    loop = asyncio.get_running_loop()
    now = loop.time
    loop.time = lambda: now() + seconds  # type: ignore[method-assign]


class StandingClock:
    """From here on the loop's clock stands still, until the patience of tests is over; `passes` puts it forward.

    Whoever waits for less than has passed goes on. Nothing may wait by short sleeps meanwhile.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        real = loop.time
        self._now = begun = real()
        loop.time = lambda: self._now + max(0.0, real() - begun - PATIENCE_S)  # type: ignore[method-assign]

    async def passes(self, seconds: float) -> None:
        """Let so much time go by, and whoever waited for that go on."""
        self._now += seconds
        for _ in range(10):
            await asyncio.sleep(0)
