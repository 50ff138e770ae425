"""`agi-router status` beside a router that serves: what it tells of the APIs."""

import asyncio
from pathlib import Path

from agi_router.decide import Router
from agi_router.routing.call_info import CallInfo
from ari_app.app import upstream_as_json
from ari_app.control.server import serve_control
from ari_app.settings import load_settings
from sandbox import Answer, Api
from tests.component.test_cli import Command

CONFIG = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
network: {allowed_networks: [127.0.0.0/8]}
defaults: {region: US}
upstreams: [{origin: ORIGIN, failures: 2, max_concurrent: 7}]
routes: {sales: {request: {url: ORIGIN/who}, response: {format: text, type: user}}}
"""


async def test_an_upstream_is_shown_with_its_breaker_which_the_next_configuration_keeps(tmp_path: Path) -> None:
    config = tmp_path / "router.yaml"
    async with Api("127.0.0.1") as api:
        api.answers["/who"] = Answer(status=503)
        config.write_text(CONFIG.replace("ORIGIN", api.url))
        settings = load_settings(config)
        async with Router(settings.routing) as router:

            def status() -> dict[str, object]:
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
