"""Answers of a moment ago, in this process, by the key of their question."""

from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

CAPACITY = 10_000

T = TypeVar("T")


class Cache(Generic[T]):
    """At most `capacity` answers; the oldest goes first. Ages are on the monotonic clock."""

    def __init__(self, capacity: int = CAPACITY, clock: Callable[[], float] = monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._answers: dict[str, tuple[float, T]] = {}  # the oldest first

    def get(self, question: str, max_age_s: float) -> tuple[T, float] | None:
        """The answer and its age in seconds; None when there is none, or none so young."""
        if question not in self._answers:
            return None
        put_at, answer = self._answers[question]
        age_s = self._clock() - put_at
        if age_s >= max_age_s:
            del self._answers[question]
            return None
        return answer, age_s

    def put(self, question: str, answer: T) -> None:
        """Keep this answer instead of an earlier one."""
        self._answers.pop(question, None)
        if len(self._answers) >= self._capacity:
            del self._answers[next(iter(self._answers))]
        self._answers[question] = (self._clock(), answer)
