"""The directory over REST: users, teams, numbers, queues, trunks, devices and the dial policy."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ari_app.access.scopes import Scope
from tests.component.web.rig import CONFIG, WebRig, web_rig

FULL = (
    CONFIG.replace(
        "devices: [PJSIP/bob]}",
        'devices: [{endpoint: PJSIP/bob, auto_answer: true}, {external: "+14155550199", confirm: true}], '
        "crm_ids: {hubspot: '9'}}",
    )
    .replace(
        "trunks:",
        '  numbers: {"+14155550100": {route: sales}, "700": {user: "456"}}\n'
        "  queues: [{id: support, name: support-queue, timeout_s: 60}]\ntrunks:",
    )
    .replace('caller_id: "+14155550100"}', 'caller_id: "+14155550100"}, {name: spare, endpoint: spare}')
)
PATHS = ["/users", "/users/456", "/teams", "/teams/7", "/numbers", "/queues", "/trunks", "/devices"]


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebRig]:
    async with web_rig(tmp_path, FULL) as rig:
        yield rig


@pytest.mark.parametrize("path", PATHS)
async def test_the_directory_is_for_keys_with_its_scope(web: WebRig, path: str) -> None:
    assert (await web.ask("GET", path))[0] == 200
    web.scopes.discard(Scope.DIRECTORY_READ)
    status, problem = await web.ask("GET", path)
    assert (status, problem["code"]) == (403, "scope_missing")


async def test_a_user_is_told_with_his_devices_and_teams(web: WebRig) -> None:
    status, bob = await web.ask("GET", "/users/77")
    assert status == 200
    assert bob == {
        "id": "77",
        "name": "Bob",
        "email": None,
        "extension": "102",
        "crm_ids": {"hubspot": "9"},
        "devices": [
            {"endpoint": "PJSIP/bob", "external": None, "trunks": [], "confirm": False, "auto_answer": True},
            {"endpoint": None, "external": "+14155550199", "trunks": [], "confirm": True, "auto_answer": False},
        ],
        "dnd": "Custom:DND102",
        "teams": ["7"],
    }


@pytest.mark.parametrize(("path", "code"), [("/users/nobody", "user_unknown"), ("/teams/nobody", "team_unknown")])
async def test_who_is_not_there_is_told_with_where_to_look(web: WebRig, path: str, code: str) -> None:
    status, problem = await web.ask("GET", path)
    assert (status, problem["code"]) == (404, code)
    assert f"GET /api/v1{path.removesuffix('/nobody')}" in problem["remedy"]


async def test_teams_numbers_queues_and_trunks_are_told(web: WebRig) -> None:
    team = {"id": "7", "name": "Sales", "members": ["456", "77"], "order": "simultaneous"}
    assert await web.ask("GET", "/teams/7") == (200, {**team, "ring_each_s": 15.0, "wrap_up_s": 30.0})
    _, numbers = await web.ask("GET", "/numbers")
    assert numbers["items"] == [
        {"number": "+14155550100", "type": "route", "value": "sales"},
        {"number": "700", "type": "user", "value": "456"},
    ]
    _, queues = await web.ask("GET", "/queues")
    assert queues["items"] == [{"id": "support", "name": "support-queue", "timeout_s": 60.0}]
    _, trunks = await web.ask("GET", "/trunks")
    assert [(trunk["name"], trunk["shows"], trunk["caller_id"]) for trunk in trunks["items"]] == [
        ("main", "own", "+14155550100"),
        ("spare", "called", None),
    ]


async def test_pages_are_turned_by_the_cursor_that_each_of_them_tells(web: WebRig) -> None:
    _, first = await web.ask("GET", "/users?limit=1")
    assert ([user["id"] for user in first["items"]], first["total"]) == (["456"], 2)
    _, second = await web.ask("GET", f"/users?limit=1&cursor={first['next']}")
    assert ([user["id"] for user in second["items"]], second["next"]) == (["77"], None)
    assert second == (await web.ask("GET", "/users?limit=1&offset=1"))[1]
    assert (await web.ask("GET", "/users?offset=5"))[1] == {"items": [], "total": 2, "next": None}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=10001", "offset=-1", "cursor=x", "cursor=-1", "limit=ten", "offset=10000000"]
)
async def test_a_page_that_cannot_be_is_refused(web: WebRig, query: str) -> None:
    status, problem = await web.ask("GET", f"/users?{query}")
    assert (status, problem["code"]) == (422, "bad_request")
    assert problem["errors"][0]["pointer"] == query.partition("=")[0]


async def test_devices_are_listed_also_while_asterisk_cannot_be_asked(web: WebRig) -> None:
    web.presence.device_changed("PJSIP/ada", "INUSE")
    status, devices = await web.ask("GET", "/devices")
    assert status == 200
    assert devices["asterisk_reached"] is False
    assert [(each["endpoint"], each["user"], each["trunk"], each["call_state"]) for each in devices["items"]] == [
        ("PJSIP/ada", "456", None, "INUSE"),
        ("PJSIP/ada-desk", "456", None, None),
        ("PJSIP/bob", "77", None, None),
        ("PJSIP/trunk", None, "main", None),
        ("PJSIP/spare", None, "spare", None),
    ]
    assert {(each["registered"], each["state"], each["contacts"]) for each in devices["items"]} == {(None, None, None)}


@pytest.mark.parametrize(
    ("query", "endpoints"),
    [
        ("kind=trunk", ["PJSIP/trunk", "PJSIP/spare"]),
        ("user=77", ["PJSIP/bob"]),
        ("kind=trunk&user=77", []),
        ("limit=2&offset=3", ["PJSIP/trunk", "PJSIP/spare"]),
    ],
)
async def test_some_of_the_devices_can_be_asked_for(web: WebRig, query: str, endpoints: list[str]) -> None:
    _, devices = await web.ask("GET", f"/devices?{query}")
    assert [device["endpoint"] for device in devices["items"]] == endpoints


async def test_a_reload_shows(web: WebRig) -> None:
    routing = web.settings.routing
    web.settings = replace(web.settings, routing=replace(routing, users=routing.users[:1], teams=()))
    assert (await web.ask("GET", "/users/77"))[0] == 404
    assert (await web.ask("GET", "/teams"))[1]["total"] == 0


async def test_the_counters_of_the_dial_policy_are_those_of_the_command(web: WebRig) -> None:
    status, told = await web.ask("GET", "/policy")
    assert status == 200
    assert told == web.rules.as_json({})
    assert {count["measure"] for count in told["counters"]} >= {"concurrent", "calls_per_day"}
    web.scopes.discard(Scope.POLICY_READ)
    assert (await web.ask("GET", "/policy"))[0] == 403


@pytest.mark.parametrize(
    ("path", "allowed", "code"),
    [
        ("/policy/+14155550177", True, None),
        ("/policy/4155550177?route=sales", True, None),
        ("/policy/+5352123456", False, "policy_region"),
        ("/policy/911", False, "policy_emergency"),
        ("/policy/+14155550177?route=nowhere", False, "route_unknown"),
    ],
)
async def test_a_number_is_judged_without_being_dialled(
    web: WebRig, path: str, allowed: bool, code: str | None
) -> None:
    status, verdict = await web.ask("GET", path)
    assert (status, verdict["allowed"]) == (200, allowed)
    assert (verdict["error"] or {}).get("code") == code
