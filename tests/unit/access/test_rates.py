"""How often a key, or somebody who guesses, may ask."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ari_app.access.key import KeyLimits
from ari_app.access.networks import address
from ari_app.access.rates import CallRates, Guesses, RequestRates

HERE = address("192.0.2.7")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> int:
        return round(self.now * 1e9)


@given(st.lists(st.floats(0, 90), max_size=80), st.integers(1, 6))
def test_no_minute_ever_has_more_requests_than_allowed_and_none_is_refused_without_need(
    gaps: list[float], limit: int
) -> None:
    clock = Clock()
    rates = RequestRates(clock)
    taken: list[int] = []
    for gap in gaps:
        clock.now += gap
        recent = [at for at in taken if at > clock() - 60 * 10**9]
        quota = rates.take("0a", limit)
        assert quota.allowed == (len(recent) < limit)
        if quota.allowed:
            taken.append(clock())
        assert quota.remaining == limit - len([at for at in taken if at > clock() - 60 * 10**9])


@given(st.lists(st.floats(0, 20), min_size=1, max_size=40), st.integers(1, 4))
def test_who_waits_as_long_as_he_is_told_is_let_in(gaps: list[float], limit: int) -> None:
    clock = Clock()
    rates = RequestRates(clock)
    for gap in gaps:
        clock.now += gap
        quota = rates.take("0a", limit)
        if not quota.allowed:
            clock.now += float(dict(quota.headers)["retry-after"])
            assert rates.take("0a", limit).allowed


def test_a_limit_that_was_lowered_is_told_how_long_it_is_used_up() -> None:
    clock = Clock()
    rates = RequestRates(clock)
    for _ in range(10):
        rates.take("0a", 10)
        clock.now += 1
    quota = rates.take("0a", 2)
    assert (quota.allowed, quota.remaining, quota.room_in_s) == (False, 0, 58)


def test_the_headers_are_those_of_the_ietf_draft() -> None:
    rates = RequestRates(Clock())
    assert dict(rates.take("0a", 2).headers) == {
        "ratelimit-policy": '"requests";q=2;w=60',
        "ratelimit": '"requests";r=1;t=60',
    }
    rates.take("0a", 2)
    assert dict(rates.take("0a", 2).headers)["retry-after"] == "60"
    assert rates.take("0b", 2).allowed, "each key for itself"


def test_a_key_places_no_more_calls_in_a_second_than_it_may() -> None:
    clock = Clock()
    rates = CallRates({"crm": KeyLimits(calls_per_second=2)}.__getitem__, clock)
    assert rates.refusal("crm", 0) is None
    assert rates.refusal("crm", 1) is None
    refusal = rates.refusal("crm", 2)
    assert refusal is not None
    assert (refusal.code, refusal.message) == ("key_calls_per_second", "the key crm may place 2 calls in a second")
    clock.now += 1
    assert rates.refusal("crm", 2) is None


def test_a_key_has_no_more_calls_at_a_time_than_it_may_and_a_refusal_is_no_call() -> None:
    rates = CallRates({"crm": KeyLimits(calls_per_second=1, concurrent_calls=3)}.__getitem__, Clock())
    refusal = rates.refusal("crm", 3)
    assert refusal is not None
    assert refusal.code == "key_concurrent_calls"
    assert rates.refusal("crm", 2) is None


def test_a_key_without_limits_has_none() -> None:
    rates = CallRates(lambda _: KeyLimits(), Clock())
    assert all(rates.refusal("crm", live) is None for live in range(100))


def test_who_guesses_is_not_listened_to_until_the_oldest_guess_is_a_minute_ago() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    for guess in range(3):
        assert guesses.locked_for_s(HERE, 3) == 0
        guesses.note(HERE, str(guess))
        clock.now += 10
    assert guesses.locked_for_s(HERE, 3) == 30
    assert guesses.locked_for_s(address("192.0.2.8"), 3) == 0, "his neighbour is"
    clock.now += 30
    assert guesses.locked_for_s(HERE, 3) == 0
    guesses.note(HERE, "3")
    assert guesses.locked_for_s(HERE, 3) == 10


def test_a_program_with_one_wrong_key_shuts_out_nobody() -> None:
    guesses = Guesses(Clock())
    assert guesses.note(HERE, "expired")
    assert not any(guesses.note(HERE, "expired") for _ in range(100)), "and is told once in the log"
    assert guesses.locked_for_s(HERE, 2) == 0


def test_all_addresses_of_a_network_of_ipv6_are_one() -> None:
    guesses = Guesses(Clock())
    guesses.note(address("2001:db8::1"), "1")
    guesses.note(address("2001:db8::2"), "2")
    assert guesses.locked_for_s(address("2001:db8::3"), 2) == 60
    assert guesses.locked_for_s(address("2001:db8:0:1::3"), 2) == 0


def test_a_million_addresses_do_not_fill_the_memory() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    first = address("10.0.0.0")
    for number in range(10_001):
        guesses.note(first + number, "x")
    assert guesses.locked_for_s(first, 1) == 0, "forgotten"
    assert guesses.locked_for_s(first + 10_000, 1) == 60
    assert len(guesses._wrong) == 10_000
