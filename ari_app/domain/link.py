"""A link to another program, as it comes and goes."""

from collections.abc import Callable
from time import monotonic


class Link:
    """Whether it is up; whether both sides agree on what they know (`is_settled`); how often it came up (`connects`).

    Whoever holds the link up tells; anybody may read, and `watch`.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._settled_until = float("-inf")
        self._watchers: list[Callable[[], None]] = []
        self.is_up = self.is_settled = False
        self.connects = 0

    def came_up(self) -> None:
        """It is up; what happened meanwhile is still to be asked for."""
        self.is_up = True
        self.connects += 1

    def settle(self) -> None:
        """It is known what happened meanwhile."""
        self.is_settled = True
        self._tell()

    def lose(self) -> None:
        """It is down; may be told again and again."""
        if self.is_settled:
            self._settled_until = self._clock()
        self.is_up = self.is_settled = False
        self._tell()

    def watch(self, changed: Callable[[], None]) -> None:
        """Have this called when the link is settled, and when it is down; perhaps again without a change."""
        self._watchers.append(changed)

    def holds(self, grace_s: float) -> bool:
        """Whether it is settled, or was less than `grace_s` seconds ago: one that comes back at once was never gone."""
        return self.is_settled or self._clock() - self._settled_until < grace_s

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()
