"""APIs that hang, refuse, fail and recover, over real HTTP: what each costs, and who is asked in their place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import pytest

from agi_router.lookup.client import Answer, LookupClient
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.upstream import UpstreamLimits, Upstreams
from agi_router.routing.auth import BasicAuth, BearerAuth
from agi_router.routing.decision import FailedAttempt, LookupProgress, SentRequest
from agi_router.routing.errors import RoutingError
from agi_router.routing.route import Request
from agi_router.routing.url_template import UrlTemplate
from sandbox import Answer as Reply
from sandbox import Api
from tests.clock import StandingClock
from tests.patience import PATIENCE_S

PATH = "/who"
ADA = Reply(body="ada")
ILL = Reply(status=500, body="Traceback")
OPEN_S = 10


class Stage:
    """Two APIs of the same kind and a client for both, whose breakers open after two failures; `now` is their clock."""

    def __init__(self, main: Api, spare: Api) -> None:
        self.main, self.spare = main, spare
        main.answers[PATH] = spare.answers[PATH] = ADA
        self.now = 0.0
        self.upstreams = Upstreams(lambda: self.now)
        self.told: list[LookupProgress] = []
        self.client = LookupClient(NetworkGuard((ip_network("127.0.0.0/8"),)), (), self.upstreams)
        self.limit()

    def limit(self, max_concurrent: int = 10) -> None:
        limits = UpstreamLimits(max_concurrent=max_concurrent, failures=2, open_s=OPEN_S)
        self.upstreams.configure([self.main.url], {self.main.url: limits})

    @property
    def breaker(self) -> str:
        return self.upstreams.of(self.main.url).status().breaker

    def request(self, **changes: Any) -> Request:
        """To the first API alone."""
        given: dict[str, Any] = {
            "method": "GET",
            "url": UrlTemplate.parse(self.main.url + PATH),
            "deadline_s": PATIENCE_S,
        }
        return Request(**given | changes)

    def request_to_both(self, **changes: Any) -> Request:
        return self.request(second_url=UrlTemplate.parse(self.spare.url + PATH), **changes)

    async def ask(self, request: Request | None = None) -> Answer:
        self.told.clear()
        return await self.client.ask(request or self.request(), {}, self.told.append)

    async def failure(self, request: Request | None = None) -> str:
        """The code of the failure, with an answer or without one."""
        try:
            answer = await self.ask(request)
        except RoutingError as error:
            return error.failure.code
        assert answer.failure is not None
        return answer.failure.code

    async def open_breaker(self) -> None:
        self.main.answers[PATH] = ILL
        for _ in range(2):
            await self.failure()
        assert self.breaker == "open"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Api("127.0.0.1") as main, Api("127.0.0.1") as spare:
        stage = Stage(main, spare)
        async with stage.client:
            yield stage


async def test_an_api_that_answers_500_is_left_alone_until_one_probe_finds_it_well(stage: Stage) -> None:
    await stage.open_breaker()
    asked = len(stage.main.requests)
    assert [await stage.failure() for _ in range(5)] == ["breaker_open"] * 5
    assert stage.told == []
    assert len(stage.main.requests) == asked

    stage.now += OPEN_S
    well = asyncio.Event()
    stage.main.answers[PATH] = Reply(body="ada", after=well)
    probe = asyncio.create_task(stage.client.ask(stage.request(), {}, stage.told.append))
    while len(stage.main.requests) == asked:
        await stage.main.next_request()
    assert [await stage.failure() for _ in range(5)] == ["breaker_open"] * 5
    well.set()
    assert (await probe).body == b"ada"
    assert len(stage.main.requests) == asked + 1
    assert (await stage.ask()).body == b"ada"


async def test_an_api_that_takes_no_connection_is_left_alone_and_found_again(stage: Stage) -> None:
    await stage.main.stop()
    assert [await stage.failure() for _ in range(3)] == ["api_refused", "api_refused", "breaker_open"]
    stage.now += OPEN_S
    assert [await stage.failure() for _ in range(2)] == ["api_refused", "breaker_open"]
    await stage.main.start()
    stage.now += 2 * OPEN_S
    assert (await stage.ask()).body == b"ada"
    assert stage.breaker == "closed"


async def test_an_api_that_hangs_costs_its_first_callers_their_deadline_and_the_others_nothing(stage: Stage) -> None:
    clock = StandingClock()
    stage.main.answers[PATH] = Reply(delay_s=30)
    for _ in range(2):
        asking = asyncio.create_task(stage.failure(stage.request(deadline_s=3.0)))
        await stage.main.next_request()
        await clock.passes(3)
        assert await asking == "api_timeout"
    asked = len(stage.main.requests)
    for _ in range(100):
        assert await stage.failure() == "breaker_open"
    assert len(stage.main.requests) == asked


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 422])
async def test_an_answer_that_helps_nobody_still_comes_from_an_api_that_is_well(stage: Stage, status: int) -> None:
    stage.main.answers[PATH] = Reply(body="nobody", status=status)
    for _ in range(3):
        await stage.ask()
    assert stage.breaker == "closed"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_an_answer_that_says_not_now_counts_as_a_failure(stage: Stage, status: int) -> None:
    stage.main.answers[PATH] = Reply(status=status)
    assert [await stage.failure() for _ in range(3)] == ["api_status", "api_status", "breaker_open"]


async def test_an_address_that_the_guard_denies_says_nothing_about_the_api(stage: Stage) -> None:
    request = stage.request(url=UrlTemplate.parse("http://[::1]:9/"))
    assert [await stage.failure(request) for _ in range(7)] == ["network_denied"] * 7


async def test_a_caller_who_hangs_up_during_the_probe_leaves_it_to_the_next_one(stage: Stage) -> None:
    await stage.open_breaker()
    stage.now += OPEN_S
    stage.main.answers[PATH] = Reply(delay_s=30)
    asked = len(stage.main.requests)
    probe = asyncio.create_task(stage.ask())
    while len(stage.main.requests) == asked:
        await stage.main.next_request()
    assert stage.breaker == "half_open"
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    stage.main.answers[PATH] = ADA
    assert (await stage.ask()).body == b"ada"
    assert stage.breaker == "closed"


async def test_no_more_lookups_reach_an_api_at_a_time_than_it_has_places(stage: Stage) -> None:
    stage.limit(max_concurrent=2)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            await stage.main.next_request()
            most = max(most, stage.main.in_progress[PATH])

    stage.main.answers[PATH] = Reply(body="ada", delay_s=0.02)
    watching = asyncio.create_task(watch())
    answers = await asyncio.gather(*(stage.client.ask(stage.request(), {}, stage.told.append) for _ in range(9)))
    watching.cancel()
    assert [answer.body for answer in answers] == [b"ada"] * 9
    assert most <= 2


async def test_who_finds_no_place_in_half_of_his_time_goes_on_and_the_api_is_not_blamed(stage: Stage) -> None:
    clock = StandingClock()
    stage.limit(max_concurrent=1)
    done = asyncio.Event()
    stage.main.answers[PATH] = Reply(body="ada", after=done)
    first = asyncio.create_task(stage.client.ask(stage.request(), {}, stage.told.append))
    await stage.main.next_request()
    second = asyncio.create_task(stage.failure(stage.request(deadline_s=8.0)))
    while not stage.upstreams.of(stage.main.url).status().waiting:
        await asyncio.sleep(0)
    await clock.passes(3.9)
    assert not second.done()
    await clock.passes(0.1)
    assert await second == "api_busy"
    done.set()
    assert (await first).body == b"ada"
    assert stage.breaker == "closed"


async def test_an_api_without_a_free_place_takes_none_from_another(stage: Stage) -> None:
    stage.limit(max_concurrent=1)
    stage.main.answers[PATH] = Reply(delay_s=30)
    holding = asyncio.create_task(stage.client.ask(stage.request(), {}, stage.told.append))
    await stage.main.next_request()
    assert (await stage.ask(stage.request(url=UrlTemplate.parse(stage.spare.url + PATH)))).body == b"ada"
    holding.cancel()
    with suppress(asyncio.CancelledError):
        await holding


def tells(stage: Stage) -> list[str]:
    """What was told on the way, in short: the API that was asked, or the code of what came to nothing."""
    return [
        ("main" if told.url.startswith(stage.main.url) else "spare")
        if isinstance(told, SentRequest)
        else told.failure.code
        for told in stage.told
    ]


def failed_attempt(stage: Stage) -> FailedAttempt:
    (failed,) = [told for told in stage.told if isinstance(told, FailedAttempt)]
    return failed


async def test_the_second_url_is_not_asked_when_the_first_one_answers(stage: Stage) -> None:
    assert (await stage.ask(stage.request_to_both())).body == b"ada"
    assert tells(stage) == ["main"]
    assert stage.spare.requests == []


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404])
async def test_an_answer_is_an_answer_even_if_the_second_url_might_say_more(stage: Stage, status: int) -> None:
    stage.main.answers[PATH] = Reply(body="nonsense", status=status)
    assert (await stage.ask(stage.request_to_both())).received.status == status
    assert stage.spare.requests == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_the_second_url_answers_for_one_that_cannot(stage: Stage, status: int) -> None:
    stage.main.answers[PATH] = Reply(body="sorry", status=status)
    assert (await stage.ask(stage.request_to_both())).body == b"ada"
    assert tells(stage) == ["main", "api_status", "spare"]
    failed = failed_attempt(stage)
    assert failed.request == stage.told[0]
    assert failed.answer is not None
    assert (failed.answer.status, failed.answer.body) == (status, "sorry")


async def test_the_second_url_answers_for_one_that_takes_no_connection_which_is_not_tried_again(stage: Stage) -> None:
    await stage.main.stop()
    assert (await stage.ask(stage.request_to_both())).body == b"ada"
    assert tells(stage) == ["main", "api_refused", "spare"]
    assert failed_attempt(stage).answer is None
    assert stage.upstreams.of(stage.main.url).status().failures == 1


async def test_the_second_url_answers_for_one_whose_breaker_is_open_and_nothing_is_sent_there(stage: Stage) -> None:
    await stage.open_breaker()
    asked = len(stage.main.requests)
    assert (await stage.ask(stage.request_to_both())).body == b"ada"
    assert tells(stage) == ["breaker_open", "spare"]
    assert failed_attempt(stage).request is None
    assert len(stage.main.requests) == asked


async def test_the_second_url_answers_for_one_that_hangs_after_half_of_the_time(stage: Stage) -> None:
    clock = StandingClock()
    stage.main.answers[PATH] = Reply(delay_s=30)
    asking = asyncio.create_task(stage.ask(stage.request_to_both(deadline_s=8.0)))
    await stage.main.next_request()
    await clock.passes(3.9)
    assert tells(stage) == ["main"]
    await clock.passes(0.1)
    assert (await asking).body == b"ada"
    assert tells(stage) == ["main", "api_timeout", "spare"]
    assert "within 4 s" in failed_attempt(stage).failure.message  # half of what was left when it was asked


async def test_two_urls_that_hang_cost_one_deadline(stage: Stage) -> None:
    clock = StandingClock()
    stage.main.answers[PATH] = stage.spare.answers[PATH] = Reply(delay_s=30)
    asking = asyncio.create_task(stage.failure(stage.request_to_both(deadline_s=8.0)))
    for api in (stage.main, stage.spare):
        await api.next_request()
        await clock.passes(4)
    assert await asking == "api_timeout"
    assert tells(stage) == ["main", "api_timeout", "spare"]


async def test_when_the_first_url_fails_at_once_the_second_one_has_all_the_time(stage: Stage) -> None:
    clock = StandingClock()
    stage.main.answers[PATH] = ILL
    stage.spare.answers[PATH] = Reply(body="ada", delay_s=7.0)
    asking = asyncio.create_task(stage.ask(stage.request_to_both(deadline_s=8.0)))
    await stage.spare.next_request()
    await clock.passes(7)
    assert (await asking).body == b"ada"


async def test_when_both_fail_the_second_failure_is_the_outcome(stage: Stage) -> None:
    stage.main.answers[PATH] = ILL
    await stage.spare.stop()
    assert await stage.failure(stage.request_to_both()) == "api_refused"
    assert tells(stage) == ["main", "api_status", "spare"]


async def test_each_url_gets_its_own_credentials(stage: Stage) -> None:
    stage.main.answers[PATH] = ILL
    await stage.ask(stage.request_to_both(auth=BasicAuth("u", "p"), second_auth=BearerAuth("s3same")))
    (main,), (spare,) = stage.main.requests, stage.spare.requests
    assert main.headers["Authorization"] == "Basic dTpw"
    assert spare.headers["Authorization"] == "Bearer s3same"


async def test_the_second_url_gets_no_credentials_that_are_not_meant_for_it(stage: Stage) -> None:
    stage.main.answers[PATH] = ILL
    await stage.ask(stage.request_to_both(auth=BasicAuth("u", "p")))
    assert "Authorization" not in stage.spare.requests[0].headers


async def test_a_caller_who_hangs_up_during_the_first_url_asks_no_second_one(stage: Stage) -> None:
    stage.main.answers[PATH] = Reply(delay_s=30)
    asking = asyncio.create_task(stage.ask(stage.request_to_both()))
    await stage.main.next_request()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert stage.spare.requests == []
    assert stage.upstreams.of(stage.main.url).status().in_progress == 0
