"""The circuit breaker, stepped through by hand and, by hypothesis, compared with a plain model of it."""

import logging
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from agi_router.lookup.breaker import (
    LONGEST_PAUSE_S,
    Breaker,
    BreakerLimits,
    BreakerState,
    Closed,
    HalfOpen,
    Open,
    Trial,
)
from agi_router.routing.errors import Failure, RoutingError

SLOW = Failure("api_timeout", "api.example.com gave no complete answer within 3 s", "make the API faster")
LIMITS = BreakerLimits(failures=3, open_s=10)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("https://api.example.com", LIMITS, clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with breaker.trial() as trial:
            trial.failed(SLOW)


def answer(breaker: Breaker) -> None:
    with breaker.trial() as trial:
        trial.answered()


def state(breaker: Breaker) -> BreakerState:
    """A function, since the type checker does not see that a method changes it."""
    return breaker.state


def refusal(breaker: Breaker) -> Failure:
    with pytest.raises(RoutingError) as refused, breaker.trial():
        pytest.fail("it was let through")
    return refused.value.failure


def test_failures_in_a_row_open_it_and_an_answer_between_them_starts_the_row_anew(breaker: Breaker) -> None:
    fail(breaker, 2)
    answer(breaker)
    fail(breaker, 2)
    assert state(breaker) == Closed(2)
    fail(breaker)
    assert isinstance(breaker.state, Open)
    assert refusal(breaker).code == "breaker_open"


def test_a_refusal_says_since_when_why_and_when_it_is_asked_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 4
    told = refusal(breaker)
    since, until = datetime.now(UTC) - timedelta(seconds=4), datetime.now(UTC) + timedelta(seconds=6)
    assert "https://api.example.com was not asked" in told.message
    assert re.sub(r"\d{4}-.*UTC", "TIME", told.message).endswith(
        f"failing since TIME, at last because {SLOW.message} [api_timeout]"
    )
    assert abs(said(r"since (.*) UTC", told.message, "%Y-%m-%d %H:%M:%S") - since) < timedelta(seconds=2)
    assert told.remedy.startswith(f"{SLOW.remedy}; ")
    again = said(r"after (.*) UTC", told.remedy, "%H:%M:%S")
    assert (until - again).seconds < 2


def said(pattern: str, text: str, form: str) -> datetime:
    """The moment that the text names."""
    found = re.search(pattern, text)
    assert found is not None
    return datetime.strptime(found[1], form).replace(tzinfo=UTC)


def test_after_the_pause_one_lookup_is_let_through_and_its_answer_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 9.9
    refusal(breaker)
    clock.now += 0.1
    with breaker.trial() as probe:
        assert isinstance(breaker.state, HalfOpen)
        assert "one call is asking it" in refusal(breaker).remedy
        probe.answered()
        assert state(breaker) == Closed()
    answer(breaker)


def test_a_failed_probe_doubles_the_pause_up_to_a_bound(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    pauses = []
    for _ in range(5):
        assert isinstance(breaker.state, Open)
        assert breaker.state.since == 1000.0
        pauses.append(breaker.state.pause_s)
        clock.now = breaker.state.until
        fail(breaker)
    assert pauses == [10, 20, 40, 60, 60]


def test_a_probe_that_is_told_when_to_come_again_waits_so_long_and_the_next_pause_doubles_as_ever(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    waits = []
    for again_in_s in (45.0, 5.0, 3600.0):
        assert isinstance(breaker.state, Open)
        clock.now = breaker.state.until
        with breaker.trial() as trial:
            trial.failed(SLOW, again_in_s)
        assert isinstance(breaker.state, Open)
        waits.append(breaker.state.until - clock.now)
    assert waits == [45, 40, 60]


def test_a_pause_configured_longer_than_the_bound_is_kept(clock: Clock) -> None:
    breaker = Breaker("x", BreakerLimits(failures=1, open_s=300), clock)
    fail(breaker)
    clock.now += 300
    fail(breaker)
    assert isinstance(breaker.state, Open)
    assert breaker.state.pause_s == 300


def test_a_probe_whose_caller_hangs_up_leaves_its_turn_to_the_next_lookup(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    with pytest.raises(KeyboardInterrupt), breaker.trial():
        raise KeyboardInterrupt
    assert isinstance(breaker.state, Open)
    answer(breaker)
    assert state(breaker) == Closed()


def test_a_lookup_that_ends_late_has_no_say_in_what_came_after_it(breaker: Breaker, clock: Clock) -> None:
    with breaker.trial() as failing_late, breaker.trial() as answered_late:
        fail(breaker, 3)
        opened = breaker.state
        answered_late.answered()
        assert state(breaker) == opened
        clock.now += 10
        answer(breaker)
        failing_late.failed(SLOW)
        assert state(breaker) == Closed()


def test_new_limits_hold_for_what_comes_and_take_nothing_back(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    opened = breaker.state
    breaker.limits = BreakerLimits(failures=1, open_s=1)
    assert state(breaker) == opened
    clock.now += 10
    answer(breaker)
    fail(breaker)
    assert isinstance(breaker.state, Open)
    assert breaker.state.pause_s == 1


def test_it_logs_its_changes_and_warns_only_of_the_first(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        fail(breaker, 3)
        clock.now += 10
        fail(breaker)
        clock.now += 20
        answer(breaker)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [f"https://api.example.com is not asked for 10 s: {SLOW.message} [api_timeout]"]
    assert caplog.records[-1].getMessage() == "https://api.example.com answers again"


@dataclass
class Model:
    """What the breaker is meant to do, in the fewest words."""

    row: int = 0
    open_until: float | None = None
    pause_s: float = LIMITS.open_s
    probe: "Lookup | None" = None
    round: int = 0

    def lets_through(self, now: float) -> bool:
        return self.open_until is None or (self.probe is None and now >= self.open_until)


@dataclass(eq=False)
class Lookup:
    inside: AbstractContextManager[Trial]
    trial: Trial
    round: int


class BreakerMachine(RuleBasedStateMachine):
    """Lookups begin, end and vanish in any order, while time goes by."""

    lookups: Bundle[Lookup | None] = Bundle("lookups")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker("https://api.example.com", LIMITS, self.clock)
        self.model = Model()
        self.in_progress: list[Lookup] = []

    @rule(target=lookups)
    def begin(self) -> Lookup | None:
        expected = self.model.lets_through(self.clock.now)
        inside = self.breaker.trial()
        try:
            trial = inside.__enter__()
        except RoutingError as refused:
            assert refused.failure.code == "breaker_open"
            assert not expected
            return None
        assert expected
        lookup = Lookup(inside, trial, self.model.round)
        if self.model.open_until is not None:
            self.model.round += 1
            lookup.round = self.model.round
            self.model.probe = lookup
        self.in_progress.append(lookup)
        return lookup

    @rule(seconds=st.sampled_from([0.5, 5, 10, 20, 40, 60]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(lookup=consumes(lookups))
    def answer(self, lookup: Lookup | None) -> None:
        if lookup is None:
            return
        if lookup.round == self.model.round:
            closes = self.model.probe is lookup
            self.model = Model(round=self.model.round + closes)
        lookup.trial.answered()
        self._end(lookup)

    @rule(lookup=consumes(lookups))
    def fail(self, lookup: Lookup | None) -> None:
        if lookup is None:
            return
        model = self.model
        if lookup.round == model.round:
            model.row += 1
            if model.probe is lookup:
                model.pause_s = min(2 * model.pause_s, LONGEST_PAUSE_S)
                model.probe = None
                self._open()
            elif model.row == LIMITS.failures:
                self._open()
        lookup.trial.failed(SLOW)
        self._end(lookup)

    @rule(lookup=consumes(lookups))
    def hang_up(self, lookup: Lookup | None) -> None:
        if lookup is None:
            return
        if self.model.probe is lookup:
            self.model.probe = None
            self.model.open_until = self.clock.now
            self.model.round += 1
        self._end(lookup)

    def _open(self) -> None:
        self.model.open_until = self.clock.now + self.model.pause_s
        self.model.round += 1

    def _end(self, lookup: Lookup) -> None:
        lookup.inside.__exit__(None, None, None)
        self.in_progress.remove(lookup)

    @invariant()
    def it_lets_through_what_the_model_does(self) -> None:
        try:
            self.breaker.check()
        except RoutingError:
            assert not self.model.lets_through(self.clock.now)
        else:
            assert self.model.lets_through(self.clock.now)

    @invariant()
    def it_is_half_open_exactly_while_one_probe_is_on_its_way(self) -> None:
        assert isinstance(self.breaker.state, HalfOpen) == (self.model.probe in self.in_progress)

    @precondition(lambda self: not isinstance(self.breaker.state, HalfOpen))
    @invariant()
    def it_is_never_closed_for_longer_than_the_bound(self) -> None:
        if isinstance(self.breaker.state, Open):
            assert self.breaker.state.until <= self.clock.now + LONGEST_PAUSE_S

    def teardown(self) -> None:
        """However it stands, it comes back: all callers hang up, the longest pause goes by, one answer closes it."""
        for lookup in list(self.in_progress):
            self.hang_up(lookup)
        self.clock.now += LONGEST_PAUSE_S
        answer(self.breaker)
        assert self.breaker.state == Closed()


TestBreakerAgainstItsModel = BreakerMachine.TestCase
