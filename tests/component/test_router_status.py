"""`agi-router status` beside a router that serves: what it tells of the APIs."""

import asyncio
from pathlib import Path

from agi_router.decide import Router
from agi_router.routing.call_info import CallInfo
from ari_app.app.status import token_as_json
from ari_app.control.server import Arguments, serve_control
from ari_app.live.watching.upstreams import upstream_as_json
from ari_app.settings import load_settings
from sandbox import Answer, Api
from tests.command import Command

CONFIG = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
network: {allowed_networks: [127.0.0.0/8]}
defaults: {region: US}
upstreams: [{origin: ORIGIN, failures: 2, open_s: 600, max_concurrent: 7}]
routes: {sales: {request: {url: ORIGIN/who}, response: {format: text, type: user}}}
"""


async def test_an_upstream_is_shown_with_its_breaker_which_the_next_configuration_keeps(tmp_path: Path) -> None:
    config = tmp_path / "router.yaml"
    async with Api("127.0.0.1") as api:
        api.answers["/who"] = Answer(status=503)
        config.write_text(CONFIG.replace("ORIGIN", api.url))
        settings = load_settings(config)
        async with Router(settings.routing) as router:

            async def status(_: Arguments) -> dict[str, object]:
                return {"pid": 1, "upstreams": [upstream_as_json(each) for each in router.upstreams.status()]}

            command = Command(config)
            async with serve_control(settings.control, {"status": status}):
                before = await command("status", "--json")
                for _ in range(2):
                    await router.route(CallInfo(call_id="c", route_name="sales"), lambda _: None)
                text, program = await asyncio.gather(command("status"), command("status", "--json"))
        async with Router(settings.routing, router.upstreams) as successor:
            decision = await successor.route(CallInfo(call_id="c", route_name="sales"), lambda _: None)
    assert decision.error is not None
    assert (decision.error.code, decision.request) == ("breaker_open", None)
    (closed,), (opened,) = before.json["upstreams"], program.json["upstreams"]
    assert (closed["origin"], closed["breaker"], closed["reason"]) == (api.url, "closed", None)
    assert (closed["since"], closed["until"], closed["max_concurrent"]) == (None, None, 7)
    assert (opened["breaker"], opened["reason"]["code"]) == ("open", "api_status")
    assert opened["since"] < opened["until"]
    assert f"upstream {api.url}: open since 20" in " ".join(text.out.split())
    assert "answered 503 [api_status]; 0 of 7 in progress" in " ".join(text.out.split())


OAUTH = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
network: {allowed_networks: [127.0.0.0/8]}
defaults: {region: US}
routes:
  sales: &route
    request: {url: ORIGIN/who, auth: {type: oauth2, token_url: ORIGIN/token, client_id: c, client_secret: s3same}}
    response: {format: text, type: user}
  support: {<<: *route, request: {url: ORIGIN/who, auth: {type: oauth2, token_url: ORIGIN/no, client_id: c,
    client_secret: s3same}}}
"""


async def test_the_token_of_each_route_is_shown_with_its_end_or_with_why_there_is_none(tmp_path: Path) -> None:
    config = tmp_path / "router.yaml"
    async with Api("127.0.0.1") as api:
        api.answers["/token"] = Answer(body={"access_token": "t0ken", "token_type": "Bearer", "expires_in": 600})
        api.answers["/no"] = Answer(body={"error": "unauthorized_client"}, status=400)
        config.write_text(OAUTH.replace("ORIGIN", api.url))
        settings = load_settings(config)
        async with Router(settings.routing) as router:
            for route in ("sales", "support"):
                await router.route(CallInfo(call_id="c", route_name=route), lambda _: None)

            async def status(_: Arguments) -> dict[str, object]:
                return {"tokens": [token_as_json(route, state) for route, state in router.tokens().items()]}

            command = Command(config)
            async with serve_control(settings.control, {"status": status}):
                text, program = await asyncio.gather(command("status"), command("status", "--json"))
    sales, support = program.json["tokens"]
    assert (sales["route"], sales["grant"], sales["is_usable"]) == ("sales", "client_credentials", True)
    assert (support["route"], support["is_usable"], support["failure"]["code"]) == ("support", False, "oauth_refused")
    told = " ".join(text.out.split())
    assert "token sales: client_credentials, valid until 20" in told
    assert "token support: client_credentials, none, as" in told
    assert "s3same" not in text.out + program.out
    assert "t0ken" not in text.out + program.out
