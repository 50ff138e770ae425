"""Every method and every way to send fields, from the configuration to what a real HTTP server gets."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from agi_router.decide import Router
from agi_router.document import load_document, validate
from agi_router.routing.call_info import CallInfo
from agi_router.routing.decision import Decision
from agi_router.settings import RoutingSections, routing_settings

METHODS = ("GET", "POST", "PUT", "DELETE")
SECRET = "s3same-0pen"
FIELDS = """\
fields: {n: "{{callerNumber}}", national: "{{callerNumberNational}}", digits: "{{callerNumberDigits}}",
               name: "{{callerName}}", limit: 1, all: true, none: null}"""
AS_JSON = {
    "n": "+12025550123",
    "national": "2025550123",
    "digits": "12025550123",
    "name": 'Zoë "&\r\nX-Evil: 1',
    "limit": 1,
    "all": True,
    "none": None,
}
AS_TEXT = {**AS_JSON, "limit": "1", "all": "true", "none": ""}


@dataclass(frozen=True)
class Got:
    """One request as the server saw it; header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Api:
    port: int
    folder: Path
    got: list[Got]

    async def ask(
        self, keys: str, url: str = "/x", environment: Mapping[str, str] | None = None
    ) -> tuple[Got, Decision]:
        """What the server gets for a request of these keys, and the decision; `url` from the path on, or all of it."""
        origin = f"http://127.0.0.1:{self.port}" if url.startswith("/") else ""
        file = self.folder / "config.yaml"
        file.write_text(
            "network: {allowed_networks: [127.0.0.0/8]}\n"
            "defaults: {region: US}\n"
            "routes:\n"
            "  r:\n"
            "    request:\n"
            f"      url: {origin}{url}\n"
            f"      {keys}\n"
            "    response: {format: text, type: endpoint}\n"
        )
        document = load_document(file, environment or {"SECRET": SECRET})
        settings = routing_settings(document, validate(document, RoutingSections))
        info = CallInfo(
            call_id="c-1", route_name="r", caller_number="(202) 555-0123", caller_name='Zoë "&\r\nX-Evil: 1'
        )
        async with Router(settings) as router:
            decision = await router.route(info, lambda _: None)
        assert decision.value == "ada", decision.error
        (got,) = self.got
        return got, decision


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    got: list[Got] = []

    async def handle(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert len(headers) == len(request.headers), "a header came twice"
        got.append(Got(request.method, request.path, dict(request.query), headers, await request.read()))
        return web.Response(text="ada")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Api(runner.addresses[0][1], tmp_path, got)
    await runner.cleanup()


@pytest.mark.parametrize("method", METHODS)
async def test_fields_travel_in_the_query_of_every_method(api: Api, method: str) -> None:
    got, _ = await api.ask(f"method: {method}\n      send: query\n      {FIELDS}", "/x?order=desc")
    assert (got.method, got.path, got.body) == (method, "/x", b"")
    assert got.query == {"order": "desc", **AS_TEXT}
    assert "content-type" not in got.headers


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_method_that_expects_content_says_that_there_is_none(api: Api, method: str) -> None:
    """RFC 9110, section 8.6: servers may answer 411 without it."""
    got, _ = await api.ask(f"method: {method}\n      send: query\n      {FIELDS}")
    assert got.headers["content-length"] == "0"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_fields_travel_as_a_form(api: Api, method: str) -> None:
    got, _ = await api.ask(f"method: {method}\n      send: form\n      {FIELDS}")
    assert (got.method, got.query) == (method, {})
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    assert got.headers["content-length"] == str(len(got.body))
    assert dict(parse_qsl(got.body.decode("ascii"), keep_blank_values=True)) == AS_TEXT


@pytest.mark.parametrize("method", METHODS)
async def test_fields_travel_as_headers(api: Api, method: str) -> None:
    fields = FIELDS.replace("name:", "X-Name:")
    got, _ = await api.ask(f"method: {method}\n      send: headers\n      {fields}\n      headers: {{X-Source: pbx}}")
    assert (got.method, got.query, got.body) == (method, {}, b"")
    expected = {**AS_TEXT, "x-name": 'Zo%C3%AB "&X-Evil: 1', "x-source": "pbx"}
    del expected["name"]
    assert expected.items() <= got.headers.items()
    assert "x-evil" not in got.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_fields_travel_as_json(api: Api, method: str) -> None:
    got, _ = await api.ask(f"method: {method}\n      send: json\n      {FIELDS}")
    assert (got.method, got.query) == (method, {})
    assert got.headers["content-type"] == "application/json"
    assert got.headers["content-length"] == str(len(got.body))
    assert json.loads(got.body) == AS_JSON


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_body_travels_as_it_is_nested(api: Api, method: str) -> None:
    got, _ = await api.ask(f'method: {method}\n      body: {{a: [{{b: "{{{{callerNumberDigits}}}}"}}, 1]}}')
    assert (got.method, json.loads(got.body)) == (method, {"a": [{"b": "12025550123"}, 1]})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_fields_are_the_params_of_a_json_rpc_call(api: Api, method: str) -> None:
    got, _ = await api.ask(f"method: {method}\n      send: json-rpc\n      rpc_method: route.find\n      {FIELDS}")
    assert (got.method, got.query, got.headers["content-type"]) == (method, {}, "application/json")
    assert json.loads(got.body) == {"jsonrpc": "2.0", "id": "c-1", "method": "route.find", "params": AS_JSON}


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ('["{{callerNumber}}", {deep: ["{{callId}}", null]}]', ["+12025550123", {"deep": ["c-1", None]}]),
        ('{caller: {number: "{{callerNumberNational}}"}}', {"caller": {"number": "2025550123"}}),
    ],
)
async def test_a_body_is_the_params_of_a_json_rpc_call(api: Api, body: str, params: Any) -> None:
    got, _ = await api.ask(f"send: json-rpc\n      rpc_method: find\n      body: {body}")
    assert got.method == "POST"
    assert json.loads(got.body)["params"] == params


async def test_a_json_rpc_call_without_fields_has_no_params(api: Api) -> None:
    got, _ = await api.ask("send: json-rpc\n      rpc_method: whoIsOnDuty")
    assert json.loads(got.body) == {"jsonrpc": "2.0", "id": "c-1", "method": "whoIsOnDuty"}


@pytest.mark.parametrize(
    ("keys", "method", "is_json"),
    [
        ("fields: {a: 1}", "GET", False),
        ("send: headers\n      fields: {a: 1}", "GET", False),
        ("send: form\n      fields: {a: 1}", "POST", False),
        ("send: json\n      fields: {a: 1}", "POST", True),
        ("send: json-rpc\n      rpc_method: m", "POST", True),
        ("body: {a: 1}", "POST", True),
        ("method: PUT\n      fields: {a: 1}", "PUT", True),
        ("method: DELETE\n      fields: {a: 1}", "DELETE", False),
    ],
)
async def test_what_is_left_out_is_what_the_rest_implies(api: Api, keys: str, method: str, is_json: bool) -> None:
    got, _ = await api.ask(keys)
    assert (got.method, got.headers.get("content-type") == "application/json") == (method, is_json)


@pytest.mark.parametrize(
    ("name", "of"),
    [("callerNumber", "+12025550123"), ("callerNumberNational", "2025550123"), ("callerNumberDigits", "12025550123")],
)
async def test_a_number_has_its_format_in_the_path_and_the_headers_too(api: Api, name: str, of: str) -> None:
    got, _ = await api.ask(f'headers: {{X-N: "{{{{{name}}}}}"}}', f"/x/{{{{{name}}}}}/y?n={{{{{name}}}}}")
    assert (got.path, got.query, got.headers["x-n"]) == (f"/x/{of}/y", {"n": of}, of)


async def test_headers_may_replace_what_the_router_says_of_itself(api: Api) -> None:
    got, _ = await api.ask("headers: {accept: text/plain, User-Agent: pbx, Content-Type: a/b}\n      body: {a: 1}")
    assert (got.headers["accept"], got.headers["user-agent"], got.headers["content-type"]) == (
        "text/plain",
        "pbx",
        "a/b",
    )


@pytest.mark.parametrize(
    "keys",
    [
        "send: headers\n      fields: {X-Access-Token: '${SECRET}'}",
        "headers: {X-Auth-Key: '${SECRET}'}",
        "send: json-rpc\n      rpc_method: m\n      fields: {password: '${SECRET}'}",
        "send: json-rpc\n      rpc_method: m\n      body: [{login: {client_secret: '${SECRET}'}}]",
        "method: PUT\n      send: form\n      fields: {pwd: '${SECRET}'}",
        "method: DELETE\n      fields: {api_key: '${SECRET}'}",
        "fields: {k: '${SECRET}'}",
        "method: PUT\n      send: form\n      fields: {k: 'a ${SECRET} b'}",
        "method: PUT\n      fields: {k: '${SECRET}'}",
        "send: headers\n      fields: {X-K: 'a ${SECRET}'}",
        "headers: {X-K: '{{callId}}${SECRET}'}",
        "send: json-rpc\n      rpc_method: execute_kw\n      body: [crm, 2, '${SECRET}', {args: ['${SECRET}']}]",
    ],
)
async def test_a_secret_is_sent_and_not_recorded(api: Api, keys: str) -> None:
    got, decision = await api.ask(keys)
    assert SECRET in repr(got)
    assert SECRET not in repr(decision)
    assert "***" in repr(decision.request)


@pytest.mark.parametrize("url", ["/a/${SECRET}/b", "/${SECRET}", "/?k=${SECRET}&n=1", "/?n={{callId}}${SECRET}"])
async def test_a_secret_in_the_url_is_sent_and_not_recorded(api: Api, url: str) -> None:
    got, decision = await api.ask("method: GET", url)
    assert SECRET in got.path + repr(got.query)
    assert decision.request is not None
    told = url.replace("${SECRET}", "***").replace("{{callId}}", "c-1")
    assert decision.request.url == f"http://127.0.0.1:{api.port}{told}"


async def test_an_address_from_the_environment_is_no_secret(api: Api) -> None:
    url = f"http://127.0.0.1:{api.port}/search?n={{{{callerNumberDigits}}}}"
    got, decision = await api.ask("method: GET", "${URL}", {"URL": url})
    assert got.query == {"n": "12025550123"}
    assert decision.request is not None
    assert decision.request.url == f"http://127.0.0.1:{api.port}/search?n=12025550123"
