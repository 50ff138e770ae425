"""Sliding windows, and the tally of those whose calls are counted together. All moments are aware."""

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from agi_router.routing.volume_limits import DAY, HOUR, MINUTE, Count, Measure, Scope

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Final = timedelta(0)
_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE_OF_TALK: Final = MINUTE // _MICROSECOND


class Window:
    """Amounts, each of which counts from its moment until `span` later. Sums are exact: amounts are whole numbers."""

    __slots__ = ("_entries", "_span", "total")

    def __init__(self, span: timedelta) -> None:
        self._span = span
        self._entries: deque[tuple[datetime, int]] = deque()  # by their moments
        self.total = 0

    def add(self, at: datetime, amount: int = 1) -> None:
        """Count this amount from then on; what is told late goes where it belongs."""
        place = len(self._entries)
        while place and self._entries[place - 1][0] > at:
            place -= 1
        self._entries.insert(place, (at, amount))
        self.total += amount

    def slide(self, at: datetime) -> None:
        """Let go what does not count any more at this moment.

        What lies in the future is of now: somebody has put the clock back, and it must not count for longer.
        """
        oldest = at - self._span
        while self._entries and self._entries[0][0] <= oldest:
            self.total -= self._entries.popleft()[1]
        place = len(self._entries)
        while place and self._entries[place - 1][0] > at:
            place -= 1
            self._entries[place] = (at, self._entries[place][1])

    def room_at(self, limit: int, besides: int = 0) -> datetime | None:
        """When this and what is counted `besides` is below the limit again, if nothing is added; None for never."""
        left = self.total + besides
        for at, amount in self._entries:
            left -= amount
            if left < limit:
                return at + self._span
        return None


class NumberWindows:
    """One window for each number that was called in the last hour."""

    __slots__ = ("_windows",)

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}  # the one that was called last at the end

    def add(self, number: str, at: datetime) -> None:
        """Count one call."""
        window = self._windows.pop(number, None) or Window(HOUR)
        window.add(at)
        self._windows[number] = window

    def of(self, number: str, at: datetime) -> Window:
        """The window of this number."""
        window = self._windows.get(number)
        if window is None:
            return Window(HOUR)
        window.slide(at)
        return window

    def busiest(self, at: datetime) -> str:
        """The number that was called most; "" for none."""
        return max(self._windows, key=lambda number: self.of(number, at).total, default="")

    def forget(self, at: datetime) -> None:
        """Forget the numbers that nobody has called for an hour."""
        while self._windows:
            number = next(iter(self._windows))
            if self.of(number, at).total:
                return
            del self._windows[number]


class Tally:
    """What was counted of one scope. Nothing here depends on limits: those may change while calls go on."""

    __slots__ = ("_answered_count", "_answered_sum", "_day", "_minute", "_numbers", "_talk", "live", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.live = 0
        self._minute = Window(MINUTE)
        self._day = Window(DAY)
        self._talk = Window(DAY)  # microseconds
        self._numbers = NumberWindows()
        self._answered_count = 0  # of those who speak; and the sum of the moments since when
        self._answered_sum = _NOTHING

    def count_call(self, number: str, at: datetime) -> None:
        """A call to this number begins."""
        self._minute.add(at)
        self._day.add(at)
        self._numbers.add(number, at)

    def begin_talk(self, at: datetime) -> None:
        """One of the live calls is answered."""
        self._answered_count += 1
        self._answered_sum += at - _EPOCH

    def end_talk(self, began: datetime) -> None:
        """One of those who speak does not any more."""
        self._answered_count -= 1
        self._answered_sum -= began - _EPOCH

    def count_talk(self, talk: timedelta, at: datetime) -> None:
        """A talk has ended at this moment."""
        self._talk.add(at, talk // _MICROSECOND)

    def slide(self, at: datetime) -> None:
        """Let go what does not count any more."""
        for window in (self._minute, self._day, self._talk):
            window.slide(at)
        self._numbers.forget(at)

    @property
    def is_empty(self) -> bool:
        """Whether nothing counts any more."""
        return not (self.live or self._day.total or self._talk.total)

    def count(self, measure: Measure, number: str | None, limit: int | None, at: datetime) -> Count:
        """One measure, after `slide`; calls to one number are those to `number`, or to the one that is called most."""
        number = self._numbers.busiest(at) if number is None else number
        count = Count(scope=self.scope, measure=measure, value=0, limit=limit)
        match measure:
            case Measure.CONCURRENT:
                return replace(count, value=self.live)
            case Measure.CALLS_PER_MINUTE:
                return _counted(count, self._minute)
            case Measure.TO_ONE_NUMBER_PER_HOUR:
                return replace(_counted(count, self._numbers.of(number, at)), number=number)
            case Measure.MINUTES_PER_DAY:
                running = self._answered_count * (at - _EPOCH) - self._answered_sum
                return _counted(count, self._talk, running // _MICROSECOND, _MINUTE_OF_TALK)
            case Measure.CALLS_PER_DAY:
                return _counted(count, self._day)
            case _:
                assert_never(measure)


def _counted(count: Count, window: Window, besides: int = 0, unit: int = 1) -> Count:
    value = (window.total + besides) / unit
    if count.limit is None or value < count.limit:
        return replace(count, value=value)
    return replace(count, value=value, room_at=window.room_at(count.limit * unit, besides))
