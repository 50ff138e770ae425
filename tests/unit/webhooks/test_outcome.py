"""What an answer of a receiver means, and what is kept of it."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.webhooks.outcome import LONGEST_TEXT, Verdict, of_answer, one_line, retry_after

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    outcome = of_answer(status, {}, b"", NOW)
    assert (outcome.verdict, outcome.error) == (Verdict.DELIVERED, "")


@given(st.integers(100, 999).filter(lambda status: not 200 <= status < 300 and status != 410))
def test_anything_else_is_a_failure_with_a_reason(status: int) -> None:
    outcome = of_answer(status, {}, b"", NOW)
    assert outcome.verdict is Verdict.FAILED
    assert str(status) in outcome.error


def test_410_says_that_nothing_more_is_wanted() -> None:
    assert of_answer(410, {"Retry-After": "5"}, b"", NOW).verdict is Verdict.GONE


@pytest.mark.parametrize(
    ("given_value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("9" * 4000, 999_999_999),
        ("Sun, 01 Mar 2026 09:31:00 GMT", 60),
        ("Sun, 01 Mar 2026 09:31:00", 60),
        ("Sun, 01 Mar 2026 09:00:00 GMT", 0),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(given_value: str, seconds: int) -> None:
    assert retry_after({"Retry-After": given_value}, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "given_value", ["", "soon", "-5", "1.5", "٣", "Sun, 99 Mar 2026", "Sun, 01 Mar 99999 09:00:00"]
)
def test_a_wait_that_cannot_be_understood_is_none(given_value: str) -> None:
    assert retry_after({"Retry-After": given_value}, NOW) is None


@given(st.text())
def test_no_retry_after_breaks_anything(given_value: str) -> None:
    wait = retry_after({"Retry-After": given_value}, NOW)
    assert wait is None or wait >= timedelta()


@given(st.binary(max_size=3000))
def test_what_is_kept_of_an_answer_is_short_and_on_one_line(body: bytes) -> None:
    kept = of_answer(500, {}, body, NOW).answer
    assert len(kept) <= LONGEST_TEXT
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in kept)


def test_words_of_an_answer_stay_words() -> None:
    assert one_line("  no\r\nsuch\x1b[31m\thook\x00 ") == "no such [31m hook"
