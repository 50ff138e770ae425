"""What is counted of deliveries, for those who watch over the router."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum


class Result(StrEnum):
    """What came of a delivery, or of one attempt at it."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"  # the receiver answered 410
    GIVEN_UP = "given_up"  # beside the last `failed`
    SKIPPED = "skipped"  # its template has nothing for the event


class Tally:
    """Counts since the start, by subscription."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Result]] = Counter()

    def count(self, subscription_id: str, result: Result) -> None:
        """One more."""
        self._counts[subscription_id, result] += 1

    @property
    def counts(self) -> Mapping[tuple[str, Result], int]:
        """How often it came to each."""
        return self._counts

    @property
    def totals(self) -> Mapping[Result, int]:
        """The same for all subscriptions together."""
        totals: Counter[Result] = Counter()
        for (_, result), count in self._counts.items():
            totals[result] += count
        return totals
