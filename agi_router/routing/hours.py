"""Business hours: whether a calendar is open at a moment, why it is not, and when that changes.

The clock on the wall of the calendar's zone decides, minute by minute, also on the days on which it is put forward or
back: an hour that is left out takes its opening with it, and one that comes twice is open, or closed, twice.

    open      what `openings` say for the day, and what reaches over midnight from the day before
    closed    all that a holiday covers, whatever opening began before it; and the rest of a night whose holiday lasted
              until midnight: who was not there at midnight does not come in for it
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from agi_router.routing.opening_times import MINUTES_A_DAY, Holiday, Opening

FARTHEST_CHANGE: Final = timedelta(days=400)
"""A change later than this is none: yearly holidays have come round by then."""

_DAY: Final = timedelta(days=1)
_WINDOW: Final = timedelta(days=8)
_LAST_MINUTE: Final = MINUTES_A_DAY - 1


@dataclass(frozen=True, slots=True)
class Open:
    """The calendar is open. `until` is in its zone; None when it does not close in the next 400 days."""

    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The calendar is closed at the moment `local`, in its zone.

    `holiday` is the one that closes it, as it was written, None when it is closed at this time of every week.
    `opens` is in its zone; None when it does not open in the next 400 days.
    """

    calendar: str
    zone: str
    local: datetime
    holiday: str | None
    opens: datetime | None


State = Open | Closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When it is open. `openings` may overlap, and so may `holidays`."""

    name: str
    zone: ZoneInfo
    openings: tuple[Opening, ...]
    holidays: tuple[Holiday, ...] = ()

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at this moment, which is an aware one."""
        return self._opens_at(*_on_the_wall(at.astimezone(self.zone)))

    def state(self, at: datetime) -> State:
        """Whether it is open at this moment, an aware one, why not, and when that changes."""
        return self.closed(at) or Open(self._next_change(at))

    def closed(self, at: datetime) -> Closed | None:
        """Why it is closed at this moment, an aware one, and when it opens; None when it is open."""
        if self.is_open(at):
            return None
        local = at.astimezone(self.zone)
        return Closed(
            calendar=self.name,
            zone=self.zone.key,
            local=local,
            holiday=self._closed_by(*_on_the_wall(local)),
            opens=self._next_change(at),
        )

    def _opens_at(self, day: date, minute: int) -> bool:
        if self._holiday(day, minute) is not None:
            return False
        if any(span.holds(minute) for opening in self.openings for span in opening.on(day)):
            return True
        return self._is_night(day, minute) and self._holiday(day - _DAY, _LAST_MINUTE) is None

    def _closed_by(self, day: date, minute: int) -> str | None:
        holiday = self._holiday(day, minute)
        if holiday is None and self._is_night(day, minute):
            holiday = self._holiday(day - _DAY, _LAST_MINUTE)
        return None if holiday is None else holiday.text

    def _is_night(self, day: date, minute: int) -> bool:
        """Whether an opening of the day before reaches over midnight until here."""
        return any(span.holds(minute + MINUTES_A_DAY) for opening in self.openings for span in opening.on(day - _DAY))

    def _holiday(self, day: date, minute: int) -> Holiday | None:
        for holiday in self.holidays:
            if any(span.holds(minute) for span in holiday.on(day)):
                return holiday
            if any(span.holds(minute + MINUTES_A_DAY) for span in holiday.on(day - _DAY)):
                return holiday
        return None

    def _next_change(self, at: datetime) -> datetime | None:
        if not self.openings:
            return None
        is_open = self.is_open(at)
        start = at.astimezone(UTC)
        farthest = start + FARTHEST_CHANGE
        while start < farthest:
            end = start + _WINDOW
            for moment in sorted(moment for moment in self._candidates(start, end) if start < moment <= end):
                if self.is_open(moment) != is_open:
                    return moment.astimezone(self.zone)
            start = end
        return None

    def _candidates(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """All moments between these two at which it may open or close, in UTC, and some outside."""
        yield from _clock_changes(self.zone, start, end)
        day, last = start.astimezone(self.zone).date() - _DAY, end.astimezone(self.zone).date() + _DAY
        while day <= last:
            for minute in self._edges(day):
                wall = datetime.combine(day, time(minute // 60, minute % 60), self.zone)
                yield wall.astimezone(UTC)
                yield wall.replace(fold=1).astimezone(UTC)
            day += _DAY

    def _edges(self, day: date) -> set[int]:
        """The minutes of the day at which something begins or ends."""
        rules: tuple[Opening | Holiday, ...] = (*self.openings, *self.holidays)
        spans = (span for rule in rules for each in (day - _DAY, day) for span in rule.on(each))
        return {edge % MINUTES_A_DAY for span in spans for edge in (span.start, span.end)}


def _on_the_wall(local: datetime) -> tuple[date, int]:
    return local.date(), local.hour * 60 + local.minute


def _clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """When the zone's clocks are put forward or back between these two, to the second; no zone does so twice a day."""
    after, last = int(start.timestamp()), int(end.timestamp())
    while after < last:
        before, after = after, min(after + int(_DAY.total_seconds()), last)
        offset, low, high = _offset(zone, before), before, after
        if _offset(zone, high) == offset:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
        yield datetime.fromtimestamp(high, UTC)


def _offset(zone: ZoneInfo, timestamp: int) -> timedelta | None:
    return datetime.fromtimestamp(timestamp, zone).utcoffset()
