"""Routes over REST: how each is configured, and the same trial as `agi-router test-route --json` makes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web as aiohttp_web

from agi_router.routing.call_info import CallInfo
from agi_router.routing.errors import Failure
from ari_app.access.scopes import Scope
from ari_app.asterisk.devices import DeviceState
from ari_app.live import route_trials
from ari_app.live.device_lookup import KnownDevice
from ari_app.live.route_trials import AT_A_TIME
from tests.command import Command
from tests.component.web.rig import CONFIG, TOKEN, WebRig, web_rig
from tests.patience import PATIENCE_S

CALLER = "+14155550177"
ENVIRONMENT = {"API_KEY": "geheim-im-url"}
FAILURE = Failure("api_status", "it answered 500", "mend it")
ROUTES = """\
routes:
  sales:
    request:
      url: "API/who?n={{callerNumber}}&key=${API_KEY}"
      headers: {X-Account: "{{header.X-Account}}", X-Token: geheim}
      auth: {type: bearer, token: geheim-geheim}
    response: {type: user, path: to, caller_name: name}
    ringing: {if_busy: skip}
    remember: {last_good_s: 3600}
    fallback: [{team: "7", timeout_s: 20}, {hangup: busy}]
  team:
    request: {url: "API/who?n={{callerNumber}}", method: POST, send: json, fields: {var: "{{var.ACCOUNT}}"}}
    response: {type: team, path: to}
  outside:
    request: {url: "API/who?n={{callerNumber}}"}
    response: {type: external, path: to}
"""


@dataclass(slots=True)
class CustomersApi:
    """Says `to`, or answers with `status`; while `gate` is not set it says nothing."""

    url: str = ""
    to: str = "456"
    status: int = 200
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def answer(self, _: aiohttp_web.Request) -> aiohttp_web.Response:
        self.asked += 1
        self.arrived.release()
        await self.gate.wait()
        return aiohttp_web.json_response({"to": self.to, "name": "Zoë"}, status=self.status)


@pytest.fixture
async def api() -> AsyncIterator[CustomersApi]:
    api = CustomersApi()
    api.gate.set()
    application = aiohttp_web.Application()
    application.router.add_route("*", "/who", api.answer)
    runner = aiohttp_web.AppRunner(application)
    await runner.setup()
    await aiohttp_web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield api
    await runner.cleanup()


@pytest.fixture
async def web(tmp_path: Path, api: CustomersApi, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebRig]:
    monkeypatch.setenv("API_KEY", ENVIRONMENT["API_KEY"])
    monkeypatch.setattr("ari_app.storage.last_good_reader.RECALL_S", PATIENCE_S)
    before, _, rest = CONFIG.partition("routes:")
    after = rest[rest.index("web:") :]
    async with web_rig(tmp_path, before + ROUTES.replace("API/", f"{api.url}/") + after) as rig:
        yield rig


async def tried(web: WebRig, route: str = "sales", **options: Any) -> dict[str, Any]:
    status, told = await web.ask("POST", f"/routes/{route}/test", json={"number": CALLER, **options})
    assert status == 200, told
    return dict(told)


def untimed(told: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from one second to the next."""
    answers = [told["answer"], *(attempt["answer"] for attempt in told["failed_attempts"])]
    for answer in filter(None, answers):
        answer.pop("elapsed_ms")
    return told


@pytest.mark.parametrize(
    ("route", "to", "options", "words"),
    [
        ("sales", "456", {}, []),
        ("sales", "456", {"withheld": True, "name": "Eve"}, ["--withheld", "--name", "Eve"]),
        (
            "sales",
            "nobody",
            {"headers": {"X-Account": "7=8"}, "called": "+14155550100"},
            ["--header", "X-Account=7=8", "--called", "+14155550100"],
        ),
        ("team", "7", {"variables": {"ACCOUNT": "x"}}, ["--var", "ACCOUNT=x"]),
        ("outside", CALLER, {}, []),
        ("outside", "+5352123456", {"at": "2026-12-25 10:00"}, ["--at", "2026-12-25 10:00"]),
    ],
)
async def test_the_answer_is_that_of_the_command(
    web: WebRig, api: CustomersApi, tmp_path: Path, *, route: str, to: str, options: dict[str, Any], words: list[str]
) -> None:
    api.to = to
    command = Command(tmp_path / "router.yaml")
    ran = await command("test-route", route, CALLER, *words, "--json", extra=ENVIRONMENT)
    assert untimed(await tried(web, route, **options)) == untimed(ran.json)
    assert api.asked == 2


async def test_the_answer_is_that_of_the_command_also_when_the_api_fails(
    web: WebRig, api: CustomersApi, tmp_path: Path
) -> None:
    api.status = 500
    ran = await Command(tmp_path / "router.yaml")("test-route", "sales", CALLER, "--json", extra=ENVIRONMENT)
    told = untimed(await tried(web))
    assert told == untimed(ran.json)
    assert told["error"]["code"] == "api_status"


async def test_a_trial_rings_nobody_and_is_on_no_record(web: WebRig) -> None:
    told = await tried(web)
    assert told["destination"] == {"type": "user", "value": "456"}
    assert (dict(web.supervisor.live), list(await web.call_log.recent(1))) == ({}, [])


async def test_no_secret_is_told(web: WebRig) -> None:
    for method, path, body in (
        ("POST", "/routes/sales/test", {"number": CALLER}),
        ("GET", "/routes/sales", None),
        ("GET", "/routes", None),
    ):
        status, told = await web.ask(method, path, json=body)
        assert (status, "geheim" in str(told), "***" in str(told)) == (200, False, True)


async def test_who_is_busy_is_known_as_calls_know_it(web: WebRig) -> None:
    web.presence.device_changed("PJSIP/ada", "INUSE")
    told = await tried(web)
    assert told["members"] == [{"user": "456", "name": "Ada", "state": "in_call", "for_s": None}]
    assert told["devices"] == []


async def test_the_devices_are_told_as_asterisk_knows_them(web: WebRig) -> None:
    async def look_up(endpoints: Sequence[str]) -> Mapping[str, KnownDevice]:
        known = DeviceState("online", ("PJSIP/ada/sip:ada@192.0.2.7:5060",))
        return {endpoint: known if endpoint == "ada" else DeviceState("missing", ()) for endpoint in endpoints}

    web.services.trials.look_up = look_up
    assert (await tried(web))["devices"] == [
        {"endpoint": "PJSIP/ada", "contacts": ["sip:ada@192.0.2.7:5060"], "state": "online", "confirm": False},
        {"endpoint": "PJSIP/ada-desk", "contacts": [], "state": "missing", "confirm": False},
    ]


async def test_a_trial_has_an_end(web: WebRig, api: CustomersApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_trials, "LONGEST_S", 0.1)
    api.gate.clear()
    status, problem = await web.ask("POST", "/routes/sales/test", json={"number": CALLER})
    assert (status, problem["code"]) == (504, "test_too_slow")
    api.gate.set()


async def test_trials_that_fail_open_no_breaker(web: WebRig, api: CustomersApi) -> None:
    api.status = 500
    for _ in range(10):
        assert (await tried(web))["error"]["code"] == "api_status"
    assert [(each.breaker, each.failures, each.in_progress) for each in web.upstreams.status()] == [("closed", 0, 0)]


async def test_an_open_breaker_is_told_and_the_api_not_asked(web: WebRig, api: CustomersApi) -> None:
    api.status = 500
    upstream = web.upstreams.of(api.url)
    for _ in range(5):
        async with upstream.lookup(1) as trial:
            trial.failed(FAILURE)
    asked = api.asked
    assert (await tried(web))["error"]["code"] == "breaker_open"
    assert api.asked == asked


async def test_nothing_is_remembered_of_a_trial_and_only_what_is_asked_for_recalled(
    web: WebRig, api: CustomersApi
) -> None:
    await tried(web)
    api.status = 503
    assert (await tried(web, last_good=True))["error"]["code"] == "api_status"
    api.status = 200
    async with web.services.routing.for_a_call() as router:
        call = CallInfo(call_id="1", route_name="sales", caller_number=CALLER, at=datetime.now(UTC))
        await router.route(call, lambda _: None)
    api.status = 503
    assert (await tried(web))["source"] == "answer"
    recalled = await tried(web, last_good=True)
    assert (recalled["source"], recalled["destination"]) == ("last_good", {"type": "user", "value": "456"})


async def test_only_some_trials_go_on_at_a_time(web: WebRig, api: CustomersApi) -> None:
    api.gate.clear()
    going_on = [asyncio.create_task(tried(web)) for _ in range(AT_A_TIME)]
    for _ in going_on:
        await api.arrived.acquire()
    url, headers = f"{web.url}/api/v1/routes/sales/test", {"authorization": f"Bearer {TOKEN}"}
    async with web.http.post(url, json={"number": CALLER}, headers=headers) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (429, "5")
        assert (await answer.json(content_type=None))["code"] == "tests_busy"
    api.gate.set()
    assert [told["value"] for told in await asyncio.gather(*going_on)] == ["456"] * AT_A_TIME
    assert (await tried(web))["value"] == "456"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"number": ""}, "bad_request"),
        ({"number": CALLER, "headers": {"x" * 65: "x"}}, "bad_request"),
        ({"number": CALLER, "headers": {f"x{n}": "" for n in range(33)}}, "bad_request"),
        ({"number": CALLER, "route": "x"}, "bad_request"),
        ({}, "bad_request"),
    ],
)
async def test_a_body_that_cannot_be_is_refused(web: WebRig, api: CustomersApi, body: object, code: str) -> None:
    status, problem = await web.ask("POST", "/routes/sales/test", json=body)
    assert (status, problem["code"], api.asked) == (422, code, 0)


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        ({"number": "4155550177"}, ["4155550177"], "number_not_e164"),
        ({"variables": {"a b": "x"}}, [CALLER, "--var", "a b=x"], "option_malformed"),
        ({"at": "tomorrow"}, [CALLER, "--at", "tomorrow"], "option_malformed"),
    ],
)
async def test_a_wrong_question_is_told_as_the_command_tells_it(
    web: WebRig, api: CustomersApi, tmp_path: Path, *, options: dict[str, Any], words: list[str], code: str
) -> None:
    ran = await Command(tmp_path / "router.yaml")("test-route", "sales", *words, "--json", extra=ENVIRONMENT)
    told = await tried(web, **options)
    assert (told, told["error"]["code"], api.asked) == (ran.json, code, 0)


async def test_a_route_that_there_is_not_is_told(web: WebRig) -> None:
    for method, path in (("GET", "/routes/nowhere"), ("POST", "/routes/nowhere/test")):
        status, problem = await web.ask(method, path, json={"number": CALLER})
        assert (status, problem["code"]) == (404, "route_unknown")


async def test_reading_routes_and_trying_them_are_two_scopes(web: WebRig) -> None:
    web.scopes = {Scope.ROUTES_READ}
    assert (await web.ask("POST", "/routes/sales/test", json={"number": CALLER}))[0] == 403
    web.scopes = {Scope.ROUTES_TEST}
    assert (await web.ask("POST", "/routes/sales/test", json={"number": CALLER}))[0] == 200
    assert [(await web.ask("GET", path))[0] for path in ("/routes", "/routes/sales")] == [403, 403]


async def test_a_route_is_told_as_it_is_configured(web: WebRig, api: CustomersApi) -> None:
    _, route = await web.ask("GET", "/routes/sales")
    assert route == (await web.ask("GET", "/routes"))[1]["items"][0]
    assert route["request"]["url"] == f"{api.url}/who?n={{{{callerNumber}}}}&key=***"
    assert route["request"]["headers"] == {"X-Account": "{{header.X-Account}}", "X-Token": "***"}
    assert (route["request"]["auth"], route["request"]["second_auth"]) == ("bearer", None)
    assert (route["response"]["type"], route["response"]["paths"]) == ("user", ["to"])
    assert route["ringing"] == {"timeout_s": 25.0, "order": None, "if_busy": "skip"}
    assert [(step["type"], step["value"]) for step in route["fallback"]] == [("team", "7"), ("hangup", "busy")]
    assert (route["last_good_s"], route["hours"], route["closed"]) == (3600.0, None, None)
    _, team = await web.ask("GET", "/routes/team")
    assert (team["request"]["method"], team["request"]["fields"]) == ("POST", {"var": "{{var.ACCOUNT}}"})
