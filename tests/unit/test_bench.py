"""The measuring's pure parts: what is read, counted and searched for. Figures themselves are never tested."""

from collections.abc import Mapping

import pytest

from bench.marks import CallMarks, join_marks, read_marks
from bench.phases import PHASES, moments, phase_table
from bench.ramp import highest_rate, is_held
from bench.results import Goal, delay
from bench.stacks import Stack, by_self, by_total, library, listing
from bench.strangers import Measured, Side, table

CALLER_LOG = """\
1795228328.968100 sent +12122000001
2026-11-21\t02:32:09.020342\t1795228329.020342 answered +12122000001
2026-11-21\t02:32:10.023000\t1795228330.023000 ended +12122000001
"""
PHONE_LOG = """\
The following events occurred:
2026-11-21\t02:32:08.978600\t1795228328.978600 invite +12122000001
2026-11-21\t02:32:08.990000\t1795228328.990000 invite +12122000002
2026-11-21\t02:32:10.022000\t1795228330.022000 bye +12122000001
"""


def marks_of(*numbers: str) -> list[CallMarks]:
    return join_marks(numbers, read_marks(CALLER_LOG.splitlines()), read_marks(PHONE_LOG.splitlines()))


def test_post_dial_delay_is_from_the_callers_invite_to_the_phones() -> None:
    (call,) = marks_of("+12122000001")
    assert call.complete
    assert call.delay_ms == pytest.approx(10.5, abs=0.001)


def test_a_call_without_an_answer_or_a_bye_has_failed_and_tells_how_far_it_came() -> None:
    rung, lost = marks_of("+12122000002", "+12122000003")
    assert not rung.complete
    assert rung.reached == "invited"
    assert rung.delay_ms is None
    assert lost.reached == "nothing"


def test_a_repeated_mark_counts_by_its_first_moment() -> None:
    assert read_marks(["1.5 invite +1", "2.5 invite +1"]) == {"+1": {"invite": 1.5}}


def test_percentiles_of_a_hundred_delays() -> None:
    figures = delay([float(ms) for ms in range(101)], failed=3)
    assert (figures.median_ms, figures.p95_ms, figures.p99_ms) == (50.0, 95.0, 99.0)
    assert (figures.calls, figures.failed) == (101, 3)


def test_percentiles_of_one_delay_and_of_none() -> None:
    assert delay([7.0]).p99_ms == 7.0
    assert delay([], failed=5).median_ms == float("inf")


def test_strangers_are_told_by_the_calls_of_both_sides() -> None:
    without = Side([float(ms) for ms in range(101)])
    beside = Side([2.0 * ms for ms in range(101)], failed=1)
    assert (without.median_ms, without.p90_ms) == (50.0, 90.0)
    measured = Measured(without, beside, held=[2300, 2271])
    assert not measured.is_complete
    assert Measured(without, without, held=[2300]).is_complete
    told = table(measured, 2000, 300)
    assert [list(column.cells) for column in told.columns] == [
        ["calls, failed", "median, ms", "p90, ms"],
        ["101, 0", "50.0", "90.0"],
        ["102, 1", "100.0", "180.0"],
        ["", "2.00", "2.00"],
    ]
    assert "2,271" in str(told.caption)


@pytest.mark.parametrize("true_limit", [7, 80, 119, 120, 121, 233, 599, 600])
async def test_the_highest_rate_is_found_from_below_and_from_above(true_limit: int) -> None:
    asked: list[int] = []

    async def holds(rate: int) -> bool:
        asked.append(rate)
        return rate <= true_limit

    found = await highest_rate(holds, start=120, limit=600, precision=0.05)
    assert found <= true_limit
    assert true_limit - found <= max(1, 0.05 * true_limit + 1) or true_limit < 120 // 10
    assert max(asked) <= 600
    assert len(asked) == len(set(asked))


async def test_a_rate_that_never_holds_ends_the_search_with_nothing() -> None:
    async def holds(rate: int) -> bool:
        return False

    assert await highest_rate(holds, start=120, limit=600, precision=0.05) == 0


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({}, True),
        ({"failed": 1}, True),
        ({"failed": 2}, False),
        ({"placed_rate": 90.0}, False),
        ({"backlog_ms": 251.0}, False),
    ],
)
def test_a_rate_is_held_with_few_failures_at_full_pace_and_without_a_queue(
    change: Mapping[str, float], held: bool
) -> None:
    figures = {"calls": 1000, "failed": 0, "rate": 100, "placed_rate": 99.9, "backlog_ms": 12.0} | dict(change)
    assert is_held(**figures) is held  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "met"),
    [(1.1, True), (1.104, True), (1.106, False)],
)
def test_a_goal_is_judged_by_the_figure_that_is_printed(value: float, met: bool) -> None:
    assert Goal(name="ratio", value=value, at_most=1.1).met is met


def test_a_goal_may_be_a_lower_bound() -> None:
    assert Goal(name="rate", value=0.7, at_least=0.67).met
    assert not Goal(name="rate", value=0.5, at_least=0.67).met


STACKS = [
    Stack.read("run (asyncio/runners.py:160);send (site-packages/aiohttp/client.py:12);write (asyncio/streams.py:3) 6"),
    Stack.read("run (asyncio/runners.py:160);loads (json/decoder.py:3) 3"),
    Stack.read("run (asyncio/runners.py:160);run (asyncio/runners.py:160) 1"),
]


def test_time_is_counted_once_for_every_function_on_the_stack() -> None:
    assert by_total(STACKS)["run (asyncio/runners.py:160)"] == 10
    assert by_total(STACKS, library) == {"asyncio": 10, "aiohttp": 6, "json": 3}


def test_time_of_its_own_belongs_to_the_innermost_function() -> None:
    assert by_self(STACKS, library) == {"asyncio": 7, "json": 3}


def test_a_listing_tells_shares_as_time_per_call() -> None:
    text = listing("By library", by_self(STACKS, library), 10, ms_per_call=5.0, rows=1)
    assert text.splitlines()[2].split() == ["70.0%", "3.500", "asyncio"]


def test_a_phase_lies_between_two_moments_of_a_call() -> None:
    (call,) = marks_of("+12122000001")
    known = moments(call, [])
    table = phase_table([known, known])
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [["10.50", "10.50"]]
    assert "all: the post-dial delay" in table
    assert len(PHASES) == 8
