"""The event loop of tests whose code under test runs in their own process: while that is held up, no deadline passes.

A machine that is busy with something else stops a process for a second now and then. Whoever has a second to answer
has not begun by then, and would be told that his time is over.
"""

import asyncio
from selectors import DefaultSelector, SelectorKey
from time import monotonic
from typing import Final

STEP_S: Final = 0.05
"""For so long the loop may wait or work in one go. What goes beyond it is no time that anybody could have used."""


class PatientLoop(asyncio.SelectorEventLoop):
    """Its clock goes on while the loop waits and works, and stands still while it can do neither."""

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(_Selector(self._clock))

    def time(self) -> float:
        """See asyncio."""
        return self._clock.read()


class _Clock:
    def __init__(self) -> None:
        self._looked_at = monotonic()
        self._lost_s = 0.0

    def read(self) -> float:
        return self._looked_at + min(monotonic() - self._looked_at, STEP_S) - self._lost_s

    def look(self) -> None:
        """A step is over."""
        now = monotonic()
        self._lost_s += max(0.0, now - self._looked_at - STEP_S)
        self._looked_at = now


class _Selector(DefaultSelector):
    """Waits step by step: of a long step nobody could tell whether something came late, or was seen late."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """See selectors."""
        self._clock.look()
        while True:
            step_s = STEP_S if timeout is None else min(max(timeout, 0.0), STEP_S)
            events = super().select(step_s)
            self._clock.look()
            if timeout is not None:
                timeout -= step_s
            if events or (timeout is not None and timeout <= 0):
                return events
