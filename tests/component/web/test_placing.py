"""Calls that are placed over HTTP: the answer, what is refused, waiting, and requests that come twice."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agi_router.routing.outgoing import OutgoingCall
from ari_app.calls.ports import ChannelUp
from ari_app.domain import events as e
from tests.component.locking import writing_beside
from tests.component.web.rig import CONFIG, TOKEN, WebRig, web_rig

CALL = {"user": "ada@example.com", "number": "+12025550123"}
ABROAD = {"user": "456", "number": "+442079460123"}
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"

Answer = tuple[int, dict[str, Any], dict[str, str]]


async def post(web: WebRig, body: object = CALL, query: str = "", key: str = "") -> Answer:
    headers = {"authorization": f"Bearer {TOKEN}", "connection": "close"} | ({"idempotency-key": key} if key else {})
    async with web.http.post(f"{web.url}/api/v1/calls{query}", json=body, headers=headers) as answer:
        told = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status, await answer.json(content_type=None), told


async def test_a_placed_call_is_told_with_where_it_goes_on(web: WebRig) -> None:
    status, placed, headers = await post(web, CALL | {"name": "Grace Hopper", "parameters": {"lead": "77"}})
    call_id = placed["call_id"]
    assert (status, placed["state"], placed["call"]) == (202, "setup", None)
    assert headers["location"] == placed["links"]["record"] == f"/api/v1/calls/{call_id}"
    assert list(web.supervisor.live) == [call_id]
    status, record = await web.ask("GET", f"/calls/{call_id}")
    assert (status, record["agent"], record["called_number"]) == (200, "456", "+12025550123")
    assert record["key"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (CALL | {"user": "nobody"}, 404, "user_unknown"),
        (CALL | {"campaign": "none"}, 404, "campaign_unknown"),
        (CALL | {"caller_id": "+12025550199"}, 403, "caller_id_not_ours"),
        (CALL | {"number": "55"}, 404, "dialled_unknown"),
        (CALL | {"number": "101"}, 409, "number_of_agent"),
        (CALL | {"number": "911"}, 403, "policy_emergency"),
        (ABROAD, 403, "policy_region"),
    ],
)
async def test_what_can_not_be_placed_is_told_with_a_remedy(
    web: WebRig, body: dict[str, Any], status: int, code: str
) -> None:
    told, problem, _ = await post(web, body)
    assert (told, problem["code"]) == (status, code)
    assert problem["remedy"]
    assert not web.supervisor.live


async def test_a_call_that_is_to_be_recorded_is_refused_where_recordings_are_off(tmp_path: Path) -> None:
    async with web_rig(tmp_path, CONFIG.replace(", recording: on_demand", "")) as web:
        told, problem, _ = await post(web, CALL | {"record": True})
        assert (told, problem["code"]) == (409, "recording_off")
        assert not web.supervisor.live
        assert (await post(web, CALL | {"record": False}))[0] == 202


async def test_a_call_that_is_to_be_recorded_is_placed_where_that_is_on_demand(web: WebRig) -> None:
    status, placed, _ = await post(web, CALL | {"record": True})
    assert status == 202
    await web.call_log.flush()
    (asked, *_) = await web.call_log.trace(placed["call_id"])
    assert isinstance(asked, e.CallRequested)
    assert (asked.record, asked.recording["mode"]) == (True, "on_demand")


async def test_a_refused_call_that_is_on_record_is_told_with_its_id(web: WebRig) -> None:
    _, problem, _ = await post(web, ABROAD)
    await web.call_log.flush()
    (record,) = await web.call_log.recent(10)
    assert record.call_id == problem["call_id"]
    _, problem, _ = await post(web, CALL | {"user": "nobody"})
    assert problem["call_id"] == ""


async def test_what_passes_by_itself_is_told_with_when_to_ask_again(web: WebRig) -> None:
    web.switch.is_connected = False
    status, problem, headers = await post(web)
    assert (status, problem["code"], headers["retry-after"]) == (503, "asterisk_unreachable", "5")
    web.switch.is_connected, web.supervisor.max_in_setup = True, 0
    status, problem, _ = await post(web)
    assert (status, problem["code"]) == (503, "overload")


async def test_a_limit_of_the_policy_that_is_reached_is_429(tmp_path: Path) -> None:
    limited = CONFIG.replace("policy: {regions: [US]}", "policy: {regions: [US], limits: {calls_per_minute: 1}}")
    async with web_rig(tmp_path, limited) as web:
        web.volume.admit(OutgoingCall("another", "+12025550199", "", ""), datetime.now(UTC))
        status, problem, headers = await post(web)
    assert (status, problem["code"]) == (429, "policy_calls_per_minute")
    assert "retry-after" in headers


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"user": "456"}, "/number"),
        (CALL | {"numbr": "1"}, "/numbr"),
        (CALL | {"agent_ring_s": 1}, "/agent_ring_s"),
        (CALL | {"first": "nobody"}, "/first"),
        (CALL | {"parameters": {"CALLERID(num)": "1"}}, "/parameters/CALLERID(num)/[key]"),
        (CALL | {"parameters": {"lead": "7" * 257}}, "/parameters/lead"),
        (CALL | {"parameters": {f"p{number}": "" for number in range(65)}}, "/parameters"),
        ([], ""),
    ],
)
async def test_a_wrong_body_is_told_with_where_it_is_wrong(web: WebRig, body: object, pointer: str) -> None:
    status, problem, _ = await post(web, body)
    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (422, "bad_request", pointer)


async def test_who_waits_is_answered_when_his_time_is_over_and_the_call_goes_on(web: WebRig) -> None:
    status, placed, _ = await post(web, query="?wait=answered&wait_s=0.1")
    assert (status, placed["state"], placed["call"]["disposition"]) == (202, "setup", "in_progress")
    assert placed["call_id"] in web.supervisor.live


@pytest.mark.parametrize("wait", ["answered", "ended"])
async def test_who_waits_is_told_how_the_call_ended(web: WebRig, wait: str) -> None:
    waiting = asyncio.create_task(post(web, query=f"?wait={wait}"))
    await web.switch.asked["dial"].wait()
    (call,) = web.supervisor.live.values()
    call.withdraw()
    status, placed, headers = await waiting
    assert (status, placed["state"], placed["call"]["disposition"]) == (200, "ended", "abandoned")
    assert headers["location"] == f"/api/v1/calls/{call.call_id}"
    assert {leg["outcome"] for leg in placed["call"]["legs"]} == {"cancelled"}


async def test_the_end_of_who_waits_does_not_take_the_call_back(web: WebRig) -> None:
    async with aiohttp.ClientSession() as http:
        headers = {"authorization": f"Bearer {TOKEN}"}
        asking = asyncio.create_task(http.post(f"{web.url}/api/v1/calls?wait=ended", json=CALL, headers=headers))
        await web.switch.asked["dial"].wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert (await web.ask("GET", "/live"))[1]["total"] == 1


async def test_the_same_request_with_the_same_key_is_the_same_call(web: WebRig) -> None:
    first = await post(web, key=KEY)
    again = await post(web, key=f'"{KEY}"')
    assert (again[0], again[1]) == (first[0], first[1])
    assert again[2]["location"] == first[2]["location"]
    assert ("idempotency-replayed" in first[2], again[2]["idempotency-replayed"]) == (False, "true")
    assert len(web.supervisor.live) == 1


async def test_a_repeated_request_waits_for_the_call_of_the_first_one(web: WebRig) -> None:
    _, placed, _ = await post(web, key=KEY)
    waiting = asyncio.create_task(post(web, query="?wait=ended", key=KEY))
    await web.switch.asked["dial"].wait()
    web.supervisor.live[placed["call_id"]].withdraw()
    status, ended, headers = await waiting
    assert (status, ended["call_id"], headers["idempotency-replayed"]) == (200, placed["call_id"], "true")
    assert (await post(web, query="?wait=ended", key=KEY))[:2] == (status, ended)


async def test_a_key_that_came_with_another_request_is_refused(web: WebRig) -> None:
    await post(web, key=KEY)
    status, problem, _ = await post(web, CALL | {"number": "+12025550124"}, key=KEY)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert len(web.supervisor.live) == 1


async def test_two_requests_at_the_same_instant_place_one_call(web: WebRig) -> None:
    answers = await asyncio.gather(*(post(web, key=KEY) for _ in range(8)))
    assert len(web.supervisor.live) == 1
    codes = [(status, told.get("code", "")) for status, told, _ in answers]
    assert set(codes) <= {(202, ""), (409, "idempotency_in_flight")}
    assert codes.count((202, "")) >= 1
    assert (await post(web, key=KEY))[1]["call_id"] in web.supervisor.live


async def test_a_refusal_that_is_on_record_is_repeated(web: WebRig) -> None:
    first, again = await post(web, ABROAD, key=KEY), await post(web, ABROAD, key=KEY)
    assert (again[0], again[1]) == (first[0], first[1])
    assert again[2]["idempotency-replayed"] == "true"
    assert len(await web.call_log.recent(10)) == 1


async def test_a_request_after_which_nothing_has_happened_leaves_its_key_free(web: WebRig) -> None:
    web.switch.is_connected = False
    assert (await post(web, key=KEY))[0] == 503
    web.switch.is_connected = True
    status, _, headers = await post(web, key=KEY)
    assert (status, "idempotency-replayed" in headers) == (202, False)


async def test_a_request_of_which_a_killed_router_left_no_record_places_no_second_call(
    web: WebRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object) -> str:
        raise RuntimeError("as if the process had ended between the two")

    monkeypatch.setattr(web.supervisor, "place", killed)
    assert (await post(web, key=KEY))[0] == 500
    monkeypatch.undo()
    status, problem, _ = await post(web, key=KEY)
    assert (status, problem["code"]) == (409, "idempotency_outcome_unknown")
    assert not web.supervisor.live


async def test_no_call_is_placed_while_its_key_can_not_be_kept(web: WebRig) -> None:
    async with writing_beside(web.settings.storage.path):
        status, problem, _ = await post(web, key=KEY)
    assert (status, problem["code"]) == (503, "idempotency_unavailable")
    assert not web.supervisor.live


@pytest.mark.parametrize("key", ['"open', '"a"b', "two words", '""', "x" * 300, "gr\u00fc\u00df"])
async def test_a_malformed_key_is_refused(web: WebRig, key: str) -> None:
    status, problem, _ = await post(web, key=key)
    assert (status, problem["errors"][0]["pointer"]) == (422, "idempotency-key")
    assert not web.supervisor.live


async def test_two_keys_in_one_request_are_refused(web: WebRig) -> None:
    headers = [("authorization", f"Bearer {TOKEN}"), ("idempotency-key", "a"), ("idempotency-key", "b")]
    assert (await web.ask("POST", "/calls", json=CALL, headers=headers))[0] == 422


async def test_a_call_that_is_answered_is_told_to_who_waits_for_that(web: WebRig) -> None:
    waiting = asyncio.create_task(post(web, CALL | {"number": "102"}, query="?wait=answered"))
    for _ in range(2):
        await web.switch.asked["dial"].wait()
        web.switch.asked["dial"].clear()
        web.switch.deliver(ChannelUp(web.switch.dialled[-1]))
    status, placed, _ = await waiting
    assert (status, placed["state"], placed["call"]["answered_by"]) == (200, "talking", "PJSIP/bob")


async def test_who_waits_for_an_answer_is_told_of_it_when_both_are_bridged_and_not_before(web: WebRig) -> None:
    bridged = web.switch.held["add_to_bridge"] = asyncio.Event()
    waiting = asyncio.create_task(post(web, CALL | {"number": "102"}, query="?wait=answered"))
    for _ in range(2):
        await web.switch.asked["dial"].wait()
        web.switch.asked["dial"].clear()
        web.switch.deliver(ChannelUp(web.switch.dialled[-1]))
    await web.switch.asked["add_to_bridge"].wait()
    told, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not told
    bridged.set()
    status, placed, _ = await waiting
    assert (status, placed["state"]) == (200, "talking")
