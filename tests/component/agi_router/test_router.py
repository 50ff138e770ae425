"""Decisions from end to end: a configuration, a real API on the loopback, and the steps that come of its answer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from agi_router.decide import Router
from agi_router.document import load_document, validate
from agi_router.routing.call_info import CallInfo
from agi_router.routing.caller_id import OwnNumber
from agi_router.routing.decider import Decider
from agi_router.routing.decision import Decision, LookupProgress
from agi_router.routing.destination import EndpointDestination, ExternalDestination, UserDestination
from agi_router.routing.needs import Needs
from agi_router.routing.step import EndpointTarget, TrunkTarget, TrunkWay
from agi_router.settings import RoutingSections, routing_settings

CONFIG = """\
directory:
  users:
    - {id: "456", email: ada@example.com, devices: [PJSIP/ada, PJSIP/ada-desk, {external: "+12025550123"}]}
    - {id: "9", devices: [{external: "+5353001234"}]}
trunks: [{name: main, endpoint: trunk, caller_id: "+14155550100"}]
policy: {regions: [US]}
network: {allowed_networks: [127.0.0.0/8]}
defaults: {region: US, timeout_s: 15, fallback: [{endpoint: reception}]}
routes:
  sales:
    request:
      url: http://127.0.0.1:PORT/search?n={{callerNumber}}
      headers: {X-Lang: "{{var.LANG}} {{header.X-Foo}}"}
      auth: {type: bearer, token: s3same}
      deadline_s: 0.5
    response: {type: user, path: ["calls[0].user.id", owner]}
    ringing: {timeout_s: 25}
    fallback: [{user: "456", timeout_s: 20}, {hangup: busy}]
  anyone:
    request: {url: "http://127.0.0.1:PORT/"}
    response: {format: text, type: auto}
"""
NOW = datetime.now(UTC)
RECEPTION = [("endpoint", "reception")]


@dataclass
class Api:
    """What the API answers, and what it was asked."""

    answer: web.Response | None = None  # None: it never comes
    asked: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.raw_path)
        if self.answer is None:
            await asyncio.Event().wait()
        assert self.answer is not None
        return self.answer


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    yield Api()


@pytest.fixture
async def router(api: Api, tmp_path: Path) -> AsyncIterator[Router]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.replace("PORT", str(runner.addresses[0][1])))
    document = load_document(file)
    async with Router(routing_settings(document, validate(document, RoutingSections))) as router:
        yield router
    await runner.cleanup()


async def decide(router: Decider, route: str = "sales", caller: str = "+12025550199") -> Decision:
    info = CallInfo(call_id="c1", route_name=route, caller_number=caller)
    sent: list[LookupProgress] = []
    decision = await router.route(info, sent.append)
    assert sent == ([decision.request] if decision.request else [])
    return decision


def steps(decision: Decision) -> list[tuple[str, str]]:
    return [(step.destination.type, step.destination.value) for step in decision.steps]


def json_answer(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="application/json")


async def test_the_answer_leads_and_the_fallback_follows(router: Router, api: Api) -> None:
    api.answer = json_answer('{"calls": [{"user": {"id": 456}}]}')
    decision = await decide(router)
    assert (decision.value, decision.destination, decision.error) == ("456", UserDestination("456"), None)
    assert api.asked == ["/search?n=%2B12025550199"]
    assert steps(decision) == [("user", "456"), ("user", "456"), ("hangup", "busy")]
    assert [step.timeout_s for step in decision.steps[:2]] == [25, 20]
    assert decision.steps[0].targets == (
        EndpointTarget("ada"),
        EndpointTarget("ada-desk"),
        TrunkTarget(
            number="+12025550123",
            via=(
                TrunkWay(
                    trunk="main",
                    endpoint="trunk",
                    dial="+12025550123",
                    caller_id=OwnNumber("+14155550100"),
                    trusted=False,
                    setup_timeout_s=4,
                ),
            ),
        ),
    )


async def test_the_record_of_a_decision_holds_request_and_answer_but_no_secret(router: Router, api: Api) -> None:
    api.answer = json_answer('{"owner": "ADA@example.com"}')
    decision = await decide(router)
    assert decision.request is not None
    assert decision.answer is not None
    assert decision.request.headers["Authorization"] == "***"
    assert (decision.answer.status, decision.answer.body) == (200, '{"owner": "ADA@example.com"}')
    assert decision.destination == UserDestination("456")
    assert "s3same" not in repr(decision)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{}", 200, "path_missing"),
        ('{"calls": [{"user": {"id": ""}}]}', 200, "value_empty"),
        ("<html>", 200, "api_not_json"),
        ("[" * 100_000, 200, "api_not_json"),
        ("", 201, "api_not_json"),
        ("no", 401, "api_status"),
        ("no", 500, "api_status"),
        ("x" * 5_000_000, 200, "api_answer_too_large"),
    ],
    ids=["missing", "empty", "html", "deep", "no-content", "401", "500", "5MB"],
)
async def test_an_answer_that_leads_nowhere_is_explained_and_the_fallback_taken(
    router: Router, api: Api, body: str, status: int, code: str
) -> None:
    api.answer = json_answer(body, status)
    decision = await decide(router)
    assert decision.error is not None
    assert (decision.error.code, decision.value, decision.destination) == (code, None, None)
    assert decision.error.remedy
    assert decision.answer is not None
    assert decision.answer.status == status
    assert steps(decision) == [("user", "456"), ("hangup", "busy")]


async def test_a_value_that_names_nobody_is_on_record(router: Router, api: Api) -> None:
    api.answer = json_answer('{"owner": "nobody@example.com"}')
    decision = await decide(router)
    assert decision.error is not None
    assert (decision.error.code, decision.value) == ("user_unknown", "nobody@example.com")


async def test_a_slow_api_costs_the_deadline_and_no_more(router: Router, api: Api) -> None:
    decision = await decide(router)
    assert decision.error is not None
    assert (decision.error.code, decision.answer, len(api.asked)) == ("api_timeout", None, 1)
    assert steps(decision) == [("user", "456"), ("hangup", "busy")]


@pytest.mark.parametrize("answer", ["ada&PJSIP/other", "ada\r\nX: y", "PJSIP/ada&Local/s@x"])
async def test_a_dial_string_in_an_answer_dials_nobody(router: Router, api: Api, answer: str) -> None:
    api.answer = web.Response(text=answer)
    decision = await decide(router, "anyone")
    assert decision.error is not None
    assert (decision.error.code, decision.value) == ("value_not_endpoint", answer)
    assert steps(decision) == RECEPTION


async def test_a_number_in_a_forbidden_region_is_a_refused_step(router: Router, api: Api) -> None:
    api.answer = web.Response(text="+442079460958")
    decision = await decide(router, "anyone")
    assert decision.destination == ExternalDestination("+442079460958")
    first = decision.steps[0]
    assert first.refused is not None
    assert (first.refused.code, first.targets) == ("policy_region", ())
    assert steps(decision)[1:] == RECEPTION


async def test_a_user_who_can_only_be_reached_abroad_is_a_refused_step(router: Router, api: Api) -> None:
    api.answer = json_answer('{"owner": 9}')
    first = (await decide(router)).steps[0]
    assert first.refused is not None
    assert first.refused.code == "policy_region"


async def test_an_emergency_number_in_an_answer_is_refused(router: Router, api: Api) -> None:
    api.answer = web.Response(text="911")
    decision = await decide(router, "anyone")
    assert decision.error is not None
    assert decision.error.code == "policy_emergency"


async def test_a_login_in_an_answer_is_rung(router: Router, api: Api) -> None:
    api.answer = web.Response(text="PJSIP/bob\r\n")
    decision = await decide(router, "anyone")
    assert decision.destination == EndpointDestination("bob")
    assert decision.steps[0].timeout_s == 15


async def test_a_caller_without_number_is_asked_for_too(router: Router, api: Api) -> None:
    api.answer = json_answer('{"owner": "456"}')
    info = CallInfo(call_id="c", route_name="sales", caller_number="+12025550199", caller_withheld=True)
    decision = await router.route(info, lambda _: None)
    assert decision.error is None
    assert api.asked == ["/search?n="]


async def test_an_unknown_route_takes_the_global_fallback_and_names_the_nearest(router: Router, api: Api) -> None:
    decision = await decide(router, "sale")
    assert decision.error is not None
    assert decision.error.code == "route_unknown"
    assert 'did you mean "sales"?' in decision.error.remedy
    assert (decision.route, steps(decision), api.asked) == ("sale", RECEPTION, [])


async def test_needs_are_those_of_the_route(router: Router) -> None:
    assert router.needs("sales") == Needs(frozenset({"X-Foo"}), frozenset({"LANG"}))
    assert router.needs("anyone") == router.needs("nothing") == Needs()


async def test_the_fallback_is_the_routes_else_the_global_one(router: Router) -> None:
    chains = [
        [step.destination.value for step in router.fallback(name, datetime.now(UTC))]
        for name in ("sales", "anyone", "nothing")
    ]
    assert chains == [["456", "busy"], ["reception"], ["reception"]]


async def test_a_bug_becomes_an_error_of_the_decision_and_a_traceback_in_the_log(
    router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: LookupProgress) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        decision = await router.route(CallInfo(call_id="c1", route_name="sales"), broken)
    assert decision.error is not None
    assert decision.error.code == "internal"
    assert steps(decision) == [("user", "456"), ("hangup", "busy")]
    assert "ZeroDivisionError" in caplog.text


async def test_cancelling_a_decision_passes_through(router: Router, api: Api) -> None:
    asked = asyncio.Event()
    info = CallInfo(call_id="c", route_name="sales")
    deciding = asyncio.create_task(router.route(info, lambda _: asked.set()))
    await asked.wait()
    deciding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deciding
