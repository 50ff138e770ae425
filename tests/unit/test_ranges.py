"""The header Range, by RFC 9110, section 14."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.web.ranges import ByteRange, NotSatisfiableError, range_of

SIZES = st.integers(min_value=0, max_value=10_000)
NUMBERS = st.integers(min_value=0, max_value=20_000)


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, 99),
        ("bytes=10-19", 10, 19),
        ("bytes=10-100", 10, 99),
        ("bytes=99-99", 99, 99),
        ("bytes=-1", 99, 99),
        ("bytes=-1000", 0, 99),
        ("BYTES=10-19", 10, 19),
        ("bytes= 10-19 ", 10, 19),
        ("bytes=0010-0019", 10, 19),
        (f"bytes=0-{'9' * 5000}", 0, 99),
        (f"bytes=-{'9' * 5000}", 0, 99),
    ],
)
def test_a_range_is_read(header: str, first: int, last: int) -> None:
    assert range_of(header, 100) == ByteRange(first, last)


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes=\u0661-\u0662"],
)
def test_what_is_no_single_range_of_bytes_asks_for_all(header: str) -> None:
    assert range_of(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={'9' * 5000}-"])
def test_a_range_behind_the_end_has_nothing(header: str) -> None:
    with pytest.raises(NotSatisfiableError):
        range_of(header, 100)


@given(SIZES, NUMBERS, st.none() | NUMBERS)
def test_a_range_from_a_byte_on_is_what_a_slice_takes(size: int, first: int, last: int | None) -> None:
    numbers = range(size)
    asked = f"bytes={first}-{'' if last is None else last}"
    if last is not None and last < first:
        assert range_of(asked, size) is None
        return
    taken = numbers[first : None if last is None else last + 1]
    if not taken:
        with pytest.raises(NotSatisfiableError):
            range_of(asked, size)
        return
    found = range_of(asked, size)
    assert found == ByteRange(taken[0], taken[-1])
    assert found.length == len(taken)


@given(SIZES, NUMBERS)
def test_a_range_of_the_last_bytes_is_what_a_slice_takes(size: int, length: int) -> None:
    taken = range(size)[max(0, size - length) :] if length else range(0)
    if not taken:
        with pytest.raises(NotSatisfiableError):
            range_of(f"bytes=-{length}", size)
    else:
        assert range_of(f"bytes=-{length}", size) == ByteRange(taken[0], taken[-1])


@given(st.text() | st.from_regex(r"bytes=[0-9,\- ]{0,20}", fullmatch=True), SIZES)
def test_whatever_is_written_leads_to_a_part_of_the_file_or_to_all(header: str, size: int) -> None:
    try:
        found = range_of(header, size)
    except NotSatisfiableError:
        return
    assert found is None or 0 <= found.first <= found.last < size
