"""A route outside its business hours: the API is never asked, nothing is guessed, and the chain for it comes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from agi_router.decide import Router
from agi_router.document import load_document, validate
from agi_router.routing.call_info import CallInfo
from agi_router.routing.decision import Decision
from agi_router.routing.hours import Closed
from agi_router.routing.memory import Memory, Remembered
from agi_router.settings import RoutingSections, routing_settings

CONFIG = """\
directory: {users: [{id: "456", devices: [PJSIP/ada]}]}
network: {allowed_networks: [127.0.0.0/8]}
defaults: {region: US, fallback: [{endpoint: reception}]}
hours:
  office: {zone: Europe/Berlin, open: ["mon-fri 09:00-17:00"], holidays: ["12-25"]}
routes:
  sales: &sales
    hours: office
    closed: [{endpoint: night}, {hangup: busy}]
    fallback: [{endpoint: desk}]
    remember: {last_good_s: 3600}
    request: {url: "http://127.0.0.1:PORT/?at={{now}}"}
    response: {type: user, path: owner}
  dialplan: {<<: *sales, closed: []}
  fallback: &fallback
    hours: office
    fallback: [{endpoint: desk}]
    request: {url: "http://127.0.0.1:PORT/"}
    response: {type: user, path: owner}
  global:
    hours: office
    request: {url: "http://127.0.0.1:PORT/"}
    response: {type: user, path: owner}
"""
BERLIN = ZoneInfo("Europe/Berlin")
OPEN = datetime(2026, 11, 20, 16, 59, 59, tzinfo=BERLIN)
CLOSED = datetime(2026, 11, 20, 17, 0, tzinfo=BERLIN)
CHRISTMAS = datetime(2026, 12, 25, 10, 0, tzinfo=BERLIN)


class KnowsAda(Memory):
    """Has a last good answer for every caller: Ada."""

    async def recall(self, question: str) -> Remembered | None:
        return Remembered(datetime.now(UTC), {"value": "456", "type": "user"})

    def remember(self, question: str, good: Remembered, until: datetime) -> None:
        pass

    def forget(self, question: str) -> None:
        pass


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
async def router(asked: list[str], tmp_path: Path) -> AsyncIterator[Router]:
    async def answer(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.json_response({"owner": "456"})

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.replace("PORT", str(runner.addresses[0][1])))
    document = load_document(file)
    settings = routing_settings(document, validate(document, RoutingSections))
    async with Router(settings, memory=KnowsAda()) as router:
        yield router
    await runner.cleanup()


def call(at: datetime, route: str = "sales") -> CallInfo:
    return CallInfo(call_id="c", route_name=route, caller_number="+12025550123", at=at.astimezone(UTC))


def tried(decision: Decision) -> list[str]:
    return [step.destination.value for step in decision.steps]


async def test_until_the_last_moment_the_api_is_asked_and_after_it_no_more(router: Router, asked: list[str]) -> None:
    decision = await router.route(call(OPEN), lambda _: None)
    assert (decision.closed, tried(decision)) == (None, ["456", "desk"])
    assert asked == ["/?at=2026-11-20T15%3A59%3A59Z"]
    told: list[object] = []
    decision = await router.route(call(CLOSED), told.append)
    assert tried(decision) == ["night", "busy"]
    assert (decision.request, decision.destination, decision.error, told) == (None, None, None, [])
    assert len(asked) == 1


async def test_the_decision_tells_why_it_is_closed(router: Router) -> None:
    decision = await router.route(call(CHRISTMAS), lambda _: None)
    assert decision.closed == Closed(
        calendar="office",
        zone="Europe/Berlin",
        local=CHRISTMAS,
        holiday="12-25",
        opens=datetime(2026, 12, 28, 9, 0, tzinfo=BERLIN),
    )


@pytest.mark.parametrize(
    ("route", "chain"),
    [("sales", ["night", "busy"]), ("dialplan", []), ("fallback", ["desk"]), ("global", ["reception"])],
)
async def test_a_closed_route_without_a_chain_for_it_takes_its_fallback(
    router: Router, route: str, chain: list[str]
) -> None:
    decision = await router.route(call(CLOSED, route), lambda _: None)
    assert tried(decision) == chain
    assert [step.destination.value for step in router.fallback(route, CLOSED)] == chain


async def test_a_caller_who_is_found_again_takes_the_chain_of_that_moment(router: Router) -> None:
    assert [step.destination.value for step in router.fallback("sales", OPEN)] == ["desk"]


async def test_nothing_is_guessed_when_the_route_is_closed(router: Router) -> None:
    assert await router.guess(call(OPEN)) is not None
    assert await router.guess(call(CLOSED)) is None
