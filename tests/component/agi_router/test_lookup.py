"""Lookups against real HTTP servers on the loopback: what is asked, how often, and what each mishap is called."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from agi_router.lookup.client import Answer, LookupClient
from agi_router.lookup.guard import NetworkGuard
from agi_router.routing.auth import BasicAuth
from agi_router.routing.decision import LookupProgress
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.route import Request, Send
from agi_router.routing.template import Template
from agi_router.routing.url_template import UrlTemplate
from tests.component.http_api import LOOPBACK, api, raw_server, replies
from tests.patience import PATIENCE_S


@pytest.fixture
async def client() -> AsyncIterator[LookupClient]:
    async with LookupClient(LOOPBACK) as opened:
        yield opened


def request(url: str, **changes: Any) -> Request:
    given: dict[str, Any] = {"method": "GET", "url": UrlTemplate.parse(url), "deadline_s": PATIENCE_S} | changes
    return Request(**given)


async def ask(client: LookupClient, asked: Request) -> Answer:
    sent: list[LookupProgress] = []
    try:
        return await client.ask(asked, {"callerNumber": "+12025550123"}, sent.append)
    finally:
        assert len(sent) == 1


async def failure(client: LookupClient, asked: Request) -> Failure:
    """How asking fails: without an answer, or with one that cannot be used."""
    try:
        answer = await ask(client, asked)
    except RoutingError as error:
        return error.failure
    assert answer.failure is not None
    return answer.failure


async def test_the_request_arrives_as_it_was_configured(client: LookupClient) -> None:
    seen: list[tuple[str, str, str | None, str]] = []

    async def handler(got: web.Request) -> web.Response:
        seen.append((got.method, got.raw_path, got.headers.get("Authorization"), got.headers["X-Source"]))
        return web.json_response({"to": "ada"})

    async with api(handler) as port:
        asked = request(
            f"http://127.0.0.1:{port}/a%2Fb?order=desc&q=a+b&n={{{{callerNumber}}}}",
            headers={"X-Source": Template.parse("pbx {{callerNumber}}")},
            auth=BasicAuth("u", "p"),
        )
        answer = await ask(client, asked)
    assert seen == [("GET", "/a%2Fb?order=desc&q=a+b&n=%2B12025550123", "Basic dTpw", "pbx +12025550123")]
    assert answer.body == b'{"to": "ada"}'
    assert (answer.received.status, answer.received.body, answer.failure) == (200, '{"to": "ada"}', None)
    assert answer.received.elapsed_ms > 0


async def test_a_json_body_is_posted(client: LookupClient) -> None:
    async def handler(got: web.Request) -> web.Response:
        return web.json_response({"got": await got.json(), "type": got.content_type})

    async with api(handler) as port:
        body = {"filters": [{"value": Template.parse("{{callerNumber}}")}]}
        asked = request(f"http://127.0.0.1:{port}/", method="POST", send=Send.JSON, body=body)
        answer = await ask(client, asked)
    assert answer.received.body == '{"got": {"filters": [{"value": "+12025550123"}]}, "type": "application/json"}'


async def test_connections_are_kept_and_used_again(client: LookupClient) -> None:
    peers: set[Any] = set()

    async def handler(got: web.Request) -> web.Response:
        assert got.transport is not None
        peers.add(got.transport.get_extra_info("peername"))
        return web.Response(text="ada")

    async with api(handler) as port:
        for _ in range(3):
            await ask(client, request(f"http://127.0.0.1:{port}/"))
    assert len(peers) == 1


async def test_cookies_are_not_kept(client: LookupClient) -> None:
    cookies: list[str | None] = []

    async def handler(got: web.Request) -> web.Response:
        cookies.append(got.headers.get("Cookie"))
        return web.Response(text="ada", headers={"Set-Cookie": "sid=1; path=/"})

    async with api(handler) as port:
        for _ in range(2):
            await ask(client, request(f"http://localhost:{port}/"))
    assert cookies == [None, None]


async def test_a_proxy_of_the_environment_is_not_used(client: LookupClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with api(replies(text="ada")) as port:
        assert (await ask(client, request(f"http://127.0.0.1:{port}/"))).failure is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_error_that_names_where_it_points(client: LookupClient, status: int) -> None:
    asked = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=status, headers={"Location": "https://elsewhere.example/?token=s3same"})

    async with api(handler) as port:
        failed = await failure(client, request(f"http://127.0.0.1:{port}/"))
    assert asked == 1
    assert failed.code == "api_redirect"
    assert "elsewhere.example" in failed.message
    assert "s3same" not in failed.message


@pytest.mark.parametrize("location", [None, "", "/next", "http://[", "http://host:port/"])
async def test_a_redirect_to_anything_is_an_error(client: LookupClient, location: str | None) -> None:
    headers = {} if location is None else {"Location": location}
    async with api(replies(status=302, headers=headers)) as port:
        assert (await failure(client, request(f"http://127.0.0.1:{port}/"))).code == "api_redirect"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "compare"),
        (401, "request.auth"),
        (403, "right"),
        (404, "path"),
        (429, "too often"),
        (500, "log"),
        (503, "log"),
        (418, "manual"),
    ],
)
async def test_a_bad_status_comes_with_its_own_remedy(client: LookupClient, status: int, said: str) -> None:
    async with api(replies(status=status, text="sorry")) as port:
        answer = await ask(client, request(f"http://127.0.0.1:{port}/"))
    assert answer.failure is not None
    assert answer.failure.code == "api_status"
    assert str(status) in answer.failure.message
    assert said in answer.failure.remedy
    assert (answer.received.status, answer.received.body) == (status, "sorry")


async def test_a_slow_api_is_left_at_the_deadline_and_asked_once(client: LookupClient) -> None:
    asked = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    async with api(handler) as port:
        failed = await failure(client, request(f"http://127.0.0.1:{port}/", deadline_s=0.2))
    assert failed.code == "api_timeout"
    assert "0.2 s" in failed.message
    assert asked == 1


async def test_the_deadline_covers_the_body_too(client: LookupClient) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nada")
        await writer.drain()
        await asyncio.sleep(5)

    async with raw_server(drip) as port, asyncio.timeout(PATIENCE_S):
        assert (await failure(client, request(f"http://127.0.0.1:{port}/", deadline_s=0.2))).code == "api_timeout"


async def test_an_endless_answer_is_left_at_the_bound(client: LookupClient) -> None:
    stopped = asyncio.Event()

    async def handler(got: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(got)
        try:
            while True:
                await response.write(b"x" * 65_536)
        finally:
            stopped.set()

    async with api(handler) as port, asyncio.timeout(PATIENCE_S):
        answer = await ask(client, request(f"http://127.0.0.1:{port}/"))
        await stopped.wait()
    assert answer.failure is not None
    assert answer.failure.code == "api_answer_too_large"
    assert len(answer.received.body) == 16_384


async def test_a_compressed_answer_is_bounded_by_what_it_becomes(client: LookupClient) -> None:
    async def handler(_: web.Request) -> web.Response:
        response = web.Response(body=b"0" * 3_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with api(handler) as port:
        assert (await failure(client, request(f"http://127.0.0.1:{port}/"))).code == "api_answer_too_large"


async def test_an_answer_at_the_bound_is_read(client: LookupClient) -> None:
    async with api(replies(body=b"0" * 1_048_576)) as port:
        answer = await ask(client, request(f"http://127.0.0.1:{port}/"))
    assert answer.failure is None
    assert len(answer.body) == 1_048_576


async def test_a_closed_port_is_refused(client: LookupClient, unused_tcp_port: int) -> None:
    failed = await failure(client, request(f"http://127.0.0.1:{unused_tcp_port}/?k=s3same"))
    assert failed.code == "api_refused"
    assert f"127.0.0.1:{unused_tcp_port}" in failed.message
    assert "s3same" not in failed.message + failed.remedy


async def test_a_failed_connect_is_tried_once_more(client: LookupClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first socket meets a closed door, the second an open one: seen through the guard, the source of sockets."""
    made = 0
    make = NetworkGuard.socket

    def counting(guard: NetworkGuard, info: Any) -> Any:
        nonlocal made
        made += 1
        if made == 1:
            raise ConnectionRefusedError(111, "Connection refused")
        return make(guard, info)

    monkeypatch.setattr(NetworkGuard, "socket", counting)
    async with LookupClient(LOOPBACK) as fresh, api(replies(text="ada")) as port:
        assert (await ask(fresh, request(f"http://127.0.0.1:{port}/"))).body == b"ada"
    assert made == 2


async def test_an_unknown_host_is_a_dns_failure(client: LookupClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_such_name)
    failed = await failure(client, request("http://api.example.invalid/?k=s3same"))
    assert failed.code == "api_dns"
    assert "api.example.invalid" in failed.message


async def test_a_connection_closed_without_an_answer_is_said_so_and_not_repeated(client: LookupClient) -> None:
    asked = 0

    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")

    async with raw_server(hang_up) as port:
        assert (await failure(client, request(f"http://127.0.0.1:{port}/"))).code == "api_disconnected"
    assert asked == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "api_bad_http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nada", "api_bad_http"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nada", "api_bad_http"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "api_bad_http"),
    ],
)
async def test_what_is_no_proper_http_is_said_so(client: LookupClient, answer: bytes, code: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with raw_server(serve) as port:
        assert (await failure(client, request(f"http://127.0.0.1:{port}/"))).code == code


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_of_our_own_is_denied_unless_its_network_is_allowed(host: str) -> None:
    reached = False

    async def handler(_: web.Request) -> web.Response:
        nonlocal reached
        reached = True
        return web.Response(text="ada")

    async with LookupClient(NetworkGuard()) as guarded, api(handler) as port:
        failed = await failure(guarded, request(f"http://{host}:{port}/"))
    assert failed.code == "network_denied"
    assert "network.allowed_networks" in failed.remedy
    assert not reached


@pytest.mark.parametrize("host", ["169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"])
async def test_an_address_written_into_the_url_is_denied(host: str) -> None:
    async with LookupClient(LOOPBACK if "169" in host else NetworkGuard()) as guarded:
        assert (await failure(guarded, request(f"http://{host}:9/"))).code == "network_denied"


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f000001"])
async def test_an_address_in_disguise_is_not_reached(host: str) -> None:
    async with LookupClient(NetworkGuard()) as guarded:
        assert (await failure(guarded, request(f"http://{host}:9/"))).code in {"api_url", "network_denied", "api_dns"}


async def test_tls_is_verified_and_a_private_authority_is_named_by_its_file(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_tls)
    async with LookupClient(LOOPBACK, [ca_file]) as client, api(replies(text="ada"), server_tls) as port:
        trusted = await ask(client, request(f"https://localhost:{port}/", ca_file=ca_file))
        untrusted = await failure(client, request(f"https://localhost:{port}/"))
        misnamed = await failure(client, request(f"https://127.0.0.1:{port}/", ca_file=ca_file))
    assert trusted.body == b"ada"
    assert (untrusted.code, misnamed.code) == ("api_tls", "api_tls")
    assert "ca_file" in untrusted.remedy


async def test_https_to_a_port_that_speaks_http_is_a_tls_failure(client: LookupClient) -> None:
    async with api(replies(text="ada")) as port:
        assert (await failure(client, request(f"https://localhost:{port}/"))).code == "api_tls"


async def test_cancelling_a_lookup_closes_its_connection(client: LookupClient) -> None:
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def wait_for_the_end(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        closed.set()

    async with raw_server(wait_for_the_end) as port, asyncio.timeout(PATIENCE_S):
        lookup = asyncio.create_task(ask(client, request(f"http://127.0.0.1:{port}/")))
        await arrived.wait()
        lookup.cancel()
        with pytest.raises(asyncio.CancelledError):
            await lookup
        await closed.wait()
