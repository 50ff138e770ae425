"""Recordings over the REST API: which there are, their sound, who has heard it, and their deletion."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ari_app.access.scopes import Scope
from ari_app.domain.recordings import RecordingKind, RecordingState
from tests.component.web.recording_rig import CALL, RECORDING, put_on_record, sound, store
from tests.component.web.rig import TOKEN, WebRig
from tests.component.web.test_history import call, write

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


async def heard(web: WebRig, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    headers = {"authorization": f"Bearer {TOKEN}", **headers}
    async with web.http.get(f"{web.url}/api/v1{path}", headers=headers) as answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read()


async def ids(web: WebRig, query: str) -> list[str]:
    status, page = await web.ask("GET", f"/recordings?{query}")
    assert status == 200, page
    return [each["id"] for each in page["items"]]


async def test_a_recording_is_told_and_heard_with_a_key(web: WebRig) -> None:
    content = sound(0.5, 440)
    await store(web, content, ended_at=datetime(2026, 11, 21, 1, 23, tzinfo=UTC), seconds=0.5)
    status, told = await web.ask("GET", f"/recordings/{RECORDING}")
    assert (status, told["state"], told["size"]) == (200, "stored", len(content))
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert "place" not in told
    status, headers, body = await heard(web, f"/recordings/{RECORDING}/audio")
    assert (status, body) == (200, content)
    assert headers["content-type"] == "audio/wav"
    assert headers["content-disposition"] == f'inline; filename="{RECORDING}.wav"'
    assert (headers["accept-ranges"], headers["etag"]) == ("bytes", f'"{told["sha256"]}"')
    assert "no-store" in headers["cache-control"]
    assert (headers["referrer-policy"], headers["x-content-type-options"]) == ("no-referrer", "nosniff")


async def test_recordings_are_found_by_call_user_kind_state_and_time(web: WebRig) -> None:
    await write(web, [(CALL, call(NOON, user="456"))])
    await put_on_record(web, started_at=NOON)
    await put_on_record(web, "other-1", call_id="other", state=RecordingState.LOST, started_at=NOON - timedelta(days=1))
    await put_on_record(
        web, "left", call_id="third", kind=RecordingKind.VOICEMAIL, mailbox="101@default", started_at=NOON
    )
    assert await ids(web, "") == ["left", RECORDING, "other-1"]
    assert await ids(web, "sort=oldest_first") == ["other-1", RECORDING, "left"]
    assert await ids(web, f"call={CALL}&call=other") == [RECORDING, "other-1"]
    assert await ids(web, "user=ada@example.com") == [RECORDING]
    assert await ids(web, "user=77") == []
    assert await ids(web, "kind=voicemail") == ["left"]
    assert await ids(web, "state=lost") == ["other-1"]
    assert await ids(web, "from=2026-11-21") == ["left", RECORDING]
    assert await ids(web, "to=2026-11-20") == ["other-1"]
    _, told = await web.ask("GET", f"/calls/{CALL}")
    assert told["recordings"] == [RECORDING]


async def test_pages_lead_on_by_their_cursor(web: WebRig) -> None:
    for number in range(5):
        await put_on_record(web, f"r{number}", started_at=NOON)
    found, query = [], "limit=2"
    while True:
        _, page = await web.ask("GET", f"/recordings?{query}")
        assert page["total"] == 5
        found += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        query = f"limit=2&cursor={page['next']}"
    assert found == ["r4", "r3", "r2", "r1", "r0"]
    status, problem = await web.ask("GET", f"/recordings?limit=2&kind=call&cursor={query}")
    assert (status, problem["code"]) == (422, "bad_cursor")


async def test_whoever_listens_is_on_record_with_what_he_was_sent(web: WebRig) -> None:
    content = sound(1, 440)
    await store(web, content)
    await heard(web, f"/recordings/{RECORDING}/audio")
    await heard(web, f"/recordings/{RECORDING}/audio", range="bytes=1000-1999")
    await heard(web, f"/recordings/{RECORDING}/audio", range="bytes=99999999-")
    status, told = await web.ask("GET", f"/recordings/{RECORDING}/listenings")
    assert (status, told["total"], told["next"]) == (200, 2, None)
    part, whole = told["items"]
    assert (part["key"], part["link"], part["address"]) == ("a test", "", "127.0.0.1")
    assert (part["first_byte"], part["sent"]) == (1000, 1000)
    assert (whole["first_byte"], whole["sent"]) == (0, len(content))
    _, first = await web.ask("GET", f"/recordings/{RECORDING}/listenings?limit=1")
    _, second = await web.ask("GET", f"/recordings/{RECORDING}/listenings?limit=1&cursor={first['next']}")
    assert (first["items"], second["items"], second["next"]) == ([part], [whole], None)


async def test_a_deleted_recording_is_heard_by_nobody_and_stays_on_record(web: WebRig) -> None:
    recording = await store(web, sound(0.1, 440))
    await heard(web, f"/recordings/{RECORDING}/audio")
    status, _ = await web.ask("DELETE", f"/recordings/{RECORDING}")
    assert status == 204
    with pytest.raises(Exception, match="no file"):
        await anext(web.services.recordings.store.read(recording.place))
    _, told = await web.ask("GET", f"/recordings/{RECORDING}")
    assert (told["state"], told["reason"]) == ("deleted", "by the key a test")
    status, problem = await web.ask("GET", f"/recordings/{RECORDING}/audio")
    assert (status, problem["code"]) == (404, "recording_deleted")
    _, listenings = await web.ask("GET", f"/recordings/{RECORDING}/listenings")
    assert listenings["total"] == 1
    assert (await web.ask("DELETE", f"/recordings/{RECORDING}"))[0] == 204


@pytest.mark.parametrize("state", [RecordingState.RUNNING, RecordingState.ENDED])
@pytest.mark.parametrize(("method", "path"), [("GET", "/audio"), ("POST", "/links"), ("DELETE", "")])
async def test_what_is_not_in_the_store_yet_has_to_be_waited_for(
    web: WebRig, state: RecordingState, method: str, path: str
) -> None:
    await put_on_record(web, state=state)
    status, problem = await web.ask(method, f"/recordings/{RECORDING}{path}")
    assert (status, problem["code"]) == (409, "recording_not_stored")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/audio"), ("POST", "/links"), ("GET", "/listenings"), ("DELETE", "")]
)
async def test_what_nobody_recorded_is_unknown(web: WebRig, method: str, path: str) -> None:
    status, problem = await web.ask(method, f"/recordings/nothing{path}")
    assert (status, problem["code"]) == (404, "unknown_recording")


async def test_a_file_that_went_away_by_itself_is_a_fault_and_no_silence(web: WebRig) -> None:
    recording = await store(web, sound(0.1, 440))
    await web.services.recordings.store.delete(recording.place)
    status, problem = await web.ask("GET", f"/recordings/{RECORDING}/audio")
    assert (status, problem["code"]) == (503, "store_unavailable")
    _, listenings = await web.ask("GET", f"/recordings/{RECORDING}/listenings")
    assert listenings["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/audio", Scope.RECORDINGS_LISTEN),
        ("POST", "/links", Scope.RECORDINGS_LISTEN),
        ("DELETE", "", Scope.RECORDINGS_DELETE),
    ],
)
async def test_to_know_of_a_recording_is_not_to_hear_or_delete_it(
    web: WebRig, method: str, path: str, scope: Any
) -> None:
    await store(web, sound(0.1, 440))
    web.scopes = set(Scope) - {scope}
    status, problem = await web.ask(method, f"/recordings/{RECORDING}{path}")
    assert (status, problem["code"]) == (403, "scope_missing")
