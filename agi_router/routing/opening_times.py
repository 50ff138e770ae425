"""Opening times and holidays as people write them: `mon-fri 09:00-17:00`, `2026-12-24 12:00-24:00`, `12-25`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

MINUTES_A_DAY = 24 * 60

_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = r"\d{1,2}:\d{2}"
_SPANS = rf"{_TIME}\s*-\s*{_TIME}(?:\s*,\s*{_TIME}\s*-\s*{_TIME})*"
_DATE = r"(?:\d{4}-)?\d{1,2}-\d{1,2}"
_OPENING = re.compile(rf"(?P<days>[a-z]+(?:\s*[-,]\s*[a-z]+)*)\s+(?P<spans>{_SPANS})")
_HOLIDAY = re.compile(rf"(?P<first>{_DATE})(?:\s*\.\.\s*(?P<last>{_DATE}))?(?:\s+(?P<spans>{_SPANS}))?")
_LEAP_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes from the midnight at which a day begins, by the clock on the wall; `end`, up to 2880, is not included.

    What lies at 1440 or later belongs to the night after the day.
    """

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether this minute lies in it."""
        return self.start <= minute < self.end


WHOLE_DAY = Span(0, MINUTES_A_DAY)


@dataclass(frozen=True, slots=True)
class Opening:
    """When it is open on some days of every week; Monday is 0."""

    days: frozenset[int]
    spans: tuple[Span, ...]

    @classmethod
    def parse(cls, text: str) -> "Opening":
        """Read `mon-fri 09:00-12:00, 13:00-17:00`, `sat,sun 10:00-13:00` or, past midnight, `fri 22:00-02:00`.

        Raises ValueError with what is wrong and how it is written.
        """
        found = _OPENING.fullmatch(text.strip().lower())
        if found is None:
            raise ValueError(f'"{text}" is not an opening time; write days and times, such as mon-fri 09:00-17:00')
        return cls(_days(found["days"]), _spans(found["spans"]))

    def on(self, day: date) -> tuple[Span, ...]:
        """The spans that begin on this day."""
        return self.spans if day.weekday() in self.days else ()


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day, or each day from `first` to `last`, on which it is closed, or a part of such a day.

    Both are (year, month, day), or (month, day) of every year; those may go over the turn of the year. `text` is how
    it was written.
    """

    text: str
    first: tuple[int, ...]
    last: tuple[int, ...]
    spans: tuple[Span, ...] = (WHOLE_DAY,)

    @classmethod
    def parse(cls, text: str) -> "Holiday":
        """Read `2026-12-25`, every year's `12-26`, `2026-12-24 12:00-24:00` or `2026-12-24..2027-01-03`.

        Raises ValueError with what is wrong and how it is written.
        """
        found = _HOLIDAY.fullmatch(text.strip())
        if found is None:
            raise ValueError(
                f'"{text}" is not a holiday; write 2026-12-25, 12-25 for every year, 2026-12-24 12:00-24:00 for '
                "a part of the day, or 2026-12-24..2027-01-03"
            )
        first = _date(found["first"])
        last = _date(found["last"]) if found["last"] else first
        if len(first) != len(last):
            raise ValueError(f'"{text}" has a year on one side only; write it on both sides, or on neither')
        if last < first and len(first) == 3:
            raise ValueError(f'"{text}" ends before it begins; write the earlier date first')
        return cls(" ".join(text.split()), first, last, _spans(found["spans"]) if found["spans"] else (WHOLE_DAY,))

    def on(self, day: date) -> tuple[Span, ...]:
        """The spans that begin on this day."""
        here = (day.year, day.month, day.day)[-len(self.first) :]
        if self.first <= self.last:
            return self.spans if self.first <= here <= self.last else ()
        return self.spans if here >= self.first or here <= self.last else ()


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in re.split(r"\s*,\s*", text):
        first, *rest = (_day(word) for word in re.split(r"\s*-\s*", part))
        if len(rest) > 1:
            raise ValueError(f'"{part}" has more than two ends; write mon-fri, or mon,wed,fri')
        last = rest[0] if rest else first
        days |= {(first + offset) % 7 for offset in range((last - first) % 7 + 1)}
    return frozenset(days)


def _day(word: str) -> int:
    for number, name in enumerate(_DAY_NAMES):
        if len(word) >= 3 and name.startswith(word):
            return number
    raise ValueError(f'"{word}" is not a day of the week; write {", ".join(name[:3] for name in _DAY_NAMES)}')


def _spans(text: str) -> tuple[Span, ...]:
    return tuple(_span(*re.findall(_TIME, each)) for each in text.split(","))


def _span(first: str, last: str) -> Span:
    start, end = _minute(first), _minute(last)
    if start == end:
        raise ValueError(f"{first}-{last} ends as it begins; write 00:00-24:00 for the whole day")
    if start == MINUTES_A_DAY:
        raise ValueError(f"{first}-{last} begins when the day is over; write 00:00 with the next day")
    return Span(start, end if end > start else end + MINUTES_A_DAY)


def _minute(text: str) -> int:
    hour, minute = map(int, text.split(":"))
    if minute > 59 or hour * 60 + minute > MINUTES_A_DAY:
        raise ValueError(f'"{text}" is not a time of day; write 00:00 to 24:00')
    return hour * 60 + minute


def _date(text: str) -> tuple[int, ...]:
    written = tuple(map(int, text.split("-")))
    try:
        date(*_with_year(written))
    except ValueError:
        raise ValueError(f'"{text}" is not in the calendar; write year-month-day, or month-day') from None
    return written


def _with_year(written: Sequence[int]) -> tuple[int, int, int]:
    year, month, day = (_LEAP_YEAR, *written)[-3:]
    return year, month, day
