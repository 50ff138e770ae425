"""Opening times and holidays: what may be written, what it means, and what is said of a mistake."""

import pytest

from agi_router.routing.opening_times import Holiday, Opening, Span


@pytest.mark.parametrize(
    ("text", "days", "spans"),
    [
        ("mon-fri 09:00-17:00", {0, 1, 2, 3, 4}, [(540, 1020)]),
        ("Sat 9:30-13:00", {5}, [(570, 780)]),
        ("mon,wed , fri 09:00-17:00", {0, 2, 4}, [(540, 1020)]),
        ("sat-mon 00:00-24:00", {5, 6, 0}, [(0, 1440)]),
        ("monday - thurs, sun 09:00-12:00, 13:00 - 17:00", {0, 1, 2, 3, 6}, [(540, 720), (780, 1020)]),
        ("fri 22:00-02:00", {4}, [(1320, 1560)]),
        ("fri 22:00-00:00", {4}, [(1320, 1440)]),
    ],
)
def test_opening_times_are_days_and_times(text: str, days: set[int], spans: list[tuple[int, int]]) -> None:
    assert Opening.parse(text) == Opening(frozenset(days), tuple(Span(*span) for span in spans))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mon-fri", '"mon-fri" is not an opening time; write days and times, such as mon-fri 09:00-17:00'),
        ("mon-fri 9-17", '"mon-fri 9-17" is not an opening time; '),
        ("09:00-17:00", '"09:00-17:00" is not an opening time; '),
        ("mo-fr 09:00-17:00", '"mo" is not a day of the week; write mon, tue, wed, thu, fri, sat, sun'),
        ("mon-wed-fri 09:00-17:00", '"mon-wed-fri" has more than two ends; write mon-fri, or mon,wed,fri'),
        ("mon 09:00-24:30", '"24:30" is not a time of day; write 00:00 to 24:00'),
        ("mon 09:60-10:00", '"09:60" is not a time of day'),
        ("mon 00:00-00:00", "00:00-00:00 ends as it begins; write 00:00-24:00 for the whole day"),
        ("mon 24:00-02:00", "24:00-02:00 begins when the day is over; write 00:00 with the next day"),
    ],
)
def test_a_bad_opening_time_is_told_with_its_remedy(text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        Opening.parse(text)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "first", "last", "spans"),
    [
        ("2026-12-25", (2026, 12, 25), (2026, 12, 25), [(0, 1440)]),
        ("12-26", (12, 26), (12, 26), [(0, 1440)]),
        ("1-6", (1, 6), (1, 6), [(0, 1440)]),
        ("02-29", (2, 29), (2, 29), [(0, 1440)]),
        ("2026-12-24  12:00-24:00", (2026, 12, 24), (2026, 12, 24), [(720, 1440)]),
        ("12-31 18:00-02:00", (12, 31), (12, 31), [(1080, 1560)]),
        ("2026-12-24..2027-01-03", (2026, 12, 24), (2027, 1, 3), [(0, 1440)]),
        ("12-24 .. 01-06 12:00-13:00,15:00-16:00", (12, 24), (1, 6), [(720, 780), (900, 960)]),
    ],
)
def test_a_holiday_is_a_date_of_one_year_or_of_every_year_or_a_range(
    text: str, first: tuple[int, ...], last: tuple[int, ...], spans: list[tuple[int, int]]
) -> None:
    holiday = Holiday.parse(text)
    assert (holiday.first, holiday.last) == (first, last)
    assert holiday.spans == tuple(Span(*span) for span in spans)
    assert holiday.text == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Christmas", '"Christmas" is not a holiday; write 2026-12-25, 12-25 for every year, '),
        ("25.12.2026", '"25.12.2026" is not a holiday; '),
        ("12-25 noon", '"12-25 noon" is not a holiday; '),
        ("2026-02-29", '"2026-02-29" is not in the calendar; write year-month-day, or month-day'),
        ("25-12", '"25-12" is not in the calendar; '),
        ("2026-12-24..01-03", '"2026-12-24..01-03" has a year on one side only; '),
        ("2026-12-24..2026-12-20", '"2026-12-24..2026-12-20" ends before it begins; '),
        ("12-24 12:00-25:00", '"25:00" is not a time of day; '),
    ],
)
def test_a_bad_holiday_is_told_with_its_remedy(text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        Holiday.parse(text)
    assert str(raised.value).startswith(message)
