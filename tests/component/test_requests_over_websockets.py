"""Requests over websockets: what is sent, what comes of each answer, and what goes over HTTP instead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from ari_app.asterisk.client import AriClient
from ari_app.asterisk.request_socket import LONGEST_QUEUE
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import NotFoundError, RefusedError, UnreachableError
from tests.clock import leap
from tests.fakes.ari import Ari, Message, response
from tests.patience import PATIENCE_S


@asynccontextmanager
async def connected(ari: Ari, settings: AriSettings) -> AsyncIterator[AriClient]:
    """A client that listens, and whose websockets are open."""
    client = AriClient(settings)
    try:
        await client.open()
        up = asyncio.Event()
        listening = asyncio.create_task(client.listen(up.set, lambda event: None))
        await up.wait()
        await ari.has_open(1 + settings.request_sockets)
        async with asyncio.timeout(PATIENCE_S):
            while len(client.swagger.http_client.sockets) < settings.request_sockets:
                await asyncio.sleep(0)
        yield client
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    finally:
        await client.close()


async def ask(client: AriClient, method: str, uri: str, **more: Any) -> Any:
    base = client.swagger.api_docs["basePath"]
    return await client.swagger.http_client.request(method, f"{base}/{uri}", **more)


async def test_parameters_and_body_are_sent_as_asterisk_wants_them() -> None:
    async with Ari() as ari, connected(ari, ari.settings()) as client:
        await ask(client, "POST", "channels/a%26b/dial", params={"timeout": 5, "caller": "x&y=%41"}, data='{"v": 1}')
        (message,) = ari.over_websockets
        assert message.pop("request_id")
        assert message == {
            "type": "RESTRequest",
            "method": "POST",
            "uri": "channels/a%26b/dial",
            "query_strings": [{"name": "timeout", "value": "5"}, {"name": "caller", "value": "x&y=%41"}],
            "content_type": "application/json",
            "message_body": '{"v": 1}',
        }
        assert ari.over_http == []


async def test_the_answer_is_that_of_asterisk() -> None:
    async def value(websocket: web.WebSocketResponse, message: Message) -> None:
        await websocket.send_str(response(message, 200, {"value": "grün"}))

    async with Ari() as ari, connected(ari, ari.settings()) as client:
        ari.take = value
        answer = await ask(client, "GET", "channels/a/variable", params={"variable": "COLOUR"})
        assert (answer.status, await answer.json()) == (200, {"value": "grün"})


@pytest.mark.parametrize(
    ("status", "told", "expected"),
    [
        (404, "Channel not found", NotFoundError),
        (409, "Channel not in Stasis application", NotFoundError),
        (409, "Channel with given unique ID already exists", RefusedError),
        (500, "Allocation failed", RefusedError),
    ],
)
async def test_a_refusal_is_the_same_error_as_over_http(status: int, told: str, expected: type[Exception]) -> None:
    async def refuse(websocket: web.WebSocketResponse, message: Message) -> None:
        await websocket.send_str(response(message, status, {"message": told}))

    async with Ari() as ari, connected(ari, ari.settings()) as client:
        ari.take = refuse
        with pytest.raises(expected, match=rf"^POST /ari/channels/a/ring: {status} {told}$"):
            await ask(client, "POST", "channels/a/ring", params={"secret": "+14155550177"})


async def test_a_request_takes_the_socket_with_the_shortest_queue_and_http_when_all_are_long() -> None:
    async with Ari() as ari, connected(ari, ari.settings(request_sockets=2)) as client:
        slow = asyncio.Event()

        async def answer_when_told(websocket: web.WebSocketResponse, message: Message) -> None:
            await slow.wait()
            await ari.answer(websocket, message)

        ari.take = answer_when_told
        waiting = [asyncio.create_task(ask(client, "POST", f"channels/{n}/answer")) for n in range(2 * LONGEST_QUEUE)]
        await asyncio.sleep(0)
        assert [socket.queue for socket in client.swagger.http_client.sockets] == [LONGEST_QUEUE, LONGEST_QUEUE]
        await ask(client, "POST", "channels/c/ring")
        assert ari.over_http == ["POST /ari/channels/c/ring"]
        slow.set()
        await asyncio.gather(*waiting)


async def test_one_slow_request_holds_up_no_other() -> None:
    async with Ari() as ari, connected(ari, ari.settings(request_sockets=2)) as client:
        slow = asyncio.Event()

        async def answer_slowly(websocket: web.WebSocketResponse, message: Message) -> None:
            if message["uri"] == "channels/a/answer":  # whichever of the two sockets is read first
                await slow.wait()
            await ari.answer(websocket, message)

        ari.take = answer_slowly
        waiting = asyncio.create_task(ask(client, "POST", "channels/a/answer"))
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(20):
                await ask(client, "POST", "channels/b/ring")
        assert (waiting.done(), ari.over_http) == (False, [])
        slow.set()
        await waiting


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one() -> None:
    async with Ari() as ari, connected(ari, ari.settings(request_timeout_s=20)) as client:
        asked, late = asyncio.Event(), asyncio.Event()

        async def answer_late(websocket: web.WebSocketResponse, message: Message) -> None:
            asked.set()
            await late.wait()
            await websocket.send_str(response(message, 404, {"message": "Channel not found"}))

        ari.take = answer_late
        asking = asyncio.create_task(ask(client, "POST", "channels/a/ring"))
        await asked.wait()
        leap(20)
        with pytest.raises(UnreachableError):
            await asking
        ari.take = ari.answer
        late.set()
        await ask(client, "POST", "channels/b/ring")
        assert [message["uri"] for message in ari.over_websockets] == ["channels/a/ring", "channels/b/ring"]


async def test_a_request_fails_at_once_when_its_socket_closes_and_another_socket_is_opened() -> None:
    async def close(websocket: web.WebSocketResponse, message: Message) -> None:
        await websocket.close()

    async with Ari() as ari, connected(ari, ari.settings(request_timeout_s=60)) as client:
        ari.take = close
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(UnreachableError, match="the connection was lost"):
                await ask(client, "POST", "channels/a/ring")
            await ask(client, "POST", "channels/b/ring")
            assert ari.over_http == ["POST /ari/channels/b/ring"]
            await ari.has_open(3)


@pytest.mark.parametrize("junk", ["{", "[]", "null", '{"type": "StasisStart"}', '{"type": "RESTResponse"}'])
async def test_a_message_that_is_no_answer_does_not_stop_the_requests(junk: str) -> None:
    async def say_junk(websocket: web.WebSocketResponse, message: Message) -> None:
        ari.take = ari.answer
        await websocket.send_str(junk)
        await ari.answer(websocket, message)

    async with Ari() as ari, connected(ari, ari.settings()) as client:
        ari.take = say_junk
        await asyncio.gather(ask(client, "POST", "channels/a/ring"), return_exceptions=True)
        await ask(client, "POST", "channels/b/ring")
        assert len(ari.over_websockets) + len(ari.over_http) == 2


async def test_each_socket_is_an_application_of_its_own() -> None:
    async with Ari() as ari, connected(ari, ari.settings(request_sockets=3)):
        assert len(set(ari.apps)) == 4
        assert ari.apps[0] == "agi-router"
        assert all(name.startswith("agi-router-requests-") for name in ari.apps[1:])


async def test_what_may_be_long_goes_over_http() -> None:
    async with Ari() as ari, connected(ari, ari.settings()) as client:
        await ask(client, "GET", "channels", params={})
        assert ari.over_http == ["GET /ari/channels"]


@pytest.mark.parametrize(("takes_requests", "request_sockets"), [(False, 4), (True, 0)])
async def test_an_older_asterisk_and_a_router_told_so_use_http(takes_requests: bool, request_sockets: int) -> None:
    async with Ari(takes_requests=takes_requests) as ari:
        client = AriClient(ari.settings(request_sockets=request_sockets))
        await client.open()
        up = asyncio.Event()
        listening = asyncio.create_task(client.listen(up.set, lambda event: None))
        await up.wait()
        await ask(client, "POST", "channels/a/ring")
        assert (ari.over_http, ari.over_websockets, len(ari.apps)) == (["POST /ari/channels/a/ring"], [], 1)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await client.close()
