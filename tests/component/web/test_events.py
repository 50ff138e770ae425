"""Events of all calls as Server-Sent Events: none is lost, none comes twice, whatever is cut."""

import asyncio
import socket
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest

from ari_app.access.networks import network
from ari_app.access.scopes import Scope
from ari_app.calls.clock import now
from ari_app.domain import events as e
from ari_app.web import events as web_events
from tests.component.locking import writing_beside
from tests.component.storage_events import answered_call, arrived, at
from tests.component.web.rig import KEY, TOKEN, WebRig, web_rig
from tests.patience import PATIENCE_S
from tests.sse import EventSource, Message, following


async def write(web: WebRig, call_id: str, happened: Iterable[e.CallEvent]) -> None:
    for event in happened:
        web.call_log.write(call_id, event)
    await web.call_log.flush()


async def on_record(web: WebRig, last_id: str = "", **query: Any) -> list[Message]:
    """All events after one, and the stream's end."""
    async with following(web.http, web.url, TOKEN, last_id, wait_s=0, **query) as source:
        return await source.all()


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop run until this holds; the tests' own timeout is the limit."""
    while not holds():
        await asyncio.sleep(0.01)


def types(messages: Iterable[Message]) -> list[str]:
    return [message.event for message in messages]


NAMES = [type(event).__name__ for event in answered_call()]


async def test_each_event_of_a_call_comes_as_it_is_put_on_record(web: WebRig) -> None:
    async with following(web.http, web.url, TOKEN) as source:
        assert source.answer.headers["content-type"].startswith("text/event-stream")
        assert source.answer.headers["cache-control"] == "no-cache"
        for seq, event in enumerate(answered_call(), start=1):
            await write(web, "call-1", [event])
            message = await source.next()
            assert message.event == message.data["type"] == type(event).__name__
            assert (message.data["call_id"], message.data["seq"]) == ("call-1", seq)
            assert message.data["at"] == event.at.isoformat().replace("+00:00", "Z")
    assert message.data["data"] == {"by": "caller", "cause": 16, "reason": ""}
    assert source.retry_ms == 2000


async def test_whoever_is_cut_off_after_any_event_goes_on_with_the_next(web: WebRig) -> None:
    await write(web, "call-1", answered_call())
    everything = await on_record(web, after=0)
    assert types(everything) == NAMES
    for number, message in enumerate(everything, start=1):
        assert await on_record(web, message.id) == everything[number:]
        assert await on_record(web, after=message.id) == everything[number:]


async def test_what_browsers_send_when_they_connect_again_comes_before_the_address(web: WebRig) -> None:
    await write(web, "call-1", answered_call())
    everything = await on_record(web, after=0)
    assert await on_record(web, everything[9].id, after=0) == everything[10:]


async def test_whoever_is_cut_off_before_the_first_event_loses_none(web: WebRig) -> None:
    await write(web, "call-1", answered_call())
    async with following(web.http, web.url, TOKEN) as source:
        assert await source.answer.content.readuntil(b"\n\n") == b"id: 14\nretry: 2000\n\n"
    await write(web, "call-2", [arrived()])
    assert [message.data["call_id"] for message in await on_record(web, "14")] == ["call-2"]


async def test_two_followers_are_told_the_same(web: WebRig) -> None:
    async with following(web.http, web.url, TOKEN) as one, following(web.http, web.url, TOKEN) as other:
        for number in range(20):
            await write(web, f"call-{number}", answered_call()[:2])
        told = [[await source.next() for _ in range(40)] for source in (one, other)]
    assert told[0] == told[1]
    assert [(message.data["call_id"], message.data["seq"]) for message in told[0]] == [
        (f"call-{number}", seq) for number in range(20) for seq in (1, 2)
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"call": "b"}, [("b", 1), ("b", 2), ("b", 3)]),
        ({"type": ["CallArrived", "CallEnded"]}, [("a", 1), ("b", 1), ("a", 3), ("b", 3), ("c", 2)]),
        ({"type": "CallEnded", "call": ["a", "c"]}, [("a", 3), ("c", 2)]),
        ({"user": "456"}, [("a", 2), ("a", 3)]),
        ({"user": "ada@example.com"}, [("a", 2), ("a", 3)]),
        ({"user": ["456", "77"]}, [("a", 2), ("b", 2), ("a", 3), ("b", 3), ("c", 1), ("c", 2)]),
        ({"user": "nobody"}, []),
    ],
)
async def test_filters_take_what_they_name(web: WebRig, query: dict[str, Any], expected: list[tuple[str, int]]) -> None:
    requested = e.CallRequested(at=at(3), first="agent", user="77", user_name="Bob", number="+14155550177")
    for call_id, event in (
        ("a", arrived()),
        ("b", arrived()),
        ("a", e.LegDialled(at=at(1), leg="leg-1", endpoint="PJSIP/ada", contact="sip:ada@192.0.2.1", user="456")),
        ("b", e.QueueAnswered(at=at(2), member="PJSIP/bob", user="77")),
        ("a", e.CallEnded(at=at(4), by="caller", cause=16)),
        ("b", e.CallEnded(at=at(4), by="caller", cause=16)),
        ("c", requested),
        ("c", e.CallEnded(at=at(4), by="requester", cause=16)),
    ):
        web.call_log.write(call_id, event)
    await web.call_log.flush()
    told = [(message.data["call_id"], message.data["seq"]) for message in await on_record(web, after=0, **query)]
    assert told == expected


async def test_a_filter_finds_one_event_among_many(web: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.live.event_feed.SPAN", 150)
    for number in range(700):
        web.call_log.write(f"call-{number}", arrived())
    web.call_log.write("call-0", e.CallEnded(at=at(1), by="caller", cause=16))
    await web.call_log.flush()
    assert types(await on_record(web, after=0, type="CallEnded")) == ["CallEnded"]
    assert len(await on_record(web, after=0, type="CallArrived")) == 700


@pytest.mark.long
async def test_a_reader_who_takes_nothing_holds_up_nobody_and_loses_nothing(web: WebRig) -> None:
    async with reading_little() as http, following(http, web.url, TOKEN, after=0) as slow:
        async with following(web.http, web.url, TOKEN) as quick:
            for number in range(10_000):
                web.call_log.write(f"call-{number // 20}", arrived(number))
            async with asyncio.timeout(5 * PATIENCE_S):
                told = [await quick.next() for _ in range(10_000)]
        assert [await slow.next() for _ in range(10_000)] == told


def reading_little() -> aiohttp.ClientSession:
    """A client that takes little at a time, and only when it is read."""

    def narrow(place: aiohttp.AddrInfoType) -> socket.socket:
        made = socket.socket(*place[:3])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        return made

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=narrow), read_bufsize=4096)


async def test_a_reader_who_takes_nothing_for_too_long_is_cut_off(web: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.web.streaming.STALLED_S", 0.2)
    for number in range(10_000):
        web.call_log.write(f"call-{number // 20}", arrived(number))
    await web.call_log.flush()
    async with reading_little() as http, following(http, web.url, TOKEN, after=0):
        assert web.events.followers == 1
        await until(lambda: web.events.followers == 0)


async def test_a_follower_who_leaves_is_forgotten(web: WebRig) -> None:
    async with following(web.http, web.url, TOKEN):
        assert web.events.followers == 1
    await until(lambda: web.events.followers == 0)


async def test_over_a_restart_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    async with web_rig(tmp_path) as web:
        async with following(web.http, web.url, TOKEN) as source:
            await write(web, "call-1", answered_call()[:5])
            before = [await source.next() for _ in range(3)]
        await write(web, "call-2", answered_call()[:2])
    async with web_rig(tmp_path) as web:
        async with following(web.http, web.url, TOKEN, before[-1].id) as source:
            await write(web, "call-1", answered_call()[5:])
            after = [await source.next() for _ in range(13)]
    told = [(message.data["call_id"], message.data["seq"]) for message in before + after]
    assert told == [
        *(("call-1", seq) for seq in range(1, 6)),
        ("call-2", 1),
        ("call-2", 2),
        *(("call-1", seq) for seq in range(6, 15)),
    ]


async def test_positions_of_events_that_were_deleted_never_come_again(tmp_path: Path) -> None:
    async with web_rig(tmp_path) as web:
        await write(web, "call-1", answered_call())
    with sqlite3.connect(tmp_path / "calls.db") as database:
        database.execute("PRAGMA foreign_keys=ON")
        database.execute("DELETE FROM calls")
    database.close()
    async with web_rig(tmp_path) as web:
        await write(web, "call-2", [arrived()])
        assert [message.id for message in await on_record(web, "14")] == ["15"]


async def test_what_is_not_committed_is_not_told(web: WebRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_events, "HEARTBEAT_S", 0.05)
    async with following(web.http, web.url, TOKEN) as source:
        async with writing_beside(tmp_path / "calls.db"):
            for event in answered_call():
                web.call_log.write("call-1", event)
            telling = asyncio.create_task(source.next())
            await until(lambda: source.comments >= 5)
            assert not telling.done()
        told = [await telling] + [await source.next() for _ in answered_call()[1:]]
    assert types(told) == NAMES


async def test_silence_is_broken_by_comments_with_the_position(web: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_events, "HEARTBEAT_S", 0.05)
    async with following(web.http, web.url, TOKEN, call="another") as source:
        await write(web, "call-1", answered_call())
        reading = asyncio.create_task(source.next())
        await until(lambda: source.last_id == "14")
        reading.cancel()
    assert source.comments >= 1


async def test_a_stream_with_a_wait_ends_when_nothing_came_for_so_long(web: WebRig) -> None:
    await write(web, "call-1", [arrived()])
    begun = monotonic()
    async with following(web.http, web.url, TOKEN, after=0, wait_s=0.3) as source:
        assert types(await source.all()) == ["CallArrived"]
    assert monotonic() - begun >= 0.3


async def test_when_the_router_stops_streams_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.web.server.DRAIN_S", 2 * PATIENCE_S)  # nobody waits for its end
    async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as open_ends:
        async with web_rig(tmp_path) as web:
            await write(web, "call-1", answered_call())
            source: EventSource = await open_ends.enter_async_context(following(web.http, web.url, TOKEN, after=0))
            told = [await source.next() for _ in NAMES]
            ending = asyncio.create_task(source.next())
        with pytest.raises(EOFError):
            await ending
    assert types(told) == NAMES


async def test_a_position_of_another_database_is_refused(web: WebRig) -> None:
    await write(web, "call-1", answered_call())
    status, problem = await web.ask("GET", "/events?after=15")
    assert (status, problem["code"]) == (409, "position_unknown")
    assert "after 0" in problem["remedy"]


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=9223372036854775808", "type=CallEnde", "colour=red"])
async def test_what_is_no_question_is_refused(web: WebRig, query: str) -> None:
    status, problem = await web.ask("GET", f"/events?{query}")
    assert (status, problem["code"]) == (422, "bad_request")


async def test_a_misspelt_type_is_told_the_right_one(web: WebRig) -> None:
    _, problem = await web.ask("GET", "/events?type=CallEnde")
    assert "CallEnded" in problem["detail"]


async def test_a_position_whose_successors_were_deleted_for_their_age_is_refused(web: WebRig, tmp_path: Path) -> None:
    await write(web, "call-1", answered_call())
    async with writing_beside(tmp_path / "calls.db") as database:
        database.execute("UPDATE event_positions SET gone = 7")
    status, problem = await web.ask("GET", "/events?after=6")
    assert (status, problem["code"]) == (410, "position_gone")
    assert "after 7" in problem["remedy"]
    assert len(await on_record(web, after=7)) == 7
    assert len(await on_record(web, after=0)) == 14


async def test_more_followers_than_the_limit_are_refused(web: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_events, "MOST_FOLLOWERS", 1)
    async with following(web.http, web.url, TOKEN):
        status, problem = await web.ask("GET", "/events")
        assert (status, problem["code"]) == (503, "too_many_followers")
    await until(lambda: web.events.followers == 0)
    assert await on_record(web) == []


async def test_of_many_at_one_instant_none_follows_beyond_the_limit(
    web: WebRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_events, "MOST_FOLLOWERS", 2)
    async with AsyncExitStack() as streams:
        headers = {"authorization": f"Bearer {TOKEN}"}
        asking = [web.http.get(f"{web.url}/api/v1/events?after=0", headers=headers) for _ in range(20)]
        answers = await asyncio.gather(*map(streams.enter_async_context, asking))
        assert sorted(answer.status for answer in answers) == [200] * 2 + [503] * 18


async def test_following_needs_its_scope(web: WebRig) -> None:
    web.scopes.discard(Scope.EVENTS_READ)
    status, problem = await web.ask("GET", "/events")
    assert (status, problem["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"revoked_at": now()}, id="is revoked"),
        pytest.param({"scopes": frozenset({Scope.CALLS_READ})}, id="loses its scope"),
        pytest.param({"networks": (network("192.0.2.0/24"),)}, id="is for another network"),
    ],
)
async def test_a_stream_tells_nothing_more_once_its_key(web: WebRig, changed: dict[str, Any]) -> None:
    async with following(web.http, web.url, TOKEN) as source:
        await write(web, "call-1", [arrived(0)])
        assert (await source.next()).event == "CallArrived"
        web.keys.put(replace(KEY, **changed))
        await write(web, "call-2", [arrived(1)])
        async with asyncio.timeout(PATIENCE_S):
            assert await source.all() == []
