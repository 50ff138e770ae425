"""What APIs answer, over real HTTP, and what becomes of it: tables, types, ids of CRMs, JSON-RPC, and screen pops."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agi_router.decide import Router
from agi_router.document import load_document, validate
from agi_router.routing.call_info import CallInfo
from agi_router.routing.decision import Decision
from agi_router.routing.destination import (
    EndpointDestination,
    ExternalDestination,
    HangupCause,
    HangupDestination,
    UserDestination,
)
from agi_router.routing.step import TrunkTarget
from agi_router.settings import RoutingSections, routing_settings

CONFIG = """\
directory:
  users:
    - {id: "456", email: ada@example.com, crm_ids: {hubspot: "77"}, devices: [PJSIP/ada]}
    - {id: "77", devices: [PJSIP/bob]}
trunks: [{name: main, endpoint: trunk}, {name: office, endpoint: pbx, trusted: true}]
policy: {regions: [US]}
network: {allowed_networks: [127.0.0.0/8]}
defaults: {region: US, fallback: [{endpoint: reception}]}
routes:
  table:
    request: {url: "http://127.0.0.1:PORT/"}
    ringing: {timeout_s: 30}
    response:
      path: tier
      values:
        vip: {user: "456", timeout_s: 40}
        2: {external: "+12025550123", trunk: office}
        blocked: {hangup: rejected}
        "": {endpoint: desk}
      type: external
      caller_name: [contact.name, contact.company]
      ring_timeout: ring
      headers: {X-Contact: contact.id}
      variables: {CONTACT: contact.id}
  types:
    request: {url: "http://127.0.0.1:PORT/"}
    response: {path: to, type_path: kind, types: {phone: external}, crm: hubspot}
  rpc:
    request: {url: "http://127.0.0.1:PORT/", send: json-rpc, rpc_method: route}
    response: {format: json-rpc, path: owner, type: user, crm: hubspot, caller_name: name}
"""


class Api:
    """Answers the same JSON, with the same status, to whatever it is asked."""

    answer: Any = None
    status = 200

    async def handle(self, _request: web.Request) -> web.Response:
        if self.status == 204:
            return web.Response(status=204)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def router(api: Api, tmp_path: Path) -> AsyncIterator[Router]:
    application = web.Application()
    application.router.add_route("*", "/", api.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.replace("PORT", str(runner.addresses[0][1])))
    document = load_document(file)
    async with Router(routing_settings(document, validate(document, RoutingSections))) as router:
        yield router
    await runner.cleanup()


async def decide(router: Router, route: str) -> Decision:
    return await router.route(CallInfo(call_id="c1", route_name=route, caller_number="+12025550199"), lambda _: None)


def code(decision: Decision) -> str:
    assert decision.error is not None
    assert decision.error.remedy
    return decision.error.code


async def test_a_word_of_the_table_becomes_its_destination_and_its_time_to_ring(router: Router, api: Api) -> None:
    api.answer = {"tier": "VIP"}
    decision = await decide(router, "table")
    assert (decision.value, decision.destination) == ("VIP", UserDestination("456"))
    assert [step.timeout_s for step in decision.steps] == [40, 25]


async def test_a_number_of_the_table_leads_over_its_trunk(router: Router, api: Api) -> None:
    api.answer = {"tier": 2}
    decision = await decide(router, "table")
    assert decision.destination == ExternalDestination("+12025550123", ("office",))
    (target,) = decision.steps[0].targets
    assert isinstance(target, TrunkTarget)
    assert [(way.trunk, way.trusted) for way in target.via] == [("office", True)]


@pytest.mark.parametrize("answer", [{}, {"tier": None}, {"tier": ""}])
async def test_no_value_leads_to_the_place_for_it(router: Router, api: Api, answer: object) -> None:
    api.answer = answer
    decision = await decide(router, "table")
    assert (decision.value, decision.destination) == ("", EndpointDestination("desk"))


async def test_no_content_leads_to_the_place_for_it(router: Router, api: Api) -> None:
    api.status = 204
    assert (await decide(router, "table")).destination == EndpointDestination("desk")


async def test_a_word_that_the_table_does_not_have_is_of_the_type(router: Router, api: Api) -> None:
    api.answer = {"tier": "+12025550177"}
    assert (await decide(router, "table")).destination == ExternalDestination("+12025550177")
    api.answer = {"tier": "gold"}
    decision = await decide(router, "table")
    assert (code(decision), decision.value) == ("value_not_number", "gold")


async def test_a_caller_can_be_turned_away(router: Router, api: Api) -> None:
    api.answer = {"tier": "blocked"}
    assert (await decide(router, "table")).destination == HangupDestination(HangupCause.REJECTED)


async def test_an_answer_brings_name_time_headers_and_variables(router: Router, api: Api) -> None:
    api.answer = {"tier": "vip", "ring": "20", "contact": {"company": "ACME\r\nInc", "id": 4711}}
    decision = await decide(router, "table")
    understood = decision.understood
    assert understood is not None
    assert (understood.caller_name, understood.ring_s, understood.notes) == ("ACME Inc", 20, ())
    assert (understood.headers, understood.variables) == ({"X-Contact": "4711"}, {"AGI_ROUTER_CRM_CONTACT": "4711"})
    assert [step.timeout_s for step in decision.steps] == [20, 25]


async def test_oddities_are_noted_and_the_call_goes_on(router: Router, api: Api) -> None:
    api.answer = {"tier": "vip", "ring": {"s": 3}, "contact": {"name": [], "id": {}}}
    decision = await decide(router, "table")
    assert (decision.destination, decision.steps[0].timeout_s) == (UserDestination("456"), 40)
    assert decision.understood is not None
    assert len(decision.understood.notes) == 4


async def test_what_goes_with_a_call_is_known_even_if_it_leads_nowhere(router: Router, api: Api) -> None:
    api.answer = {"tier": "gold", "contact": {"name": "Zoë"}}
    decision = await decide(router, "table")
    assert decision.destination is None
    assert decision.understood is not None
    assert decision.understood.caller_name == "Zoë"


@pytest.mark.parametrize(
    ("answer", "destination"),
    [
        ({"kind": "user", "to": 77}, UserDestination("456")),
        ({"kind": "User", "to": "ada@example.com"}, UserDestination("456")),
        ({"kind": "PHONE", "to": "+12025550123"}, ExternalDestination("+12025550123")),
        ({"kind": "endpoint", "to": "77"}, EndpointDestination("77")),
    ],
)
async def test_an_answer_names_its_own_type(router: Router, api: Api, answer: object, destination: object) -> None:
    api.answer = answer
    assert (await decide(router, "types")).destination == destination


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"kind": "user", "to": "456"}, "user_unknown"),
        ({"kind": "robot", "to": "77"}, "type_unknown"),
        ({"to": "77"}, "type_missing"),
    ],
)
async def test_an_answer_that_names_no_type_or_no_user_of_the_crm(
    router: Router, api: Api, answer: object, why: str
) -> None:
    api.answer = answer
    decision = await decide(router, "types")
    assert code(decision) == why
    assert [step.destination for step in decision.steps] == [EndpointDestination("reception")]


async def test_json_rpc_is_asked_and_its_result_is_read(router: Router, api: Api) -> None:
    api.answer = {"jsonrpc": "2.0", "id": "c1", "result": {"owner": "77", "name": "Zoë"}}
    decision = await decide(router, "rpc")
    assert decision.destination == UserDestination("456")
    assert decision.understood is not None
    assert decision.understood.caller_name == "Zoë"


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_an_error_of_json_rpc_is_the_reason_whatever_the_status(router: Router, api: Api, status: int) -> None:
    api.status = status
    api.answer = {"jsonrpc": "2.0", "id": "c1", "error": {"code": -32601, "message": "Method not found\r\n"}}
    decision = await decide(router, "rpc")
    assert code(decision) == "rpc_error"
    assert decision.error is not None
    assert r'the error -32601: "Method not found\r\n"' in decision.error.message


async def test_a_status_stays_the_reason_when_the_answer_tells_no_error(router: Router, api: Api) -> None:
    api.status, api.answer = 500, {"oops": True}
    assert code(await decide(router, "rpc")) == "api_status"
