"""When a delivery is tried again, and how a receiver that fails is spared."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ari_app.lanes.health import Health, Pauses
from ari_app.lanes.schedule import LONGEST_WAIT, Schedule

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
CHANCES = st.floats(min_value=0, max_value=1)
WAITS = st.none() | st.timedeltas(min_value=timedelta(), max_value=timedelta(days=999))


def test_ten_attempts_are_made_within_about_75_hours() -> None:
    schedule = Schedule()
    waits = [schedule.wait_after(attempts, 0) for attempts in range(1, 12)]
    made = [wait for wait in waits if wait is not None]
    assert (len(made), waits[9:]) == (9, [None, None])
    assert sum(made, timedelta()) == schedule.span == timedelta(hours=75, minutes=35, seconds=5)


@given(attempts=st.integers(1, 9), chance=CHANCES)
def test_jitter_adds_up_to_a_tenth_and_takes_nothing_away(attempts: int, chance: float) -> None:
    schedule = Schedule()
    planned, wait = schedule.waits[attempts - 1], schedule.wait_after(attempts, chance)
    assert wait is not None
    assert planned <= wait <= planned * 1.1


@given(attempts=st.integers(1, 9), chance=CHANCES, asked_for=WAITS)
def test_a_receiver_gets_the_wait_it_asks_for_within_bounds_and_never_a_shorter_one(
    attempts: int, chance: float, asked_for: timedelta | None
) -> None:
    schedule = Schedule()
    wait, planned = schedule.wait_after(attempts, chance, asked_for), schedule.wait_after(attempts, chance)
    assert wait is not None
    assert planned is not None
    assert planned <= wait <= max(planned, LONGEST_WAIT)
    if asked_for is not None and asked_for <= LONGEST_WAIT:
        assert wait >= asked_for


@given(st.integers(10, 10**6), CHANCES, WAITS)
def test_after_the_last_attempt_nothing_is_waited_for(
    attempts: int, chance: float, asked_for: timedelta | None
) -> None:
    assert Schedule().wait_after(attempts, chance, asked_for) is None


def test_a_receiver_that_fails_a_few_times_in_a_row_gets_one_request_at_a_time() -> None:
    health = Health(Pauses(patience=3))
    for _ in range(2):
        health.failed(NOW, 0)
    assert (health.room(4), health.resumes_at) == (4, NOW)
    health.failed(NOW, 0)
    assert (health.room(4), health.resumes_at) == (1, NOW + timedelta(seconds=5))
    health.delivered()
    assert health.room(4) == 4
    assert health.resumes_at < NOW


@given(failures=st.integers(1, 5000), chance=CHANCES, asked_for=WAITS)
def test_pauses_grow_to_their_bound_and_not_beyond_it(
    failures: int, chance: float, asked_for: timedelta | None
) -> None:
    health, longest = Health(Pauses()), timedelta()
    for _ in range(failures):
        before = longest
        health.failed(NOW, chance, asked_for)
        longest = health.resumes_at - NOW
        assert before <= longest <= Pauses().longest * 1.1
    if failures > 20:
        assert longest >= Pauses().longest


def test_what_a_receiver_asks_for_is_kept_to_at_its_first_failure() -> None:
    health = Health(Pauses())
    health.failed(NOW, 0, timedelta(seconds=30))
    assert health.resumes_at == NOW + timedelta(seconds=30)


def test_a_clock_that_is_set_back_lengthens_no_pause() -> None:
    health = Health(Pauses())
    for _ in range(3):
        health.failed(NOW, 1)
    assert timedelta(seconds=5) <= health.pause(NOW) <= timedelta(seconds=6)
    earlier = NOW - timedelta(hours=3)
    assert health.pause(earlier) == timedelta()
    health.failed(earlier, 1)
    assert timedelta(seconds=10) <= health.pause(earlier) <= timedelta(seconds=11)
