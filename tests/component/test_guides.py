"""The guides for people who come from elsewhere: their configurations load, ask as printed, and lead where they say."""

import re
from pathlib import Path

import pytest

from agi_router.decide import Router
from agi_router.routing.call_info import CallInfo
from agi_router.routing.destination import (
    Destination,
    EndpointDestination,
    ExternalDestination,
    UserDestination,
)
from ari_app.settings import load_settings
from tests.fakes.documented_api import Page, documented_api

DOCS = Path(__file__).parents[2] / "docs"
CALLERS = {"from-aircall": "+12025550123", "from-ringostat": "+380671234567"}
VARIABLES = {"AGI_ROUTER_PREVIOUS_STEP": "webhookNumber:120", "GOOGLE_ID": "UA-38222689-2"}


@pytest.mark.parametrize(
    ("guide", "route", "request_line", "leads_to"),
    [
        ("from-aircall", "support", "GET /v1/calls/search", UserDestination("456")),
        ("from-ringostat", "sales", "POST /api/addnumber/", ExternalDestination("+380441234567")),
        ("from-ringostat", "sales-http", "GET /api/number", ExternalDestination("+380441234567")),
        ("from-ringostat", "sales-rpc", "POST /api/rpc", EndpointDestination("oksana")),
    ],
)
async def test_a_guides_route_asks_what_it_prints_and_follows_the_answer(
    tmp_path: Path, guide: str, route: str, request_line: str, leads_to: Destination
) -> None:
    page = Page.read(DOCS / f"{guide}.md")
    (printed,) = page.yaml
    file = tmp_path / "agi-router.yaml"
    async with documented_api(page) as api:
        here = re.sub(r"https://[^/\s]+", f"http://127.0.0.1:{api.port}", printed)
        network = "" if "network:" in here else "network: {allowed_networks: [127.0.0.0/8]}\n"
        file.write_text(network + here.replace("10.0.0.0/8", "127.0.0.0/8"), encoding="utf-8")
        settings = load_settings(file, page.environment)
        call = CallInfo(
            call_id="20260304T050607-9f3a2c1b77aa", route_name=route, caller_number=CALLERS[guide], variables=VARIABLES
        )
        async with Router(settings.routing) as router:
            decision = await router.route(call, lambda _: None)
    assert settings.routing.warnings == ()
    assert api.mismatches == []
    assert api.asked == [request_line]
    assert decision.destination == leads_to, decision.error
    assert decision.steps[0].refused is None
