"""The server against real sockets: strangers have bounds, well-behaved clients are served, and its end is clean."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ari_app.settings.web_section import Listener, WebSettings
from ari_app.web import connection, server
from ari_app.web.middleware import surrounded
from ari_app.web.server import WebServer
from sandbox.layout import free_port
from tests.clock import leap
from tests.patience import PATIENCE_S

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]

GET = b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is slow is cut off soon."""
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    monkeypatch.setattr(connection, "BODY_S", 0.3)
    monkeypatch.setattr(server, "SWEEP_S", 0.05)


@dataclass
class Answering:
    """An application that answers once it is let go, and echoes how long the body was."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    size: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.begun += 1
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(body)).encode() + b"." * self.size})


@dataclass
class Served:
    """A running server of `answering`, or of another application."""

    port: int
    answering: Answering
    web: WebServer
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, sent: bytes = b"") -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        writer.write(sent)
        return reader, writer


@asynccontextmanager
async def serving(
    app: ASGIApp | None = None, leave: Callable[[], None] = lambda: None, most: int = 50
) -> AsyncIterator[Served]:
    port = free_port("127.0.0.1", socket.SOCK_STREAM)
    settings = WebSettings(listen=(Listener("127.0.0.1", port),), max_connections=most)
    answering = Answering()
    answering.go.set()
    async with WebServer(settings, surrounded(app or answering, ()), leave) as web:
        served = Served(port, answering, web)
        yield served
    for writer in served.writers:
        writer.close()
    assert not len(web.places)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Wait for the server's end of a connection on which nothing more was to come."""
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    except ConnectionResetError:
        return True


async def answer_to(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One answer, to its last chunk or the end of the connection: its status, and what follows the head."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    status = int(head.split(b" ", 2)[1])
    body = b""
    while not body.endswith(b"0\r\n\r\n") and (more := await asyncio.wait_for(reader.read(65536), PATIENCE_S)):
        body += more
    return status, body


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: pbx\r\n",
        b"POST / HTTP/1.1\r\nHost: pbx\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: pbx\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk"],
)
@pytest.mark.usefixtures("impatient")
async def test_who_does_not_finish_asking_is_cut_off(sent: bytes) -> None:
    async with serving() as served:
        reader, _ = await served.connect(sent)
        assert await is_closed(reader)
        assert served.web.places.slow == 1


@pytest.mark.usefixtures("impatient")
async def test_who_drips_a_head_byte_by_byte_is_cut_off_all_the_same() -> None:
    async with serving() as served:
        reader, writer = await served.connect(b"GET / HTTP/1.1\r\n")

        async def drip() -> None:
            while True:
                writer.write(b"X: y\r\n")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert await is_closed(reader)
        dripping.cancel()


async def test_after_an_answer_the_next_head_has_a_deadline_of_its_own() -> None:
    async with serving() as served:
        reader, writer = await served.connect(GET)
        assert (await answer_to(reader))[0] == 200
        leap(3 * connection.HEAD_S)  # between requests it is allowed
        await asyncio.sleep(0.1)  # some looks at who is too slow
        writer.write(GET)
        assert (await answer_to(reader))[0] == 200
        writer.write(GET[:-2])
        closing = asyncio.create_task(is_closed(reader))
        while not closing.done():
            leap(server.SWEEP_S)
            await asyncio.sleep(0.01)
        assert await closing


async def test_an_answer_may_take_longer_than_any_request() -> None:
    async with serving() as served:
        served.answering.go.clear()
        reader, _ = await served.connect(GET)
        await until(lambda: served.answering.begun == 1)
        leap(3 * max(connection.HEAD_S, connection.BODY_S))
        await asyncio.sleep(0.1)  # some looks at who is too slow
        served.answering.go.set()
        assert (await answer_to(reader))[0] == 200


@pytest.mark.usefixtures("impatient")
async def test_who_reads_nothing_of_a_long_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WRITE_S", 0.3)
    async with serving() as served:
        served.answering.size = 50_000_000
        stuck = socket.create_connection(("127.0.0.1", served.port))
        with stuck:
            stuck.setblocking(False)
            stuck.send(GET)
            await asyncio.wait_for(gone(served), PATIENCE_S)


async def gone(served: Served) -> None:
    while not served.web.places.slow:
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS where none is spoken
        (b"EHLO there\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: pbx\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: pbx\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: pbx\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # without Host
        (b"GET /\x00 HTTP/1.1\r\nHost: pbx\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: pbx\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: pbx\r\nX: " + b"y" * 20_000, 431),
        (b"GET /" + b"y" * 20_000, 431),
    ],
)
async def test_what_is_no_http_is_told_so_and_closed(sent: bytes, status: int) -> None:
    async with serving() as served:
        reader, _ = await served.connect(sent)
        told, body = await answer_to(reader)
        assert told == status
        assert json.loads(body.split(b"\r\n")[1] if b"\r\n" in body else body)["code"] == "malformed_request"


async def test_http_1_0_absurd_methods_and_pipelines_are_answered() -> None:
    async with serving() as served:
        for sent in (b"GET / HTTP/1.0\r\n\r\n", b"BREW / HTTP/1.1\r\nHost: pbx\r\nConnection: close\r\n\r\n"):
            reader, _ = await served.connect(sent)
            assert (await answer_to(reader))[0] == 200
        reader, _ = await served.connect(GET * 20 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert (await asyncio.wait_for(reader.read(), PATIENCE_S)).count(b"200 OK") == 21


async def test_a_body_that_is_too_long_is_refused_before_it_comes() -> None:
    async with serving(reading_body) as served:
        reader, _ = await served.connect(
            b"POST / HTTP/1.1\r\nHost: pbx\r\nContent-Length: 1073741824\r\nConnection: close\r\n\r\n"
        )
        assert (await answer_to(reader))[0] == 413


async def test_chunks_without_an_end_are_refused_and_then_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_S", 60)  # it is not the deadline that ends them
    async with serving(reading_body) as served:
        reader, writer = await served.connect(b"POST / HTTP/1.1\r\nHost: pbx\r\nTransfer-Encoding: chunked\r\n\r\n")

        async def chunks() -> None:
            with pytest.raises(ConnectionError):
                while True:
                    writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
                    await writer.drain()

        sending = asyncio.create_task(chunks())
        assert b"HTTP/1.1 413 " in await reader.readuntil(b"\r\n\r\n")
        await asyncio.wait_for(sending, PATIENCE_S)


async def reading_body(scope: Scope, receive: Receive, send: Send) -> None:
    """As frameworks do: the whole body, and an HTTPException becomes an answer."""
    status = 200
    try:
        await Request(scope, receive).body()
    except HTTPException as error:
        status = error.status_code
    await PlainTextResponse("", status)(scope, receive, send)


async def test_who_asks_gets_the_place_of_one_who_only_holds_it_which_is_told_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with serving(most=10) as served:
        idle = [await served.connect() for _ in range(10)]
        reader, _ = await served.connect(GET)
        assert (await answer_to(reader))[0] == 200
        assert await is_closed(idle[0][0])
        assert served.web.places.refused == 1
        for _ in range(30):
            await served.connect()
        await until(lambda: served.web.places.refused == 31)
        log = ""
        while "has no room for all who connect" not in log:
            log += await looked_again(capfd)
        log += await looked_again(capfd)
    assert log.count("has no room for all who connect") == 1


async def looked_again(capfd: pytest.CaptureFixture[str]) -> str:
    """What the server says on looking who is there once more."""
    leap(server.SWEEP_S)
    await asyncio.sleep(0.01)
    return "".join(capfd.readouterr())


async def test_who_waits_for_an_answer_keeps_his_place() -> None:
    async with serving(most=10) as served:
        served.answering.go.clear()
        asking = [await served.connect(GET) for _ in range(10)]
        await until(lambda: served.answering.begun == 10)
        late, _ = await served.connect(GET)
        assert await is_closed(late)
        served.answering.go.set()
        for reader, _ in asking:
            assert (await answer_to(reader))[0] == 200


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_two_thousand_idle_and_three_hundred_slow_connections_keep_nobody_out() -> None:
    async with serving(most=500) as served:
        strangers = [socket.socket() for _ in range(2300)]
        try:
            for number, each in enumerate(strangers):
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", served.port))
                if number % 100 == 99:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0)
            for each in strangers[2000:]:
                try:
                    each.send(b"GET / HTTP/1.1\r\nHo")
                except OSError:
                    continue
            async with aiohttp.ClientSession() as http:
                for _ in range(20):
                    async with http.get(f"http://127.0.0.1:{served.port}/", headers={"connection": "close"}) as answer:
                        assert answer.status == 200
        finally:
            for each in strangers:
                each.close()
        await until(lambda: len(served.web.places) == 0)


async def test_at_the_end_a_request_gets_its_answer_and_idle_connections_go() -> None:
    async with serving() as served:
        served.answering.go.clear()
        idle, _ = await served.connect()
        resting, _ = await served.connect(GET)
        reader, _ = await served.connect(GET)
        await until(lambda: served.answering.begun == 2)
        asyncio.get_running_loop().call_later(0.2, served.answering.go.set)
    status, body = await answer_to(reader)
    assert (status, body[:4]) == (200, b"1\r\n0")
    assert await is_closed(idle)
    assert (await answer_to(resting))[0] == 200


async def test_at_the_end_an_answer_without_an_end_is_told_to_close() -> None:
    closing = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await closing.wait()
        await send({"type": "http.response.body", "body": b"bye"})

    async with serving(stream, closing.set) as served:
        reader, _ = await served.connect(GET)
        assert await reader.readuntil(b"\r\n\r\n")
    assert b"bye" in await reader.read()


async def test_an_answer_that_does_not_end_does_not_keep_the_router_from_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "DRAIN_S", 0.2)
    async with serving() as served:
        served.answering.go.clear()
        reader, _ = await served.connect(GET)
        await until(lambda: served.answering.begun == 1)
    assert await is_closed(reader)


async def test_what_strangers_send_does_not_fill_the_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as served:
        for sent in (
            b"garbage\r\n\r\n",
            GET.replace(b"\r\n\r\n", b"\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
        ) * 10:
            reader, writer = await served.connect(sent)
            await reader.read(10)
            writer.close()
        lines = [line for line in "".join(capfd.readouterr()).splitlines() if "debug" not in line]
    assert [line for line in lines if "the REST API listens" not in line] == []
    assert caplog.messages == []


async def test_ipv6_is_listened_on_beside_ipv4() -> None:
    port = free_port("127.0.0.1", socket.SOCK_STREAM)
    settings = WebSettings(listen=(Listener("127.0.0.1", port), Listener("::1", port)))
    answering = Answering()
    answering.go.set()
    async with WebServer(settings, surrounded(answering, ())), aiohttp.ClientSession() as http:
        for host in ("127.0.0.1", "[::1]"):
            async with http.get(f"http://{host}:{port}/") as answer:
                assert answer.status == 200
