"""APIs that close, stall, flood and lie, byte by byte over real sockets: none costs more than the deadline."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from agi_router.lookup.client import Answer, LookupClient
from agi_router.lookup.upstream import UpstreamLimits, Upstreams
from agi_router.routing.auth import OAuth2Auth
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.route import Request, Send
from agi_router.routing.template import Template
from agi_router.routing.url_template import UrlTemplate
from tests.clock import StandingClock
from tests.component.http_api import LOOPBACK, Connection, api, raw_server
from tests.patience import PATIENCE_S

ADA = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nada"
BOMB = gzip.compress(b"0" * 20_000_000)
OPEN_S = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[LookupClient]:
    async with LookupClient(LOOPBACK, (), Upstreams(clock)) as opened:
        yield opened


def request(port: int, **changes: Any) -> Request:
    url = UrlTemplate.parse(f"http://127.0.0.1:{port}/")
    return replace(Request(method="GET", url=url, deadline_s=PATIENCE_S), **changes)


async def ask(client: LookupClient, asked: Request) -> Answer:
    return await client.ask(asked, {}, lambda _: None)


async def failure(client: LookupClient, asked: Request) -> Failure:
    with pytest.raises(RoutingError) as caught:
        await ask(client, asked)
    return caught.value.failure


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)


def saying(answer: bytes) -> Connection:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    return serve


class ClosesKeptConnections:
    """Answers one question per connection, keeps it, and closes it in the moment in which the next one arrives."""

    def __init__(self, hangs_s: float = 0.0) -> None:
        self.connections = 0
        self.heard: list[bytes] = []
        self._hangs_s = hangs_s

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.heard.append(await read_request(reader))
        writer.write(ADA)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(self._hangs_s)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is busy for a while may still find that a kept connection had ended."""
    monkeypatch.setattr("agi_router.lookup.connections.STALE_S", PATIENCE_S)


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_kept_connection_that_the_server_has_closed_loses_no_call(client: LookupClient, method: str) -> None:
    server = ClosesKeptConnections()
    async with raw_server(server) as port:
        body = Template.parse("who?") if method in {"POST", "PUT"} else None
        asked = request(port, method=method, send=Send.JSON if body else Send.QUERY, body=body)
        answers = [await ask(client, asked) for _ in range(3)]
    assert [answer.body for answer in answers] == [b"ada"] * 3
    assert server.connections == len(server.heard) == 3


@pytest.mark.usefixtures("unhurried")
async def test_kept_connections_that_all_have_ended_lose_no_call(client: LookupClient) -> None:
    server = ClosesKeptConnections()
    async with raw_server(server) as port:
        for _ in range(2):
            answers = await asyncio.gather(*(ask(client, request(port)) for _ in range(4)))
            assert [answer.body for answer in answers] == [b"ada"] * 4


async def test_a_server_that_read_the_question_and_gave_up_is_not_asked_again(client: LookupClient) -> None:
    server = ClosesKeptConnections(hangs_s=0.6)
    async with raw_server(server) as port:
        await ask(client, request(port))
        assert (await failure(client, request(port))).code == "api_disconnected"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("said_s", "waits_s"),
    [("30", 30), ("7", OPEN_S), ("3600", 60), ("-5", OPEN_S), ("soon", OPEN_S), ("9" * 20, OPEN_S)],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_an_api_is_left_alone_as_long_as_it_asks_for_within_a_minute(
    client: LookupClient, clock: Clock, status: int, said_s: str, waits_s: float
) -> None:
    answer = f"HTTP/1.1 {status} Not now\r\nRetry-After: {said_s}\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(saying(answer.encode())) as port:
        for _ in range(UpstreamLimits().failures):
            assert (await ask(client, request(port))).failure is not None
        clock.now += waits_s - 0.5
        assert (await failure(client, request(port))).code == "breaker_open"
        clock.now += 0.5
        assert (await ask(client, request(port))).received.status == status


async def test_an_api_is_not_blamed_for_a_token_that_came_late() -> None:
    """One second is left of the deadline, and the API, which is well, needs two."""
    clock = StandingClock()

    async def issue(_: web.Request) -> web.Response:
        await clock.passes(19)
        return web.json_response({"access_token": "t", "token_type": "Bearer"})

    async def answer(_: web.Request) -> web.Response:
        await clock.passes(2)
        return web.Response(text="ada")

    async with api(issue) as login, api(answer) as port:
        auth = OAuth2Auth(token_url=f"http://127.0.0.1:{login}/", client_id="c", client_secret="s")
        upstreams = Upstreams()
        upstreams.configure([f"http://127.0.0.1:{port}"], {f"http://127.0.0.1:{port}": UpstreamLimits(failures=1)})
        async with LookupClient(LOOPBACK, (), upstreams, [auth]) as client:
            asked = request(port, auth=auth, deadline_s=20)
            assert (await failure(client, asked)).code == "api_timeout"
            assert (await ask(client, asked)).body == b"ada"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nada",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nadaxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nada\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX\0Y: \x1b[2J\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\nada\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nada",
        b"\x1b]0;owned\x07\n" * 100,
        b"HTTP/2 200 OK\r\n\r\n",
    ],
)
async def test_what_is_no_http_becomes_one_short_line_without_what_steers_a_terminal(
    client: LookupClient, answer: bytes
) -> None:
    async with raw_server(saying(answer)) as port:
        failed = await failure(client, request(port))
    assert failed.code == "api_bad_http"
    assert failed.message.isprintable()
    assert len(failed.message) < 300


@pytest.mark.parametrize(
    "answer",
    [
        ADA.replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"HTTP/1.0 200 OK\r\n\r\nada",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + ADA,
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=rot13\r\nContent-Length: 3\r\n\r\nada",
        b"HTTP/1.1 200 OK\r\nContent-Type: ;;;charset===\r\nContent-Length: 3\r\n\r\nada",
    ],
)
async def test_old_and_odd_servers_are_understood(client: LookupClient, answer: bytes) -> None:
    async with raw_server(saying(answer)) as port:
        assert (await ask(client, request(port))).body == b"ada"


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
)
async def test_a_server_that_drips_is_left_at_the_deadline(client: LookupClient, head: bytes, drop: bytes) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head)
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)

    async with raw_server(drip) as port, asyncio.timeout(PATIENCE_S):
        assert (await failure(client, request(port, deadline_s=0.2))).code == "api_timeout"


async def test_a_decompression_bomb_is_left_at_the_bound(client: LookupClient) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n"
    async with raw_server(saying(head.encode() + BOMB)) as port:
        answer = await ask(client, request(port))
    assert answer.failure is not None
    assert answer.failure.code == "api_answer_too_large"
    assert len(answer.body) <= 1_048_576


async def test_a_connection_that_is_reset_midway_is_no_answer(client: LookupClient) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n+1202555")
        await writer.drain()
        writer.transport.abort()

    async with raw_server(reset) as port:
        assert (await failure(client, request(port))).code in {"api_bad_http", "api_disconnected"}
