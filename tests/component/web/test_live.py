"""Live calls over HTTP: what is shown, and the answer of each refusal. What is done, tests/system has on Asterisk."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ari_app.access.scopes import Scope
from ari_app.calls.call import Call
from ari_app.calls.ports import ChannelUp, RefusedError, UnreachableError
from tests.component.web.rig import WebRig

COLLEAGUES = {"user": "456", "number": "102"}


@pytest.fixture
async def call(web: WebRig) -> Call:
    """Ada's phones ring, for a call with Bob."""
    _, placed = await web.ask("POST", "/calls", json=COLLEAGUES)
    await web.switch.asked["dial"].wait()
    return web.supervisor.live[placed["call_id"]]


@pytest.fixture
async def talk(web: WebRig, call: Call) -> AsyncIterator[Call]:
    """Ada and Bob speak."""
    web.switch.deliver(ChannelUp(web.switch.dialled[-1]))
    web.switch.asked["dial"].clear()
    await web.switch.asked["dial"].wait()
    web.switch.deliver(ChannelUp(web.switch.dialled[-1]))
    await web.supervisor.until_answered(call.call_id)
    yield call


async def test_a_call_in_setup_is_shown_with_who_is_rung(web: WebRig, call: Call) -> None:
    status, listed = await web.ask("GET", "/live")
    assert (status, listed["total"]) == (200, 1)
    shown = await web.ask("GET", f"/live/{call.call_id}")
    assert shown == (200, listed["items"][0])
    assert (shown[1]["state"], shown[1]["direction"], shown[1]["parties"][0]["user"]) == ("setup", "outbound", "456")


async def test_only_a_whole_id_is_taken(web: WebRig, call: Call) -> None:
    part = call.call_id[:-1]
    assert (await web.ask("GET", f"/live/{part}"))[0] == 404
    status, problem = await web.ask("POST", f"/live/{part}/hangup")
    assert (status, problem["code"]) == (404, "unknown_call")
    assert call.call_id in web.supervisor.live


async def test_a_call_in_setup_can_be_hung_up(web: WebRig, call: Call) -> None:
    assert await web.ask("POST", f"/live/{call.call_id}/hangup") == (204, None)
    await web.supervisor.until_over(call.call_id)
    assert (await web.ask("POST", f"/live/{call.call_id}/hangup"))[0] == 404


async def test_to_look_is_not_to_steer(web: WebRig, call: Call) -> None:
    web.scopes.discard(Scope.CALLS_STEER)
    assert (await web.ask("GET", f"/live/{call.call_id}"))[0] == 200
    status, problem = await web.ask("POST", f"/live/{call.call_id}/hangup")
    assert (status, problem["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("hold", None),
        ("resume", {}),
        ("mute", {"party": "caller"}),
        ("unmute", {"party": "caller"}),
        ("dtmf", {"digits": "1#a"}),
        ("record", {"change": "start"}),
    ],
)
async def test_a_talk_is_steered(web: WebRig, talk: Call, action: str, body: Any) -> None:
    assert await web.ask("POST", f"/live/{talk.call_id}/{action}", json=body) == (204, None)


@pytest.mark.parametrize(
    ("action", "body", "told"),
    [
        ("hold", {"party": "leg-9"}, (404, "unknown_party")),
        ("complete", None, (409, "not_consulting")),
        ("record", {"change": "stop"}, (409, "not_recording")),
        ("transfer", {"target": "55"}, (404, "dialled_unknown")),
        ("transfer", {"target": "+442079460123"}, (403, "policy_region")),
        ("dtmf", {"digits": "1E"}, (422, "bad_request")),
        ("dtmf", {}, (422, "bad_request")),
        ("transfer", {"target": " "}, (422, "bad_request")),
        ("record", {"change": "erase"}, (422, "bad_request")),
        ("hold", {"value": "1"}, (422, "bad_request")),
    ],
)
async def test_what_can_not_be_done_in_a_talk_is_told(
    web: WebRig, talk: Call, action: str, body: Any, told: tuple[int, str]
) -> None:
    status, problem = await web.ask("POST", f"/live/{talk.call_id}/{action}", json=body)
    assert (status, problem["code"]) == told
    assert problem["remedy"]


@pytest.mark.parametrize("action", ["hold", "mute", "complete"])
async def test_before_anybody_speaks_a_call_can_only_be_hung_up(web: WebRig, call: Call, action: str) -> None:
    status, problem = await web.ask("POST", f"/live/{call.call_id}/{action}")
    assert (status, problem["code"]) == (409, "not_talking")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(RefusedError("no"), 502, "asterisk_refused"), (UnreachableError("gone"), 503, "asterisk_unreachable")],
)
async def test_what_asterisk_does_not_do_is_told(
    web: WebRig, talk: Call, error: Exception, status: int, code: str
) -> None:
    web.switch.errors["send_digits"] = [error]
    told, problem = await web.ask("POST", f"/live/{talk.call_id}/dtmf", json={"digits": "1"})
    assert (told, problem["code"]) == (status, code)


async def test_a_switch_that_does_not_answer_is_504(web: WebRig, talk: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.web.live.LONGEST_ANSWER_S", 0.05)
    web.switch.held["send_digits"] = asyncio.Event()
    status, problem = await web.ask("POST", f"/live/{talk.call_id}/dtmf", json={"digits": "1"})
    assert (status, problem["code"]) == (504, "call_lost")
    web.switch.held.pop("send_digits").set()
