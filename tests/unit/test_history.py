"""Periods and pages of the history: inclusive dates in a zone, days with 23 and 25 hours, and what is no question."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.domain.history import HistoryError, Paging, Period, period_of

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    [
        BERLIN,
        ZoneInfo("America/Havana"),  # its clocks change at midnight: there are days without one, and days with two
        ZoneInfo("America/Sao_Paulo"),
        ZoneInfo("Pacific/Apia"),  # it has left out a day
        ZoneInfo("Asia/Kathmandu"),
        UTC,
    ]
)
DAYS = st.dates(date(2005, 1, 1), date(2030, 12, 31))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("day", "since", "before"),
    [
        (date(2026, 1, 15), "2026-01-14T23:00Z", "2026-01-15T23:00Z"),
        (date(2026, 3, 29), "2026-03-28T23:00Z", "2026-03-29T22:00Z"),  # 23 hours
        (date(2026, 10, 25), "2026-10-24T22:00Z", "2026-10-25T23:00Z"),  # 25 hours
    ],
)
def test_a_date_is_the_whole_day_of_its_zone(day: date, since: str, before: str) -> None:
    assert period_of(day, day, BERLIN) == Period(moment(since), moment(before))


def test_a_moment_is_inclusive_and_without_a_zone_it_is_in_the_one_that_is_stated() -> None:
    period = period_of(datetime(2026, 1, 15, 9), moment("2026-01-15T10:00:00+00:00"), BERLIN)  # noqa: DTZ001
    assert period == Period(moment("2026-01-15T08:00Z"), moment("2026-01-15T10:00:00.000001Z"))


def test_an_open_end_has_no_bound() -> None:
    assert period_of(None, None, UTC) == Period(None, None)


def test_a_period_that_ends_before_it_begins_is_told() -> None:
    with pytest.raises(HistoryError, match="before it begins") as refused:
        period_of(date(2026, 1, 2), date(2026, 1, 1), UTC)
    assert refused.value.code == "bad_period"


@given(ZONES, DAYS, st.integers(0, 40), st.datetimes(datetime(2005, 1, 1), datetime(2030, 12, 31)))  # noqa: DTZ001
def test_a_moment_is_in_a_period_of_dates_when_its_local_date_is(
    zone: tzinfo, first: date, days: int, utc: datetime
) -> None:
    last = first + timedelta(days=days)
    period = period_of(first, last, zone)
    happened = utc.replace(tzinfo=UTC)
    assert period.since is not None
    assert period.before is not None
    assert (period.since <= happened < period.before) == (first <= happened.astimezone(zone).date() <= last)


@given(st.dates(), st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))]))
def test_any_date_at_all_makes_a_period(day: date, zone: tzinfo) -> None:
    period = period_of(day, day, zone)
    assert period.since is not None
    assert period.before is not None
    assert period.since <= period.before


@pytest.mark.parametrize("paging", [{"limit": 0}, {"limit": 10_001}, {"offset": -1}, {"offset": 1, "cursor": "x"}])
def test_a_page_that_cannot_be_is_told(paging: dict[str, int | str]) -> None:
    with pytest.raises(HistoryError) as refused:
        Paging(**paging)  # type: ignore[arg-type]
    assert refused.value.code == "bad_paging"
    assert refused.value.remedy
