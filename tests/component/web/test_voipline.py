"""VoIPline's face, by a client that knows its pages alone, on a real database, and in its corners."""

import asyncio
import re
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ari_app.access.key import new_key
from ari_app.access.scopes import Scope
from ari_app.calls.clock import now
from ari_app.domain.call_digits import in_digits
from ari_app.domain.history import CallFilter, Paging
from ari_app.domain.parts import PartKind
from ari_app.domain.unavailable import UnavailableError
from ari_app.storage.history import StoredHistory
from tests.clients import scenarios_voipline
from tests.clients.voipline import VoiplineClient
from tests.component.web.rig import TOKEN, WebRig
from tests.component.web.vendor_calls import CALLS, OURS, OUTSIDE, WORLD, failures, vendor_rig
from tests.patience import PATIENCE_S

PATH = "/api/integration/v1"
GONE = "20261119T235959-00000000000b"


@pytest.fixture
async def voipline(tmp_path: Path) -> AsyncIterator[WebRig]:
    async with vendor_rig(tmp_path, "{voipline: {queries_per_15_minutes: off}}") as rig:
        yield rig


async def rows(web: WebRig, what: str, **params: Any) -> list[dict[str, Any]]:
    async with web.http.get(f"{web.url}{PATH}/get-{what}-calls", params=params, headers={"token": TOKEN}) as answer:
        told = await answer.json()
    assert (answer.status, sorted(told), told["code"]) == (200, ["code", "data"], 200), told
    data: list[dict[str, Any]] = told["data"]
    return data


async def post(web: WebRig, **options: Any) -> tuple[int, Any]:
    options.setdefault("headers", {"token": TOKEN})
    async with web.http.post(f"{web.url}{PATH}/call-to-number", **options) as answer:
        return answer.status, await answer.json()


async def calls_placed(web: WebRig) -> list[tuple[str, str, str]]:
    """Of each that goes on: for whom, the number, and by which key."""
    await web.call_log.flush()
    records = [await web.call_log.record(call) for call in web.supervisor.live]
    return [(record.agent, record.called_number, record.key) for record in records if record is not None]


async def test_the_vendors_client_finds_all_that_its_pages_promise(tmp_path: Path) -> None:
    async with vendor_rig(tmp_path, "{voipline: {}}") as web, VoiplineClient(web.url, TOKEN) as client:
        assert await failures(scenarios_voipline.scenarios(WORLD), client) == []


async def test_a_users_rows_tell_each_call_of_his(voipline: WebRig) -> None:
    told = await rows(voipline, "user", users_names="Ada", from_date="2026-11-20", sort_by="oldest_first")
    assert [(row["type"], row["call_duration"], row["conversation_duration"]) for row in told] == [
        ("user_inbound_answered", 14, 10),
        ("user_inbound_missed", 4, 0),
        ("user_outbound_answered", 14, 5),
        ("user_inbound_missed", 14, 0),
        ("user_inbound_missed", 4, 0),
        ("user_inbound_answered", 14, 10),
    ], "the one that goes on is not over, and no row"
    assert told[0] == {
        "unique_call_id": "20261120083000000000000000001",
        "type": "user_inbound_answered",
        "caller_id": "+14155550177",
        "caller_name": "Grace",
        "dest_number": OURS,
        "user_name": "Ada",
        "user_number": "101",
        "call_start_at": "2026-11-20T08:30:00.123Z",
        "connected_at": "2026-11-20T08:30:04.523Z",
        "call_duration": 14,
        "conversation_duration": 10,
    }
    assert (told[1]["caller_id"], told[1]["caller_name"], told[1]["connected_at"]) == (None, None, None)
    assert (told[2]["caller_id"], told[2]["dest_number"]) == (OURS, OUTSIDE)


async def test_groups_rows_tell_who_answered(voipline: WebRig) -> None:
    for what, name in (("queue", "queue_name"), ("ringgroup", "ring_group_name")):
        abandoned, answered = await rows(voipline, what)
        assert (abandoned["status"], abandoned["user_name"], abandoned["user_number"]) == ("abandoned", None, None)
        assert (answered["status"], answered["user_name"], answered["user_number"]) == ("answered", "Bob", "102")
        assert answered["callerid"] == "+14155550177"
        assert "caller_id" not in answered
        assert answered[name] == {"queue": "support-queue", "ringgroup": "Sales"}[what]


@pytest.mark.parametrize(
    ("what", "whose"),
    [
        ("user", {"users_names": "ada"}),
        ("user", {"users_names": "101"}),
        ("user", {"users_names": "456"}),
        ("queue", {"queues_names": "support"}),
        ("queue", {"queues_names[]": "support-queue"}),
        ("ringgroup", {"ringgroups_names": "7"}),
        ("ringgroup", {"ringgroups_names": " Sales ,"}),
    ],
)
async def test_people_and_groups_are_found_by_all_that_they_are_called(
    voipline: WebRig, what: str, whose: dict[str, str]
) -> None:
    found = await rows(voipline, what, **whose)
    wanted = {"user": {"Ada"}, "queue": {"support-queue"}, "ringgroup": {"Sales"}}[what]
    assert {row.get("user_name" if what == "user" else f"{what.replace('gg', 'g_g')}_name") for row in found} == wanted


async def test_who_has_left_the_directory_keeps_his_calls_by_his_id(voipline: WebRig) -> None:
    routing = voipline.settings.routing
    object.__setattr__(routing, "users", routing.users[1:])
    (row,) = await rows(voipline, "user", users_names="456", from_date="2026-11-19", to_date="2026-11-19")
    assert (row["user_name"], row["user_number"]) == ("456", "456")
    assert row["unique_call_id"] == in_digits(GONE)


async def test_empty_parameters_are_none(voipline: WebRig) -> None:
    names = ("users_names", "unique_call_id", "from_date", "to_date", "sort_by", "offset", "limit")
    empty = {**dict.fromkeys(names, ""), "nonsense": "1"}
    assert await rows(voipline, "user", **empty) == await rows(voipline, "user")


async def test_ids_are_digits_and_lead_to_one_call_each(voipline: WebRig) -> None:
    told = await rows(voipline, "user", sort_by="oldest_first")
    ids = list(dict.fromkeys(row["unique_call_id"] for row in told))
    assert all(re.fullmatch(r"\d{29}", each) for each in ids)
    assert len(ids) == len([events for call_id, events in CALLS.items() if not call_id.endswith(("8", "c"))])
    for each in ids:
        assert {row["unique_call_id"] for row in await rows(voipline, "user", unique_call_id=each)} == {each}


async def test_pages_of_any_size_are_cut_from_the_same_list(voipline: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await rows(voipline, "user")
    monkeypatch.setattr("ari_app.web.long_pages.STRIDE", 2)
    assert await rows(voipline, "user") == whole
    assert await rows(voipline, "user", offset=1, limit=5) == whole[1:6]


async def test_for_who_leaves_amid_a_list_nothing_more_is_read(
    voipline: WebRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, began, left = StoredHistory.parts, asyncio.Event(), asyncio.Event()

    async def second_takes_long(self: StoredHistory, kind: PartKind, wanted: CallFilter, paging: Paging) -> Any:
        if paging.cursor:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                left.set()
        return await read(self, kind, wanted, paging)

    monkeypatch.setattr("ari_app.web.long_pages.STRIDE", 2)
    monkeypatch.setattr(StoredHistory, "parts", second_takes_long)
    host, port = voipline.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {PATH}/get-user-calls HTTP/1.1\r\nHost: {host}\r\ntoken: {TOKEN}\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        await began.wait()
        writer.close()
        await left.wait()


async def test_a_database_that_fails_is_told_in_their_form(voipline: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise UnavailableError("the disk is full", "make room")

    monkeypatch.setattr(StoredHistory, "parts", fails)
    async with voipline.http.get(f"{voipline.url}{PATH}/get-user-calls", headers={"token": TOKEN}) as answer:
        told = await answer.json()
    assert (answer.status, told["code"], told["message"]["status"]) == (503, 503, "error")
    assert "disk" not in told["message"]["text"]


MISTAKES = (
    "limit=0",
    "limit=x",
    "offset=-1",
    "from_date=20261120",
    "to_date=2026-02-30",
    "sort_by=%20",
    "sort_by=x",
    "queues_names=%00",
    "queues_names[]=a%00",
    "unique_call_id=%00",
)


async def test_a_mistake_in_a_query_is_told(voipline: WebRig) -> None:
    for mistake in MISTAKES:
        address = f"{voipline.url}{PATH}/get-queue-calls?{mistake}"
        async with voipline.http.get(address, headers={"token": TOKEN}) as answer:
            told = await answer.json()
        assert (answer.status, told["code"], told["message"]["status"]) == (400, 400, "error")
        assert mistake.partition("=")[0] in told["message"]["text"]


async def test_a_call_is_placed_by_any_form_of_body(voipline: WebRig) -> None:
    body = {"user_number": "101", "number_to_call": OUTSIDE, "caller_id": OURS}
    placed = {"user_name": "Ada", "user_number": "101", "caller_id": OURS, "dest_number": OUTSIDE}
    bodies: list[dict[str, Any]] = [
        {"json": body},
        {"data": body},
        {"json": {**body, "user_number": 101, "department": "x"}},
        {"data": b'{"user_number": "ada@example.com", "number_to_call": "+14155550188", "caller_id": "+14155550100"}'},
    ]
    for each in bodies:
        answer = await post(voipline, **each)
        assert answer == (200, {"code": 200, "data": placed, "message": {"status": "success"}}), each
    assert await calls_placed(voipline) == [("456", OUTSIDE, "a test")] * len(bodies)


async def test_without_a_caller_id_none_is_told(voipline: WebRig) -> None:
    _, told = await post(voipline, json={"user_number": "101", "number_to_call": "14155550188", "caller_id": ""})
    assert (told["data"]["caller_id"], told["data"]["dest_number"]) == (None, "14155550188")
    assert await calls_placed(voipline) == [("456", OUTSIDE, "a test")], "E.164 without its plus"


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"data": b"{"}, 400),
    ({"data": b"[1]"}, 400),
    ({"data": b"\xff"}, 400),
    ({"data": b"[" * 100_000}, 400),
    ({"json": {"user_number": "101"}}, 400),
    ({"json": {"user_number": True, "number_to_call": OUTSIDE}}, 400),
    ({"json": {"user_number": "101", "number_to_call": 10**4000}}, 400),
    ({"data": b"x", "headers": {"token": TOKEN, "content-type": "multipart/form-data"}}, 400),
    ({"data": BytesIO(b"x" * 2_000_000)}, 413),
    ({"json": {"user_number": "999", "number_to_call": OUTSIDE}}, 404),
    ({"json": {"user_number": "101", "number_to_call": "911"}}, 403),
    ({"json": {"user_number": "101", "number_to_call": OUTSIDE, "caller_id": "+14155550111"}}, 403),
]


async def test_a_call_that_cannot_be_placed_is_refused_in_their_form(voipline: WebRig) -> None:
    for body, status in REFUSED:
        got, told = await post(voipline, **body)
        assert (got, told["code"], told["message"]["status"]) == (status, status, "error"), body
    assert voipline.supervisor.live == {}


async def test_a_mistake_is_told_by_the_name_of_its_field(voipline: WebRig) -> None:
    for body, text in (
        (b"{", "the body is no JSON; Send a JSON object with user_number and number_to_call."),
        (b"[1]", "the body: is no JSON object; Correct it, and ask again."),
        (b'{"user_number": "101"}', "number_to_call: is missing; Correct it, and ask again."),
        (b'{"user_number": true}', "user_number: Input should be a valid string; Correct it, and ask again."),
    ):
        assert (await post(voipline, data=body))[1]["message"]["text"] == text


async def test_only_a_key_of_this_face_in_its_header_is_let_in(voipline: WebRig) -> None:
    key, token = new_key("crm", frozenset(Scope) - {Scope.FACE_VOIPLINE}, now())
    voipline.keys.put(key)
    shut: list[dict[str, str]] = [{}, {"token": token.text}, {"authorization": f"Bearer {TOKEN}"}, {"x-api-key": TOKEN}]
    for headers in shut:
        for method, path in (("GET", "get-user-calls"), ("POST", "call-to-number")):
            async with voipline.http.request(method, f"{voipline.url}{PATH}/{path}", headers=headers) as answer:
                told = await answer.json()
            assert (answer.status, told["code"], told["message"]["text"]) == (401, 401, "Not authorised"), headers
    for shown in ({"token": TOKEN}, {"ToKeN": TOKEN}):
        async with voipline.http.get(f"{voipline.url}{PATH}/get-user-calls", headers=shown) as answer:
            assert answer.status == 200


async def test_a_key_asks_a_hundred_times_in_15_minutes(tmp_path: Path) -> None:
    async with vendor_rig(tmp_path, "{voipline: {queries_per_15_minutes: 2}}") as web:
        for status in (200, 200, 429, 429):
            async with web.http.get(f"{web.url}{PATH}/get-user-calls", headers={"token": TOKEN}) as answer:
                told = await answer.json()
            assert (answer.status, told["code"]) == (status, status)
        assert answer.headers["ratelimit-policy"] == '"requests";q=2;w=900'
        assert 800 < int(answer.headers["retry-after"]) <= 900
        status, _ = await web.ask("GET", "/whoami")
        assert status == 200, "elsewhere it may"


async def test_a_face_that_is_not_configured_is_not_there(web: WebRig) -> None:
    async with web.http.get(f"{web.url}{PATH}/get-user-calls", headers={"token": TOKEN}) as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "not_found")


async def test_of_who_is_not_let_in_no_body_is_read(voipline: WebRig) -> None:
    async with voipline.http.post(f"{voipline.url}{PATH}/call-to-number", data=b"{") as answer:
        assert answer.status == 401
