"""One call that is on record, over real HTTP."""

from pathlib import Path

from ari_app.domain import events as e
from tests.component.locking import writing_beside
from tests.component.storage_events import answered_call, arrived, at
from tests.component.web.rig import WebRig


async def write(web: WebRig, call_id: str, happened: list[e.CallEvent]) -> None:
    for event in happened:
        web.call_log.write(call_id, event)
    await web.call_log.flush()


async def test_a_call_is_told_with_its_legs_and_who_took_part(web: WebRig) -> None:
    dialled = e.LegDialled(at=at(1), leg="leg-1", endpoint="PJSIP/ada", contact="sip:ada@192.0.2.1", user="456")
    ended = e.CallEnded(at=at(9.5), by="callee", cause=16)
    spoke: list[e.CallEvent] = [e.LegAnswered(at=at(3), leg="leg-1"), e.CallAnswered(at=at(3), leg="leg-1")]
    await write(web, "call-1", [arrived(), dialled, *spoke, ended])
    status, call = await web.ask("GET", "/calls/call-1")
    assert status == 200
    assert (call["call_id"], call["disposition"], call["caller_number"]) == ("call-1", "answered", "+14155550177")
    assert (call["started_at"], call["source"]) == ("2026-03-01T09:30:00.123456Z", "router")
    assert (call["ring_s"], call["talk_s"], call["total_s"]) == (3.0, 6.5, 9.5)
    assert [(leg["leg"], leg["user"], leg["answered_at"]) for leg in call["legs"]] == [
        ("leg-1", "456", "2026-03-01T09:30:03.123456Z")
    ]
    [part] = call["parts"]
    assert (part["kind"], part["name"], part["waiting_s"], part["talk_s"]) == ("user", "456", 2.0, 6.5)


async def test_a_call_that_goes_on_is_told_as_it_stands(web: WebRig) -> None:
    await write(web, "call-1", [arrived()])
    status, call = await web.ask("GET", "/calls/call-1")
    assert (status, call["disposition"], call["ended_at"], call["legs"]) == (200, "in_progress", None, [])


async def test_the_trace_tells_each_event_for_programs_and_for_people(web: WebRig) -> None:
    await write(web, "call-1", answered_call())
    status, trace = await web.ask("GET", "/calls/call-1/trace")
    assert status == 200
    assert [event["type"] for event in trace["events"]] == [type(event).__name__ for event in answered_call()]
    assert trace["events"][8] == {
        "seq": 9,
        "at": "2026-03-01T09:30:00.203456Z",
        "offset_ms": 80.0,
        "type": "LegRinging",
        "text": "ada at sip:ada@127.0.0.1:5071 rings",
        "data": {"leg": "leg-1"},
    }


async def test_an_event_of_a_newer_version_is_told_as_it_is_stored(web: WebRig, tmp_path: Path) -> None:
    await write(web, "call-1", [arrived(), e.LegRinging(at=at(1), leg="leg-1")])
    async with writing_beside(tmp_path / "calls.db") as database:
        database.execute("UPDATE call_events SET type = 'LegDanced' WHERE seq = 2")
    _, trace = await web.ask("GET", "/calls/call-1/trace")
    assert trace["events"][1]["text"] == "LegDanced (of a newer version): {'leg': 'leg-1'}"


async def test_a_call_of_which_only_asterisk_tells_has_no_trace(web: WebRig, tmp_path: Path) -> None:
    await write(web, "pbx-1.7", [arrived()])
    async with writing_beside(tmp_path / "calls.db") as database:
        database.execute("DELETE FROM call_events")
        database.execute("UPDATE calls SET source = 'cel', linkedid = '1.7'")
    status, call = await web.ask("GET", "/calls/pbx-1.7")
    assert (status, call["source"], call["linkedid"]) == (200, "cel", "1.7")
    assert await web.ask("GET", "/calls/pbx-1.7/trace") == (200, {"call_id": "pbx-1.7", "events": []})


async def test_an_unknown_call_is_told_where_to_look(web: WebRig) -> None:
    for path in ("/calls/nobody", "/calls/nobody/trace"):
        status, problem = await web.ask("GET", path)
        assert (status, problem["code"]) == (404, "unknown_call")
        assert "GET /api/v1/calls" in problem["remedy"]
