"""Aircall's face, by a client that knows its guide alone, on a real database, and in its corners."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth
from yarl import URL

from ari_app.access.key import new_key
from ari_app.access.scopes import Scope
from ari_app.calls.clock import now
from ari_app.web.faces.aircall.search import Search
from ari_app.web.faces.aircall.shapes import number_id, user_id
from tests.clients import scenarios_aircall
from tests.clients.aircall import AircallClient
from tests.component.web.rig import TOKEN, WebRig
from tests.component.web.vendor_calls import CALLER, OURS, OUTSIDE, WORLD, failures, vendor_rig

_, KEY_ID, SECRET = TOKEN.split("_")


@pytest.fixture
async def aircall(tmp_path: Path) -> AsyncIterator[WebRig]:
    async with vendor_rig(tmp_path, "{aircall: {}}") as rig:
        yield rig


async def ask(web: WebRig, method: str, path: str, **options: Any) -> tuple[int, Any]:
    headers = {"authorization": encode_basic_auth(KEY_ID, SECRET), **options.pop("headers", {})}
    address = URL(f"{web.url}/v1{path}", encoded=True)
    async with web.http.request(method, address, headers=headers, **options) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else await answer.text()


async def found(web: WebRig, query: str) -> list[dict[str, Any]]:
    status, told = await ask(web, "GET", f"/calls/search?{query}")
    assert status == 200, told
    calls: list[dict[str, Any]] = told["calls"]
    return calls


async def test_the_vendors_client_finds_all_that_its_guide_promises(aircall: WebRig) -> None:
    async with AircallClient(aircall.url, KEY_ID, SECRET) as client:
        assert await failures(scenarios_aircall.scenarios(WORLD), client) == []
    async with AircallClient(aircall.url, "any name", TOKEN) as client:
        assert (await client.search_calls()).total == 11


async def test_a_call_is_told_with_its_user_and_both_numbers(aircall: WebRig) -> None:
    (call, *_) = await found(aircall, f"order=des&phone_number={CALLER}")
    assert call.pop("id") < 2**52
    assert call == {
        "direction": "inbound",
        "status": "done",
        "started_at": 1795185000,
        "answered_at": 1795185004,
        "ended_at": 1795185014,
        "duration": 14,
        "raw_digits": CALLER,
        "user": {"id": 456, "name": "Ada", "email": "ada@example.com"},
        "number": {"id": 14155550100, "digits": OURS},
    }, "and the one that goes on is not searched"
    (placed,) = await found(aircall, f"order=desc&phone_number={OUTSIDE[1:]}")
    assert (placed["direction"], placed["raw_digits"], placed["user"]["id"]) == ("outbound", OUTSIDE, 456)
    (withheld,) = [call for call in await found(aircall, "per_page=50") if call["raw_digits"] == "anonymous"]
    assert withheld["user"] is None


SEARCHES = {
    "phone_number=%2B14155550199": 1,
    "phone_number=(415)%20555-0199": 1,
    "phone_number=": 0,
    "phone_number=+": 0,
    "phone_number=%20": 0,
    "order=&user_id=&direction=&from=&to=&page=&per_page=": 11,
    "user_id=77": 4,
    "direction=outbound": 1,
    "from=1795132800&to=1795166999": 1,
    "from=1795163400&to=1795163400": 1,
    "from=253402300799": 0,
    "to=253402300799": 11,
    "page=1000000": 0,
    "unknown=1": 11,
}


async def test_a_search_is_narrowed(aircall: WebRig) -> None:
    assert {query: len(await found(aircall, query)) for query in SEARCHES} == SEARCHES


async def test_links_lead_back_through_a_proxy_that_ends_tls(aircall: WebRig) -> None:
    proxys = {"x-forwarded-proto": "https", "host": "pbx.example.com"}
    _, told = await ask(aircall, "GET", "/calls/search?per_page=2&page=2", headers=proxys)
    assert told["meta"]["next_page_link"] == "https://pbx.example.com/v1/calls/search?page=3&per_page=2"
    assert told["meta"]["previous_page_link"] == "https://pbx.example.com/v1/calls/search?page=1&per_page=2"
    address = "/calls/search?per_page=2&page=2&phone_number=+1415"
    _, told = await ask(aircall, "GET", address, headers={"x-forwarded-proto": "javascript"})
    assert told["meta"]["previous_page_link"].startswith("http://127.0.0.1:")
    assert "phone_number=+1415" in told["meta"]["previous_page_link"]


async def test_a_mistake_in_a_search_is_told(aircall: WebRig) -> None:
    for query in (
        "order=up",
        "page=0",
        "per_page=51",
        "from=x",
        "to=-1",
        "direction=out",
        "phone_number=%00",
        "user_id=1%00",
    ):
        status, told = await ask(aircall, "GET", f"/calls/search?{query}")
        assert (status, sorted(told)) == (400, ["error", "troubleshoot"])
        assert query.partition("=")[0] in told["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"number_id": 14155550100, "to": OUTSIDE},
        {"number_id": 14155550100.0, "to": OUTSIDE},
        {"to": OUTSIDE, "more": 1},
    ],
)
async def test_a_call_is_started(aircall: WebRig, body: dict[str, Any]) -> None:
    assert await ask(aircall, "POST", "/users/456/calls", json=body) == (204, "")
    assert len(aircall.supervisor.live) == 1


REFUSED: list[tuple[str, Any, int]] = [
    ("457", {"number_id": 14155550100, "to": OUTSIDE}, 404),
    ("ada@example.com", {"number_id": 14155550100, "to": OUTSIDE}, 404),
    ("456", {"number_id": 14155550111, "to": OUTSIDE}, 400),
    ("456", {"number_id": "1", "to": OUTSIDE}, 400),
    ("456", {"number_id": True, "to": OUTSIDE}, 400),
    ("456", {"number_id": 14155550100.5, "to": OUTSIDE}, 400),
    ("456", {"number_id": 14155550100, "to": "911"}, 400),
    ("456", {"number_id": 14155550100, "to": "nobody"}, 400),
    ("456", {"number_id": 14155550100}, 400),
    ("456", [], 400),
]


async def test_a_call_that_cannot_be_started_is_refused_in_their_form(aircall: WebRig) -> None:
    for user, body, status in REFUSED:
        got, told = await ask(aircall, "POST", f"/users/{user}/calls", json=body)
        assert (got, sorted(told)) == (status, ["error", "troubleshoot"]), body
    assert aircall.supervisor.live == {}


async def test_only_basic_authentication_with_a_key_of_this_face_is_let_in(aircall: WebRig) -> None:
    key, token = new_key("crm", frozenset(Scope) - {Scope.FACE_AIRCALL}, now())
    aircall.keys.put(key)
    shut: list[dict[str, str]] = [
        {},
        {"authorization": f"Bearer {TOKEN}"},
        {"token": TOKEN},
        {"authorization": encode_basic_auth(key.id, token.secret)},
        {"authorization": encode_basic_auth(KEY_ID, "wrong")},
        {"authorization": encode_basic_auth(key.id, SECRET)},
        {"authorization": "Basic"},
        {"authorization": "Basic !"},
        {"authorization": "Basic /w=="},
    ]
    for headers in shut:
        for method, path in (("GET", "/calls/search"), ("POST", "/users/456/calls")):
            async with aircall.http.request(method, f"{aircall.url}/v1{path}", headers=headers) as answer:
                told = await answer.json()
            assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Basic realm="agi-router"'), headers
            assert sorted(told) == ["error", "troubleshoot"]
            assert "Bearer" not in told["troubleshoot"], "that would not let him in"


def numbers_of(phone_number: str) -> tuple[str, ...]:
    wanted = Search.model_validate({"phone_number": phone_number}).wanted("US")
    assert wanted is not None
    return wanted.numbers


def test_a_plus_that_has_become_a_space_is_one() -> None:
    assert "+12025550123" in numbers_of("2025550123")
    assert "+12025550123" not in numbers_of(" 2025550123")


@pytest.mark.parametrize(
    ("own", "theirs"), [("456", 456), ("0", 0), ("007", "007"), ("ada", "ada"), ("٣", "٣"), ("-1", "-1")]
)
def test_an_id_that_is_a_number_is_one(own: str, theirs: int | str) -> None:
    assert user_id(own) == theirs


def test_a_number_of_ours_is_named_by_its_digits() -> None:
    assert (number_id("+14155550100"), number_id("101"), number_id("")) == (14155550100, None, None)


async def test_of_who_is_not_let_in_no_body_is_read(aircall: WebRig) -> None:
    async with aircall.http.post(f"{aircall.url}/v1/users/456/calls", data=b"{") as answer:
        assert answer.status == 401
