"""Single requests to real receivers, the well-behaved and the others."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from agi_router.lookup.guard import NetworkGuard
from ari_app.domain.notices import Notice, NoticeType
from ari_app.domain.webhooks import Subscription
from ari_app.webhooks.outcome import LONGEST_TEXT, Outcome, Verdict
from ari_app.webhooks.rendering import Rendered, UnknownTemplateError
from ari_app.webhooks.sending import Sender, open_sender
from tests.clock import leap
from tests.component.http_api import LOOPBACK, Handler, api, raw_server, replies
from tests.patience import PATIENCE_S

NEW, OLD, WRONG = "whsec_bmV3LW5ldy1uZXctbmV3", "whsec_b2xkLW9sZC1vbGQtb2xk", "whsec_d3Jvbmctd3Jvbmctd3Jvbmc="
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
NOTICE = Notice(id="evt_1", type=NoticeType.CALL_ENDED, at=AT, subject="call/1", data={"call": {"name": "Zoë"}})
CRM = Subscription(
    id="wh_1", name="crm", url="", secrets=(NEW, OLD), headers={"X-Token": "t0k3n"}, created_at=AT, changed_at=AT
)


class Templates:
    """Has one template, which makes something of the ends of calls alone."""

    def render(self, subscription: Subscription, notice: Notice) -> Rendered | None:
        if subscription.template != "form":
            raise UnknownTemplateError(f"there is no template {subscription.template}")
        if notice.type is not NoticeType.CALL_ENDED:
            return None
        return Rendered(
            method="PUT", body=b"call=1", content_type="application/x-www-form-urlencoded", headers={"X-Kind": "end"}
        )


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    async with open_sender(LOOPBACK, Templates(), within_s=30) as opened:
        yield opened


async def sent(sender: Sender, port: int, subscription: Subscription = CRM, notice: Notice = NOTICE) -> Outcome:
    to = replace(subscription, url=f"http://127.0.0.1:{port}/hooks?token=a%2Fb")
    outcome = await sender.send(to, notice)
    assert outcome is not None
    return outcome


async def sent_to(sender: Sender, handler: Handler) -> Outcome:
    async with api(handler) as port:
        return await sent(sender, port)


async def test_a_receiver_checks_the_signature_with_the_reference_library(sender: Sender) -> None:
    got: list[tuple[bytes, dict[str, str]]] = []

    async def receive(request: web.Request) -> web.Response:
        assert (request.method, request.raw_path) == ("POST", "/hooks?token=a%2Fb")
        got.append((await request.read(), dict(request.headers)))
        return web.Response(status=204)

    assert (await sent_to(sender, receive)).verdict is Verdict.DELIVERED
    [(body, headers)] = got
    expected = {"type": "call.ended", "timestamp": "2026-03-01T09:30:00.000Z", "data": {"call": {"name": "Zoë"}}}
    assert Webhook(NEW).verify(body, headers) == Webhook(OLD).verify(body, headers) == expected
    with pytest.raises(WebhookVerificationError):
        Webhook(WRONG).verify(body, headers)
    assert headers["webhook-id"] == "evt_1"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("agi-router/")
    assert headers["X-Token"] == "t0k3n"


async def test_a_template_says_method_body_and_headers_and_is_signed_as_well(sender: Sender) -> None:
    got: list[tuple[str, bytes, dict[str, str]]] = []

    async def receive(request: web.Request) -> web.Response:
        got.append((request.method, await request.read(), dict(request.headers)))
        return web.Response()

    async with api(receive) as port:
        await sent(sender, port, replace(CRM, template="form"))
    [(method, body, headers)] = got
    assert (method, body, headers["X-Kind"], headers["X-Token"]) == ("PUT", b"call=1", "end", "t0k3n")
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    Webhook(NEW).verify(body, headers, json_parse=False)


async def test_what_a_template_has_nothing_for_is_not_sent(sender: Sender) -> None:
    started = replace(NOTICE, type=NoticeType.CALL_STARTED)
    assert await sender.send(replace(CRM, template="form", url="http://127.0.0.1:1/"), started) is None


async def test_a_template_that_is_not_there_is_a_failure_that_says_so(sender: Sender) -> None:
    outcome = await sender.send(replace(CRM, template="gone", url="http://127.0.0.1:1/"), NOTICE)
    assert outcome == Outcome(verdict=Verdict.FAILED, error="there is no template gone")


async def test_headers_of_a_subscription_replace_no_signature(sender: Sender) -> None:
    seen: list[list[str]] = []

    async def receive(request: web.Request) -> web.Response:
        seen.append(request.headers.getall("webhook-id"))
        return web.Response()

    async with api(receive) as port:
        await sent(sender, port, replace(CRM, headers={"Webhook-Id": "mine"}))
    assert seen == [["evt_1"]]


async def test_without_a_secret_nothing_is_sent(sender: Sender) -> None:
    outcome = await sent(sender, 1, replace(CRM, secrets=()))
    assert "no secret that can be read" in outcome.error


async def test_410_disables(sender: Sender) -> None:
    outcome = await sent_to(sender, replies(status=410, text="gone"))
    assert (outcome.verdict, outcome.status, outcome.answer) == (Verdict.GONE, 410, "gone")


async def test_a_redirect_is_a_failure_and_not_followed(sender: Sender) -> None:
    followed: list[str] = []

    async def receive(request: web.Request) -> web.Response:
        followed.append(request.path)
        return web.Response(status=308, headers={"Location": "/elsewhere"})

    outcome = await sent_to(sender, receive)
    assert (outcome.verdict, outcome.status, followed) == (Verdict.FAILED, 308, ["/hooks"])
    assert "redirect" in outcome.error


async def test_a_busy_receiver_says_when_to_come_back(sender: Sender) -> None:
    outcome = await sent_to(sender, replies(status=503, headers={"Retry-After": "90"}, text="later"))
    assert (outcome.asked_for, outcome.answer) == (timedelta(seconds=90), "later")


async def test_a_receiver_that_hangs_is_cut_off(sender: Sender) -> None:
    async def hang(_: web.Request) -> web.Response:
        asyncio.get_running_loop().call_soon(leap, 30)
        await asyncio.sleep(60)
        return web.Response()

    outcome = await sent_to(sender, hang)
    assert (outcome.verdict, outcome.status) == (Verdict.FAILED, None)
    assert "no answer of 127.0.0.1 within 30 s" in outcome.error


async def test_a_status_counts_though_its_body_never_ends(sender: Sender) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"taken")
        await asyncio.sleep(0.5)
        for _ in range(20):  # however long that was, the sender has read the status
            await asyncio.sleep(0)
        leap(30)
        await asyncio.sleep(60)
        return response

    async with asyncio.timeout(PATIENCE_S):
        outcome = await sent_to(sender, drip)
    assert (outcome.verdict, outcome.answer) == (Verdict.DELIVERED, "taken")


async def test_of_a_huge_answer_the_beginning_is_read(sender: Sender) -> None:
    written = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        try:
            for _ in range(4000):
                await response.write(b"\x00\x1b[2J no\r\n" * 10_000)
                written += 100_000
        except OSError:
            pass
        return response

    outcome = await sent_to(sender, flood)
    assert len(outcome.answer) <= LONGEST_TEXT
    assert outcome.answer.startswith("[2J no")
    assert outcome.answer.isprintable()
    assert written < 50_000_000


async def test_headers_without_an_end_are_cut_off(sender: Sender) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        try:
            for number in range(10**7):
                writer.write(b"X-%d: %s\r\n" % (number, b"y" * 1000))
                await writer.drain()
        except OSError:
            pass

    async with raw_server(serve) as port:
        outcome = await sent(sender, port)
    assert (outcome.verdict, outcome.status) == (Verdict.FAILED, None)


async def test_no_http_at_all_is_a_failure(sender: Sender) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()

    async with raw_server(serve) as port:
        outcome = await sent(sender, port)
    assert "proper HTTP" in outcome.error
    assert "token" not in outcome.error, "others are told of it"


async def test_a_url_that_cannot_be_is_a_failure_that_tells_no_token(sender: Sender) -> None:
    outcome = await sender.send(replace(CRM, url="https:///hooks?token=a"), NOTICE)
    assert outcome is not None
    assert outcome.verdict is Verdict.FAILED
    assert "token" not in outcome.error


async def test_a_receiver_that_hangs_up_is_told_once(sender: Sender) -> None:
    seen = 0

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal seen
        await reader.readuntil(b"\r\n\r\n")
        seen += 1

    async with raw_server(serve) as port:
        outcome = await sent(sender, port)
    assert (seen, outcome.verdict) == (1, Verdict.FAILED)
    assert "closed the connection" in outcome.error


async def test_a_kept_connection_that_has_ended_costs_nothing(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.webhooks.sending.STALE_S", PATIENCE_S)  # for who is busy as it ends
    seen = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request, and hangs up when the next one comes on the same connection."""
        nonlocal seen
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        seen += 1
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        await reader.read(1)

    async with raw_server(serve) as port:
        outcomes = [await sent(sender, port) for _ in range(3)]
    assert [outcome.verdict for outcome in outcomes] == [Verdict.DELIVERED] * 3
    assert seen == 3


async def test_nobody_there_is_told_in_words(sender: Sender) -> None:
    outcome = await sent(sender, 1)
    assert "takes no connection: Connect call failed" in outcome.error or "refused" in outcome.error.lower()


async def test_the_guard_keeps_requests_out_of_the_network_that_is_not_allowed() -> None:
    seen: list[str] = []

    async def receive(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response()

    async with AsyncExitStack() as open_ends:
        port = await open_ends.enter_async_context(api(receive))
        guarded = await open_ends.enter_async_context(open_sender(NetworkGuard(), Templates()))
        for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254"):
            outcome = await guarded.send(replace(CRM, url=f"http://{host}:{port}/"), NOTICE)
            assert outcome is not None
            assert "network.allowed_networks" in outcome.error
    assert seen == []


async def test_a_proxy_of_the_environment_is_not_asked(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await sent_to(sender, replies(status=200))).verdict is Verdict.DELIVERED


@pytest.mark.parametrize("url", ["", "crm", "ftp://x/", "http://", "http://a b/", "http://xn--a/", "http://x:99999/"])
async def test_a_url_that_is_none_is_a_failure(sender: Sender, url: str) -> None:
    outcome = await sender.send(replace(CRM, url=url), NOTICE)
    assert outcome is not None
    assert (outcome.verdict, outcome.status) == (Verdict.FAILED, None)
    assert outcome.error


async def test_tls_is_verified_by_the_authorities_that_are_named(sender: Sender, tmp_path: Path) -> None:
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    async with api(replies(status=200), tls) as port:
        secure = replace(CRM, url=f"https://localhost:{port}/")
        refused = await sender.send(secure, NOTICE)
        async with open_sender(LOOPBACK, Templates(), ca_file=ca_file) as trusting:
            taken = await trusting.send(secure, NOTICE)
    assert refused is not None
    assert "no trusted TLS connection" in refused.error
    assert "webhooks.ca_file" in refused.error
    assert taken == Outcome(verdict=Verdict.DELIVERED, status=200)


async def test_names_that_nobody_resolves_hold_up_neither_other_receivers_nor_the_threads_of_the_router(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, over, resolve = threading.Semaphore(0), threading.Event(), socket.getaddrinfo

    def slow(host: str, *given: Any, **more: Any) -> Any:
        if host.endswith(".dead.example"):
            asked.release()
            over.wait(2 * PATIENCE_S)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve(host, *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    dead = [
        asyncio.create_task(sender.send(replace(CRM, url=f"http://crm{number}.dead.example/"), NOTICE))
        for number in range(50)
    ]
    try:
        async with asyncio.timeout(PATIENCE_S), api(replies()) as port:
            while not asked.acquire(blocking=False):
                await asyncio.sleep(0)
            outcome = await sender.send(replace(CRM, url=f"http://localhost:{port}/"), NOTICE)
            await asyncio.to_thread(lambda: None)
        assert outcome is not None
        assert outcome.verdict is Verdict.DELIVERED
    finally:
        over.set()
        outcomes = await asyncio.gather(*dead)
    assert {each.verdict for each in outcomes if each is not None} == {Verdict.FAILED}
