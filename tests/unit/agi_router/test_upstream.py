"""The door to an upstream: its places and its breaker, with callers who hang up at any moment."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.lookup.upstream import Upstream, UpstreamLimits, Upstreams, same_origin
from agi_router.routing.errors import Failure, RoutingError
from tests.patience import PATIENCE_S

ORIGIN = "https://api.example.com"
DOWN = Failure("api_refused", "api.example.com takes no connection", "check that it runs")


async def fail(upstream: Upstream, times: int = 1) -> None:
    for _ in range(times):
        async with upstream.lookup(PATIENCE_S) as trial:
            trial.failed(DOWN)


async def refusal(upstream: Upstream, longest_wait_s: float = PATIENCE_S) -> str:
    with pytest.raises(RoutingError) as refused:
        async with upstream.lookup(longest_wait_s):
            pytest.fail("it was let in")
    return refused.value.failure.code


async def hold(upstream: Upstream, until: asyncio.Event) -> None:
    async with upstream.lookup(PATIENCE_S) as trial:
        await until.wait()
        trial.answered()


async def settled() -> None:
    """Every task has come as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_burst_waits_for_its_places_and_is_served_in_its_order() -> None:
    upstream = Upstream(ORIGIN, UpstreamLimits(max_concurrent=2))
    inside, most, order = 0, 0, []

    async def lookup(number: int) -> None:
        nonlocal inside, most
        async with upstream.lookup(PATIENCE_S) as trial:
            inside += 1
            most = max(most, inside)
            order.append(number)
            await settled()
            inside -= 1
            trial.answered()

    await asyncio.gather(*(lookup(number) for number in range(7)))
    assert (most, order) == (2, list(range(7)))


async def test_whoever_waits_too_long_finds_it_busy() -> None:
    upstream, done = Upstream(ORIGIN, UpstreamLimits(max_concurrent=1)), asyncio.Event()
    holding = asyncio.create_task(hold(upstream, done))
    await settled()
    assert await refusal(upstream, 0.01) == "api_busy"
    assert upstream.status().breaker == "closed"  # it says nothing about the API
    done.set()
    await holding
    await fail(upstream)


async def test_an_open_breaker_is_found_without_waiting_for_a_place() -> None:
    upstream = Upstream(ORIGIN, UpstreamLimits(max_concurrent=1, failures=1))
    async with upstream.lookup(PATIENCE_S) as trial:
        trial.failed(DOWN)
        assert await refusal(upstream) == "breaker_open"  # who waits is refused as one too many


async def test_those_who_wait_find_the_breaker_that_opened_meanwhile() -> None:
    upstream = Upstream(ORIGIN, UpstreamLimits(max_concurrent=1, failures=1))
    async with upstream.lookup(PATIENCE_S) as trial:
        waiting = [asyncio.create_task(refusal(upstream)) for _ in range(3)]
        await settled()
        assert upstream.status().waiting == 3
        trial.failed(DOWN)
    assert await asyncio.gather(*waiting) == ["breaker_open"] * 3


async def test_new_limits_hold_at_once_and_a_place_of_the_old_ones_is_not_given_back_to_them() -> None:
    upstream, done = Upstream(ORIGIN, UpstreamLimits(max_concurrent=1)), asyncio.Event()
    holding = asyncio.create_task(hold(upstream, done))
    await settled()
    upstream.limits = UpstreamLimits(max_concurrent=2, failures=1)
    async with upstream.lookup(PATIENCE_S):
        done.set()
        await holding
        async with upstream.lookup(PATIENCE_S) as trial:
            assert await refusal(upstream, 0.01) == "api_busy"
            trial.failed(DOWN)
    assert (upstream.status().in_progress, upstream.status().breaker) == (0, "open")


async def test_its_status_tells_what_went_wrong_and_when_it_is_asked_again() -> None:
    upstream = Upstream(ORIGIN, UpstreamLimits(max_concurrent=7, failures=2, open_s=30))
    await fail(upstream)
    well = upstream.status()
    assert (well.origin, well.breaker, well.failures, well.since, well.until) == (ORIGIN, "closed", 1, None, None)
    await fail(upstream)
    unwell = upstream.status()
    assert (unwell.breaker, unwell.reason, unwell.max_concurrent) == ("open", DOWN, 7)
    assert unwell.since is not None
    assert unwell.until is not None
    assert 29 < (unwell.until - unwell.since).total_seconds() < 31


async def test_a_new_configuration_keeps_what_was_learnt() -> None:
    upstreams = Upstreams()
    upstreams.configure([ORIGIN, "http://old.example.com"], {ORIGIN: UpstreamLimits(failures=1)})
    await fail(upstreams.of(ORIGIN))
    upstreams.configure(["https://new.example.com", "HTTPS://API.example.com:443"], {})
    assert [(status.origin, status.breaker) for status in upstreams.status()] == [
        ("https://new.example.com", "closed"),
        (ORIGIN, "open"),
    ]
    assert upstreams.of(ORIGIN).limits == UpstreamLimits()


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://API.Example.com", "https://api.example.com"),
        ("https://api.example.com:443", "https://api.example.com"),
        ("http://api.example.com:443", "http://api.example.com:443"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_origin_has_one_name(written: str, origin: str) -> None:
    assert same_origin(written) == origin


@dataclass(frozen=True)
class Caller:
    """Comes after some turns of the loop, asks for some turns, and hangs up, if at all, some turns after coming."""

    comes: int
    asks: int
    outcome: bool | None
    hangs_up: int | None


turns = st.integers(0, 6)
callers = st.builds(
    Caller, comes=turns, asks=turns, outcome=st.sampled_from([True, False, None]), hangs_up=turns | st.none()
)


@given(st.lists(callers, max_size=12), st.integers(1, 3), st.integers(1, 2))
def test_whoever_hangs_up_wherever_no_place_is_lost_no_second_probe_goes_out_and_nothing_sticks(
    crowd: list[Caller], places: int, failures: int
) -> None:
    asyncio.run(_crowd(crowd, UpstreamLimits(max_concurrent=places, failures=failures, open_s=0.01)))


async def _crowd(crowd: list[Caller], limits: UpstreamLimits) -> None:
    now = 0.0
    upstream = Upstream(ORIGIN, limits, lambda: now)
    probes = 0

    async def lookup(caller: Caller) -> None:
        nonlocal probes
        async with upstream.lookup(PATIENCE_S) as trial:
            assert upstream.status().in_progress <= limits.max_concurrent
            is_probe = upstream.status().breaker == "half_open"
            probes += is_probe
            assert probes <= 1
            try:
                for _ in range(caller.asks):
                    await asyncio.sleep(0)
            finally:
                probes -= is_probe
            if caller.outcome is not None:
                trial.answered() if caller.outcome else trial.failed(DOWN)

    async def live(caller: Caller) -> None:
        for _ in range(caller.comes):
            await asyncio.sleep(0)
        task = asyncio.create_task(lookup(caller))
        for _ in range(caller.hangs_up or 0):
            await asyncio.sleep(0)
        if caller.hangs_up is not None:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (error := task.exception()) is not None:
            assert isinstance(error, RoutingError), error

    async def clock() -> None:
        nonlocal now
        while True:
            await asyncio.sleep(0)
            now += 0.005

    ticking = asyncio.create_task(clock())
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*map(live, crowd))
    ticking.cancel()
    now += 100
    assert (upstream.status().in_progress, upstream.status().waiting) == (0, 0)
    done = asyncio.Event()
    async with upstream.lookup(0.1) as trial:
        trial.answered()
    everybody = [asyncio.create_task(hold(upstream, done)) for _ in range(limits.max_concurrent)]
    await settled()
    assert upstream.status().in_progress == limits.max_concurrent
    done.set()
    await asyncio.gather(*everybody)
