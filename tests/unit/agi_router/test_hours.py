"""Business hours against the clock on the wall, painted minute by minute, on the days on which clocks change too."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agi_router.routing.hours import Calendar, Closed, Open
from agi_router.routing.opening_times import Holiday, Opening

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OFFICE = ("mon-fri 09:00-17:00", "sat 10:00-13:00", "fri 22:00-02:00")
# When the clocks of a zone change, in UTC: by an hour and by half of one, at midnight, and once by a whole day.
CLOCK_CHANGES = (
    ("Europe/Berlin", "2026-03-29 01:00"),
    ("Europe/Berlin", "2026-10-25 01:00"),
    ("America/New_York", "2026-03-08 07:00"),
    ("America/New_York", "2026-11-01 06:00"),
    ("Australia/Lord_Howe", "2026-04-04 15:00"),
    ("Australia/Lord_Howe", "2026-10-03 15:30"),
    ("America/Havana", "2026-03-08 05:00"),
    ("America/Havana", "2026-11-01 05:00"),
    ("Asia/Beirut", "2026-03-28 22:00"),
    ("Pacific/Apia", "2011-12-30 10:00"),
    ("Asia/Kathmandu", "2026-12-31 18:15"),
    ("UTC", "2028-02-29 12:00"),
)


def calendar(
    openings: tuple[str, ...] = OFFICE, holidays: tuple[str, ...] = (), zone: str = "Europe/Berlin"
) -> Calendar:
    return Calendar(
        name="office",
        zone=ZoneInfo(zone),
        openings=tuple(map(Opening.parse, openings)),
        holidays=tuple(map(Holiday.parse, holidays)),
    )


def in_berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"), fold=fold)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-20 08:59:59", False),  # a Friday
        ("2026-11-20 09:00", True),
        ("2026-11-20 16:59:59.999999", True),
        ("2026-11-20 17:00", False),
        ("2026-11-20 22:00", True),
        ("2026-11-21 01:59", True),
        ("2026-11-21 02:00", False),
        ("2026-11-21 10:00", True),
        ("2026-11-22 00:30", False),
    ],
)
def test_it_is_open_from_the_first_minute_to_before_the_last(at: str, is_open: bool) -> None:
    assert calendar().is_open(in_berlin(at)) is is_open


def test_the_zone_of_the_calendar_decides_and_not_that_of_the_moment() -> None:
    assert calendar().is_open(datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    assert not calendar().is_open(datetime(2026, 11, 20, 16, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("holiday", "at", "is_open"),
    [
        ("2026-11-20", "2026-11-20 12:00", False),
        ("2025-11-20", "2026-11-20 12:00", True),
        ("11-20", "2027-11-20 11:00", False),
        ("2026-11-20 12:00-24:00", "2026-11-20 11:59", True),
        ("2026-11-20 12:00-24:00", "2026-11-20 12:00", False),
        ("2026-11-20 08:00-12:00", "2026-11-20 12:00", True),  # it opens late
        ("2026-11-20 08:00-12:00", "2026-11-21 01:00", True),
        ("2026-11-20", "2026-11-21 01:00", False),  # nobody comes in at midnight
        ("2026-11-20 23:00-24:00", "2026-11-21 01:00", False),
        ("2026-11-21", "2026-11-20 23:59", True),
        ("2026-11-21", "2026-11-21 00:00", False),  # it sends home whoever began before it
        ("2026-11-20 23:00-01:00", "2026-11-21 00:30", False),
        ("2026-11-19..2026-11-21", "2026-11-20 12:00", False),
        ("2026-11-19..2026-11-21 12:00-13:00", "2026-11-20 12:30", False),
        ("2026-11-19..2026-11-21 12:00-13:00", "2026-11-20 13:00", True),
        ("12-24..01-06", "2027-01-06 12:00", False),
        ("12-24..01-06", "2027-01-07 12:00", True),
        ("02-29", "2028-02-29 12:00", False),
    ],
)
def test_a_holiday_closes_its_day_or_its_part_and_the_night_that_it_would_have_begun(
    holiday: str, at: str, is_open: bool
) -> None:
    assert calendar(holidays=(holiday,)).is_open(in_berlin(at)) is is_open


def test_the_state_tells_why_it_is_closed_and_when_it_opens() -> None:
    office = calendar(holidays=("2026-12-24 12:00-24:00", "12-25", "2026-12-26"))
    at = in_berlin("2026-12-25 10:00")
    assert office.state(at.astimezone(UTC)) == Closed(
        calendar="office",
        zone="Europe/Berlin",
        local=at,
        holiday="12-25",
        opens=in_berlin("2026-12-28 09:00"),
    )
    assert office.state(in_berlin("2026-12-24 10:00")) == Open(in_berlin("2026-12-24 12:00"))
    assert office.state(in_berlin("2026-12-23 20:00")) == Closed(
        calendar="office",
        zone="Europe/Berlin",
        local=in_berlin("2026-12-23 20:00"),
        holiday=None,
        opens=in_berlin("2026-12-24 09:00"),
    )


def test_a_night_that_did_not_begin_tells_the_holiday_before_it() -> None:
    state = calendar(holidays=("2026-11-20",)).state(in_berlin("2026-11-21 01:00"))
    assert isinstance(state, Closed)
    assert (state.holiday, state.opens) == ("2026-11-20", in_berlin("2026-11-21 10:00"))


@pytest.mark.parametrize(
    ("openings", "holidays"), [((), ()), (OFFICE, ("01-01..12-31",)), (OFFICE, ("2026-01-01..2028-01-01",))]
)
def test_what_does_not_open_within_400_days_never_opens(openings: tuple[str, ...], holidays: tuple[str, ...]) -> None:
    state = calendar(openings, holidays).state(in_berlin("2026-11-20 12:00"))
    assert isinstance(state, Closed)
    assert state.opens is None


def test_what_is_always_open_never_closes_but_for_a_holiday_far_away() -> None:
    always = ("mon-sun 00:00-24:00",)
    assert calendar(always).state(in_berlin("2026-11-20 12:00")) == Open(None)
    assert calendar(always, ("11-19",)).state(in_berlin("2026-11-20 12:00")) == Open(in_berlin("2027-11-19 00:00"))


def test_an_opening_in_the_hour_that_is_left_out_is_left_out_too() -> None:
    night = calendar(("sun 02:00-03:00",))
    state = night.state(in_berlin("2026-03-29 01:59"))
    assert isinstance(state, Closed)
    assert state.opens == in_berlin("2026-04-05 02:00")


def test_it_closes_when_the_clock_jumps_over_its_last_minute() -> None:
    state = calendar(("sun 01:00-02:30",)).state(in_berlin("2026-03-29 01:30"))
    assert state == Open(in_berlin("2026-03-29 03:00"))


def test_an_opening_in_the_hour_that_comes_twice_comes_twice() -> None:
    night = calendar(("sun 02:00-02:30",))
    assert night.state(in_berlin("2026-10-25 02:10")) == Open(in_berlin("2026-10-25 02:30"))
    between = night.state(in_berlin("2026-10-25 02:40"))
    assert isinstance(between, Closed)
    assert between.opens is not None
    assert (between.opens.isoformat(), between.opens.fold) == ("2026-10-25T02:00:00+01:00", 1)
    again = night.state(in_berlin("2026-10-25 02:10", fold=1))
    assert isinstance(again, Open)
    assert again.until is not None
    assert again.until.astimezone(UTC) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


# --- against a plain model -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that begins on some days and lasts from one minute of them to another: as text, and plainly."""

    text: str
    days: frozenset[date]
    start: int
    end: int


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def week_around(middle: date) -> list[date]:
    return [middle + timedelta(days=offset) for offset in range(-4, 5)]


@st.composite
def spans(draw: st.DrawFn) -> tuple[str, int, int]:
    start = draw(st.integers(0, 1439))
    end = draw(st.integers(0, 1440).filter(lambda end: end != start))
    return f"{clock(start)}-{clock(end)}", start, end if end > start else end + 1440


@st.composite
def openings(draw: st.DrawFn, middle: date) -> Rule:
    first, last = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    weekdays = {first, last}
    day = first
    while day != last:
        day = (day + 1) % 7
        weekdays.add(day)
    text, start, end = draw(spans())
    days = frozenset(day for day in week_around(middle) if day.weekday() in weekdays)
    return Rule(f"{DAYS[first]}-{DAYS[last]} {text}", days, start, end)


@st.composite
def holidays(draw: st.DrawFn, middle: date) -> Rule:
    week = week_around(middle)
    first = draw(st.integers(0, len(week) - 1))
    last = draw(st.integers(first, min(first + 2, len(week) - 1)))
    form = draw(st.sampled_from(["%Y-%m-%d", "%m-%d"]))
    text, start, end = draw(spans() | st.just(("", 0, 1440)))
    days = f"{week[first]:{form}}" + (f"..{week[last]:{form}}" if last > first else "")
    return Rule(f"{days} {text}".strip(), frozenset(week[first : last + 1]), start, end)


def open_minutes(openings: list[Rule], holidays: list[Rule]) -> set[datetime]:
    """The minutes on the wall on which it is open, painted one by one."""
    closed = {wall(day, minute) for rule in holidays for day in rule.days for minute in range(rule.start, rule.end)}
    painted = {
        wall(day, minute)
        for rule in openings
        for day in rule.days
        for minute in range(rule.start, rule.end)
        if minute < 1440 or wall(day, 1439) not in closed
    }
    return painted - closed


def wall(day: date, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - a clock has no zone


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_hours_in_any_zone_are_what_the_painted_wall_says(data: st.DataObject) -> None:
    zone, changes = data.draw(st.sampled_from(CLOCK_CHANGES))
    change = datetime.fromisoformat(changes).replace(tzinfo=UTC)
    middle = change.astimezone(ZoneInfo(zone)).date()
    weekly = data.draw(st.lists(openings(middle), max_size=3))
    off = data.draw(st.lists(holidays(middle), max_size=2))
    made = calendar(tuple(rule.text for rule in weekly), tuple(rule.text for rule in off), zone)
    painted = open_minutes(weekly, off)

    def is_open(at: datetime) -> bool:
        return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0, second=0, microsecond=0) in painted

    at = change + data.draw(st.timedeltas(timedelta(days=-1.5), timedelta(days=1.5)))
    assert made.is_open(at) is is_open(at)

    state = made.state(at)
    told = state.until if isinstance(state, Open) else state.opens
    minute = at.replace(second=0, microsecond=0)
    walk = (minute + timedelta(minutes=ahead) for ahead in range(1, 24 * 60))
    changed = next((moment for moment in walk if is_open(moment) is not is_open(at)), None)
    if changed is None:
        assert told is None or told >= minute + timedelta(days=1)
    else:
        assert told is not None
        assert told.astimezone(UTC) == changed
