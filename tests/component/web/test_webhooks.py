"""Webhooks over real HTTP: made, changed, rotated, looked into, sent again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ari_app.access.scopes import Scope
from ari_app.domain.notices import NoticeType
from tests.component.web.rig import TOKEN, WebRig

URL = "https://crm.example.com/hooks"
CRM = {"name": "crm", "url": URL, "types": ["call.*"], "users": ["456"], "headers": {"X-Token": "geheim-geheim"}}


async def made(web: WebRig, **given: Any) -> Any:
    status, told = await web.ask("POST", "/webhooks", json={**CRM, **given})
    assert status == 201, told
    return told


async def test_a_webhook_is_made_and_found_by_id_and_name_without_its_secret(web: WebRig) -> None:
    async with web.http.post(
        f"{web.url}/api/v1/webhooks", json=CRM, headers={"authorization": f"Bearer {TOKEN}"}
    ) as answer:
        told, location = await answer.json(), answer.headers["location"]
    assert told["secret"].startswith("whsec_")
    assert location == f"/api/v1/webhooks/{told['webhook']['id']}"
    for name in ("crm", told["webhook"]["id"]):
        status, found = await web.ask("GET", f"/webhooks/{name}")
        assert (status, found) == (200, told["webhook"])
    assert (found["headers"], found["state"], found["pending"]) == (["X-Token"], "active", 0)
    _, listed = await web.ask("GET", "/webhooks")
    assert (listed["items"], listed["total"], listed["next"]) == ([told["webhook"]], 1, None)
    assert told["secret"] not in str((found, listed))
    assert "geheim" not in str((told, found, listed))


async def test_what_is_given_is_changed_and_the_rest_stays(web: WebRig) -> None:
    await made(web)
    status, told = await web.ask("PATCH", "/webhooks/crm", json={"users": ["77", "78"], "enabled": False})
    assert status == 200
    assert (told["webhook"]["users"], told["webhook"]["state"]) == (["77", "78"], "disabled")
    assert told["webhook"]["headers"] == ["X-Token"]
    assert told["warnings"] == ["the configuration has none of these users: 78; known here: 456, 77"]
    status, _ = await web.ask("DELETE", "/webhooks/crm")
    assert status == 204
    status, problem = await web.ask("DELETE", "/webhooks/crm")
    assert (status, problem["code"]) == (404, "webhook_unknown")


async def test_a_new_secret_is_shown_once_and_the_former_counts_for_a_day(web: WebRig) -> None:
    first = await made(web)
    status, told = await web.ask("POST", "/webhooks/crm/secret")
    assert status == 200
    assert told["secret"] != first["secret"]
    left = datetime.fromisoformat(told["webhook"]["old_secret_until"]) - datetime.now(UTC)
    assert 86_300 < left.total_seconds() <= 86_400
    status, told = await web.ask("POST", "/webhooks/crm/secret", json={"keep_old_s": 0})
    assert (status, told["webhook"]["old_secret_until"]) == (200, None)


async def test_a_test_is_on_record_with_its_body_and_can_be_sent_again(web: WebRig) -> None:
    await made(web, types=["call.ended"])
    status, tried = await web.ask("POST", "/webhooks/crm/test")
    assert (status, tried["type"], tried["state"], tried["is_replay"]) == (202, "webhook.test", "pending", False)
    status, shown = await web.ask("GET", f"/webhooks/crm/deliveries/{tried['id']}")
    assert (status, shown["tried"], shown["request"]["content_type"]) == (200, [], "application/json")
    assert '"type":"webhook.test"' in shown["request"]["body"]
    status, again = await web.ask("POST", f"/webhooks/crm/deliveries/{tried['id']}/replay")
    assert (status, again["event_id"], again["is_replay"]) == (202, tried["event_id"], True)
    _, page = await web.ask("GET", "/webhooks/crm/deliveries?limit=1&state=pending&type=webhook.*")
    assert [each["id"] for each in page["items"]] == [again["id"]]
    _, page = await web.ask("GET", f"/webhooks/crm/deliveries?limit=1&cursor={page['next']}")
    assert ([each["id"] for each in page["items"]], page["next"]) == ([tried["id"]], None)
    _, shown = await web.ask("GET", "/webhooks/crm")
    assert (shown["pending"], shown["oldest_pending_at"]) == (2, tried["at"])
    since = tried["at"].replace("+", "%2B")
    _, page = await web.ask("GET", f"/webhooks/crm/deliveries?before={since}")
    assert page["items"] == []


async def test_nothing_on_record_is_nothing_to_send_again(web: WebRig) -> None:
    await made(web)
    status, told = await web.ask("POST", "/webhooks/crm/replay", json={"since": "2026-11-21T00:00:00Z"})
    assert (status, told) == (202, {"replayed": 0, "next": None})


async def test_every_type_of_event_has_a_sentence_and_an_example(web: WebRig) -> None:
    status, told = await web.ask("GET", "/webhooks/event-types")
    assert status == 200
    assert {each["type"] for each in told["items"]} == set(NoticeType)
    for each in told["items"]:
        assert each["description"].endswith(".")
        assert each["example"].keys() == {"type", "timestamp", "data"}
        assert each["example"]["type"] == each["type"]


@pytest.mark.parametrize(
    ("asked", "body", "refusal"),
    [
        ("POST /webhooks", {**CRM, "name": "crm"}, (409, "webhook_exists")),
        ("POST /webhooks", {**CRM, "name": "x", "url": "http://10.0.0.1/"}, (422, "url_not_allowed")),
        ("POST /webhooks", {**CRM, "name": "x", "types": ["call.endet"]}, (422, "event_type_unknown")),
        ("POST /webhooks", {**CRM, "name": "x", "secret": "mine"}, (422, "bad_request")),
        ("POST /webhooks", {"name": "x"}, (422, "bad_request")),
        ("PATCH /webhooks/crn", {"enabled": True}, (404, "webhook_unknown")),
        ("PATCH /webhooks/crm", {"headers": {"webhook-id": "1"}}, (422, "bad_header")),
        ("GET /webhooks/crm/deliveries/1", None, (404, "delivery_unknown")),
        ("POST /webhooks/crm/deliveries/1/replay", None, (404, "delivery_unknown")),
        ("GET /webhooks/crm/deliveries?state=lost", None, (422, "bad_request")),
        ("GET /webhooks/crm/deliveries?type=call", None, (422, "event_type_unknown")),
        (
            "POST /webhooks/crm/replay",
            {"since": "2026-11-21T09:00:00Z", "before": "2026-11-21T08:00:00Z"},
            (422, "bad_period"),
        ),
        ("POST /webhooks/crm/replay", {"since": "2026-11-21"}, (422, "bad_request")),
    ],
)
async def test_what_cannot_be_is_refused(web: WebRig, asked: str, body: object, refusal: tuple[int, str]) -> None:
    await made(web)
    method, path = asked.split()
    status, problem = await web.ask(method, path, json=body)
    assert (status, problem["code"]) == refusal
    assert problem["remedy"]


async def test_who_may_only_read_changes_nothing(web: WebRig) -> None:
    await made(web)
    web.scopes.remove(Scope.WEBHOOKS_WRITE)
    for method, path in (("PATCH", "/webhooks/crm"), ("DELETE", "/webhooks/crm"), ("POST", "/webhooks/crm/secret")):
        status, problem = await web.ask(method, path, json={})
        assert (status, problem["code"]) == (403, "scope_missing")
    assert (await web.ask("GET", "/webhooks/crm"))[0] == 200


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_moment_that_is_none_in_utc_is_refused(web: WebRig, moment: str) -> None:
    await made(web)
    for name in ("since", "before"):
        status, problem = await web.ask("GET", "/webhooks/crm/deliveries", params={name: moment})
        assert (status, problem["code"]) == (422, "bad_request")
    status, problem = await web.ask("POST", "/webhooks/crm/replay", json={"since": moment})
    assert (status, problem["code"]) == (422, "bad_request")
