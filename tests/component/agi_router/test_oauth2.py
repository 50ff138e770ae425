"""Lookups with OAuth 2.0: a real token endpoint (oidc-provider), a real API that asks it whether a token lives."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from agi_router.lookup import tokens
from agi_router.lookup.client import Answer, LookupClient
from agi_router.lookup.grants import GrantMemory, ShortMemory
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.seal import GrantSeal
from agi_router.routing.auth import ClientAuth, OAuth2Auth
from agi_router.routing.decision import FailedAttempt, LookupProgress, SentRequest
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.route import Request
from agi_router.routing.url_template import UrlTemplate
from ari_app.storage.grants import grants_for_command, writing_grants
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.http_api import LOOPBACK, Handler, api, replies
from tests.component.oidc.crm import Crm
from tests.component.oidc.server import Provider, running_provider


@pytest.fixture(scope="session")
def started_provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
async def provider(started_provider: Provider) -> Provider:
    await started_provider.reset()
    return started_provider


@dataclass
class Asking:
    """A client for one way to authenticate, and what it has told."""

    client: LookupClient
    request: Request
    told: list[LookupProgress] = field(default_factory=list)

    async def __call__(self, **changes: Any) -> Answer:
        return await self.client.ask(replace(self.request, **changes), {}, self.told.append)

    async def failure(self, **changes: Any) -> Failure:
        with pytest.raises(RoutingError) as caught:
            await self(**changes)
        return caught.value.failure

    @property
    def source(self) -> tokens.TokenSource:
        assert isinstance(self.request.auth, OAuth2Auth)
        return self.client.tokens[self.request.auth]


@pytest.fixture
async def crm(provider: Provider) -> Crm:
    return Crm(provider)


@asynccontextmanager
async def asking(auth: OAuth2Auth, handler: Handler, memory: GrantMemory | None = None) -> AsyncIterator[Asking]:
    ca_files = [auth.ca_file] if auth.ca_file else []
    async with api(handler) as port, LookupClient(LOOPBACK, ca_files, auths=[auth], grants=memory) as client:
        url = UrlTemplate.parse(f"http://127.0.0.1:{port}/")
        yield Asking(client, Request(method="GET", url=url, auth=auth))


def service(provider: Provider, **changes: Any) -> OAuth2Auth:
    given = {"token_url": provider.token_url, "client_id": "service", "client_secret": provider.secret("service")}
    return OAuth2Auth(**given | {"scope": "calls"} | changes)


async def user(provider: Provider, **changes: Any) -> OAuth2Auth:
    given = {"token_url": provider.token_url, "client_id": "user", "client_secret": provider.secret("user")}
    return OAuth2Auth(**given | {"refresh_token": await provider.refresh_token()} | changes)


async def test_a_client_shows_its_credentials_once_and_its_token_with_every_question(
    provider: Provider, crm: Crm
) -> None:
    async with asking(service(provider), crm.handle) as ask:
        for _ in range(3):
            assert (await ask()).body == b"ada"
    assert await provider.requests() == [("client_credentials", "")]
    assert len(crm.shown) == 3
    assert len(set(crm.shown)) == 1


@pytest.mark.parametrize(("client_id", "client_auth"), [("service", ClientAuth.BASIC), ("posting", ClientAuth.BODY)])
async def test_credentials_travel_in_the_header_or_in_the_body(
    provider: Provider, crm: Crm, client_id: str, client_auth: ClientAuth
) -> None:
    auth = service(provider, client_id=client_id, client_secret=provider.secret(client_id), client_auth=client_auth)
    async with asking(auth, crm.handle) as ask:
        assert (await ask()).body == b"ada"
    assert await provider.client_auths() == [client_auth]


async def test_a_public_client_needs_no_secret(provider: Provider, crm: Crm) -> None:
    refresh_token = await provider.refresh_token("public")
    auth = OAuth2Auth(token_url=provider.token_url, client_id="public", refresh_token=refresh_token)
    async with asking(auth, crm.handle) as ask:
        assert (await ask()).body == b"ada"


async def test_parameters_such_as_a_resource_reach_the_server(provider: Provider, crm: Crm) -> None:
    right, wrong = "https://crm.example.com", "https://other.example.com"
    async with asking(service(provider, parameters=(("resource", right),)), crm.handle) as ask:
        assert (await ask()).body == b"ada"
    async with asking(service(provider, parameters=(("resource", wrong),)), crm.handle) as ask:
        failed = await ask.failure()
    assert failed.code == "oauth_refused"
    assert "invalid_target" in failed.message
    assert "auth.parameters" in failed.remedy


async def test_a_wrong_secret_is_told_once_and_not_tried_again_and_again(provider: Provider, crm: Crm) -> None:
    async with asking(service(provider, client_secret="s3same"), crm.handle) as ask:
        failures = [await ask.failure() for _ in range(3)]
        state = ask.source.state()
    assert {failed.code for failed in failures} == {"oauth_refused"}
    assert "invalid_client" in failures[0].message
    assert "auth.client_secret" in failures[0].remedy
    assert await provider.requests() == [("client_credentials", "invalid_client")]
    assert (state.failure, state.is_usable) == (failures[0], False)
    assert state.next_try_at is not None
    assert not crm.shown
    assert not ask.told


async def test_an_expired_token_is_replaced_before_it_is_shown(provider: Provider, crm: Crm) -> None:
    """Tokens that live a second are too near their end for a second question."""
    await provider.let_tokens_live(1)
    async with asking(service(provider), crm.handle) as ask:
        for _ in range(3):
            assert (await ask()).body == b"ada"
    assert len(set(crm.shown)) == len(crm.shown) == len(await provider.requests()) == 3


async def test_a_token_is_renewed_before_its_end_and_nobody_waits_for_it(
    provider: Provider, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "SHORTEST_RENEWAL_S", 0.0)
    monkeypatch.setattr(tokens, "RENEW_SHARE", 0.99)
    await provider.let_tokens_live(60)
    async with asking(service(provider), crm.handle) as ask, asyncio.timeout(5):
        ask.source.keep_ready()
        await provider.requests(at_least=1)
        await ask()
        first = ask.source.state()
        await provider.hold()
        await provider.requests(at_least=2)
        assert (await ask()).body == b"ada"
        assert len(set(crm.shown)) == 1
        await provider.release()
        await provider.requests(at_least=3)  # a third renewal begins when the second token has been held for a while
        await ask()
        second = ask.source.state()
    assert len(set(crm.shown)) == 2
    assert first.obtained_at is not None
    assert second.obtained_at is not None
    assert first.obtained_at < second.obtained_at


async def test_each_new_refresh_token_takes_the_place_of_the_old_one(provider: Provider, crm: Crm) -> None:
    """The server takes a refresh token once: a second use of one ends the whole grant."""
    await provider.let_tokens_live(1)
    async with asking(await user(provider), crm.handle) as ask:
        for _ in range(3):
            assert (await ask()).body == b"ada"
    assert await provider.requests() == [("refresh_token", "")] * 3


async def test_a_refresh_token_that_was_replaced_outlives_the_client(provider: Provider, crm: Crm) -> None:
    await provider.let_tokens_live(1)
    auth, memory = await user(provider), ShortMemory()
    for _ in range(3):
        async with asking(auth, crm.handle, memory) as ask:
            assert (await ask()).body == b"ada"
    async with asking(auth, crm.handle) as forgetful:
        failed = await forgetful.failure()
    assert failed.code == "oauth_refused"
    assert "invalid_grant" in failed.message


async def test_a_living_token_is_used_by_the_next_client_too(provider: Provider, crm: Crm) -> None:
    auth, memory = await user(provider), ShortMemory()
    for _ in range(2):
        async with asking(auth, crm.handle, memory) as ask:
            assert (await ask()).body == b"ada"
    assert len(await provider.requests()) == 1


async def test_two_clients_with_one_refresh_token_take_turns(provider: Provider, crm: Crm) -> None:
    """As while a changed configuration is loaded: calls in progress keep the old client."""
    auth, memory = await user(provider), ShortMemory()
    async with asking(auth, crm.handle, memory) as one, asking(auth, crm.handle, memory) as other:
        assert [answer.body for answer in await asyncio.gather(one(), other())] == [b"ada", b"ada"]
    assert await provider.requests() == [("refresh_token", "")]


async def test_a_revoked_refresh_token_is_an_error_with_a_remedy_and_no_hammering(provider: Provider, crm: Crm) -> None:
    auth = await user(provider)
    await provider.revoke_refresh_token(auth.refresh_token)
    async with asking(auth, crm.handle) as ask:
        failures = [await ask.failure() for _ in range(3)]
    assert {failed.code for failed in failures} == {"oauth_refused"}
    assert "authorise the router again" in failures[0].remedy
    assert "auth.refresh_token" in failures[0].remedy
    assert auth.refresh_token not in failures[0].message
    assert await provider.requests() == [("refresh_token", "invalid_grant")]


async def test_a_refused_token_endpoint_is_asked_again_later_by_itself(
    provider: Provider, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "FIRST_RETRY_REFUSED_S", 0.05)
    async with asking(service(provider, client_secret="wrong"), crm.handle) as ask, asyncio.timeout(5):
        await ask.failure()
        assert await provider.requests(at_least=3) == [("client_credentials", "invalid_client")] * 2 + [("", "")]


async def test_a_slow_token_endpoint_costs_no_more_than_the_deadline_and_its_token_is_used_later(
    provider: Provider, crm: Crm
) -> None:
    await provider.hold()
    async with asking(service(provider), crm.handle) as ask:
        async with asyncio.timeout(1):
            failed = await ask.failure(deadline_s=0.2)
        assert failed.code == "oauth_timeout"
        assert f"127.0.0.1:{provider.port}" in failed.message
        assert crm.shown == []
        await provider.release()
        assert (await ask()).body == b"ada"
    assert await provider.requests() == [("client_credentials", "")]


async def test_a_caller_who_hangs_up_leaves_the_token_to_the_others(provider: Provider, crm: Crm) -> None:
    await provider.hold()
    async with asking(service(provider), crm.handle) as ask:
        first, second = asyncio.create_task(ask()), asyncio.create_task(ask())
        await provider.requests(at_least=1)
        first.cancel()
        await provider.release()
        assert (await second).body == b"ada"
        with pytest.raises(asyncio.CancelledError):
            await first
    assert len(await provider.requests()) == 1


async def test_fifty_callers_share_one_token_request(provider: Provider, crm: Crm) -> None:
    await provider.hold()
    async with asking(service(provider), crm.handle) as ask:
        callers = [asyncio.create_task(ask()) for _ in range(50)]
        await provider.requests(at_least=1)
        await provider.release()
        answers = await asyncio.gather(*callers)
    assert [answer.body for answer in answers] == [b"ada"] * 50
    assert len(await provider.requests()) == 1


async def test_fifty_callers_with_a_revoked_token_share_one_new_one(provider: Provider, crm: Crm) -> None:
    async with asking(await user(provider), crm.handle) as ask:
        await ask()
        await provider.revoke(crm.shown[0])
        answers = await asyncio.gather(*(ask() for _ in range(50)))
    assert [answer.body for answer in answers] == [b"ada"] * 50
    assert await provider.requests() == [("refresh_token", "")] * 2
    assert len(crm.shown) <= 101


async def test_a_401_is_answered_with_one_new_token_and_one_repeat_both_on_record(provider: Provider, crm: Crm) -> None:
    async with asking(service(provider), crm.handle) as ask:
        await ask()
        await provider.revoke(crm.shown[0])
        ask.told.clear()
        assert (await ask()).body == b"ada"
    assert len(crm.shown) == 3
    assert crm.shown[1] != crm.shown[2]
    assert [type(told) for told in ask.told] == [SentRequest, FailedAttempt, SentRequest]
    attempt = ask.told[1]
    assert isinstance(attempt, FailedAttempt)
    assert attempt.answer is not None
    assert attempt.answer.status == 401


async def test_an_api_that_refuses_every_token_is_repeated_once_and_costs_no_further_token(
    provider: Provider, crm: Crm
) -> None:
    crm.refuses = True
    async with asking(service(provider), crm.handle) as ask:
        first, second = await ask(), await ask()
    assert first.failure is not None
    assert second.failure == first.failure
    assert "also to a new token" in first.failure.message
    assert "auth.scope" in first.failure.remedy
    assert len(crm.shown) == 3  # two by the first call, one by the second
    assert len(await provider.requests()) == 2


async def test_a_clock_that_was_set_back_does_not_keep_a_refused_token(
    provider: Provider, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.refuses = True
    async with asking(service(provider), crm.handle) as ask:
        await ask()
        an_hour_ago = time.time() - 3600
        monkeypatch.setattr(time, "time", lambda: an_hour_ago)
        crm.refuses = False
        await provider.revoke(crm.shown[-1])
        assert (await ask()).body == b"ada"


async def test_when_no_new_token_comes_the_401_stands_with_the_reason(provider: Provider, crm: Crm) -> None:
    auth = await user(provider)
    memory = ShortMemory()
    async with asking(auth, crm.handle, memory) as ask:
        await ask()
        await provider.revoke(crm.shown[0])
        await provider.hold()
        answer = await ask(deadline_s=0.3)
        await provider.release()
    assert answer.received.status == 401
    assert answer.failure is not None
    assert answer.failure.code == "oauth_timeout"


async def test_the_second_url_is_asked_with_the_same_token(provider: Provider, crm: Crm) -> None:
    auth = service(provider)
    async with api(crm.handle) as port, asking(auth, replies(status=503)) as ask:
        second = UrlTemplate.parse(f"http://127.0.0.1:{port}/")
        assert (await ask(second_url=second, second_auth=auth)).body == b"ada"
    assert len(await provider.requests()) == 1
    assert [type(told) for told in ask.told] == [SentRequest, FailedAttempt, SentRequest]


async def test_the_network_guard_stands_before_the_token_endpoint(provider: Provider, crm: Crm) -> None:
    async with api(crm.handle) as port:
        auth = service(provider)
        request = Request(method="GET", url=UrlTemplate.parse(f"http://127.0.0.1:{port}/"), auth=auth)
        async with LookupClient(NetworkGuard(), auths=[auth]) as client:
            failed = await Asking(client, request).failure()
    assert failed.code == "network_denied"
    assert "network.allowed_networks" in failed.remedy
    assert await provider.requests() == []


async def test_a_closed_token_endpoint_is_unreachable(crm: Crm, unused_tcp_port: int) -> None:
    auth = OAuth2Auth(token_url=f"http://127.0.0.1:{unused_tcp_port}/?k=s3same", client_id="c", client_secret="s")
    async with asking(auth, crm.handle) as ask:
        failed = await ask.failure()
    assert failed.code == "oauth_unreachable"
    assert f"127.0.0.1:{unused_tcp_port}" in failed.message
    assert "s3same" not in failed.message + failed.remedy


async def test_the_routes_ca_file_counts_for_the_token_endpoint_too(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    issues = replies(text='{"access_token": "t", "token_type": "Bearer"}')
    async with api(issues, tls) as port:
        auth = OAuth2Auth(token_url=f"https://localhost:{port}/", client_id="c", client_secret="s")
        async with asking(replace(auth, ca_file=ca_file), replies(text="ada")) as trusting:
            assert (await trusting()).body == b"ada"
            assert trusting.source.state().valid_until is None
        async with asking(auth, replies(text="ada")) as ask:
            failed = await ask.failure()
    assert failed.code == "oauth_unreachable"
    assert "certificate" in failed.message


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"text": "<html>token</html>"}, "oauth_bad_answer"),
        ({"text": ""}, "oauth_bad_answer"),
        ({"text": "[]"}, "oauth_bad_answer"),
        ({"text": "7"}, "oauth_bad_answer"),
        ({"text": "[" * 10_000}, "oauth_bad_answer"),
        ({"body": b"\xff\xfe"}, "oauth_bad_answer"),
        ({"text": "{}"}, "oauth_bad_answer"),
        ({"text": '{"error": null}'}, "oauth_bad_answer"),
        ({"text": '{"access_token": 5, "token_type": "Bearer"}'}, "oauth_bad_answer"),
        ({"text": '{"access_token": "", "token_type": "Bearer"}'}, "oauth_bad_answer"),
        ({"text": '{"access_token": "a\\nX-Evil: 1", "token_type": "Bearer"}'}, "oauth_bad_answer"),
        ({"text": '{"access_token": "a", "token_type": "mac"}'}, "oauth_bad_answer"),
        ({"text": '{"access_token": "a", "token_type": ["Bearer"]}'}, "oauth_bad_answer"),
        ({"text": '{"access_token": "a", "expires_in": "soon"}'}, "oauth_bad_answer"),
        ({"text": '{"access_token": "a", "expires_in": Infinity}'}, "oauth_bad_answer"),
        ({"text": '{"access_token": "a", "refresh_token": {}, "scope": 7}'}, "oauth_bad_answer"),
        ({"text": '{"access_token": "a"}', "status": 400}, "oauth_bad_answer"),
        ({"text": "x" * 1_100_000}, "oauth_bad_answer"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, "oauth_bad_answer"),
        ({"status": 500, "text": '{"access_token": "a"}'}, "oauth_unavailable"),
        ({"status": 429, "headers": {"Retry-After": "120"}}, "oauth_unavailable"),
        ({"status": 503, "headers": {"Retry-After": "x"}}, "oauth_unavailable"),
        ({"status": 400, "text": '{"error": ["odd", 1]}'}, "oauth_refused"),
        ({"status": 400, "text": '{"error": "invalid_client", "error_description": {"a": "s3same"}}'}, "oauth_refused"),
        (
            {"status": 400, "text": '{"error": "invalid_grant", "error_description": "no grant s3same\\u001b[2J"}'},
            "oauth_refused",
        ),
    ],
)
async def test_what_is_no_token_is_said_so_and_never_shown_to_the_api(answer: dict[str, Any], code: str) -> None:
    asked = 0

    async def crm(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(text="ada")

    async with api(replies(**answer)) as port:
        auth = OAuth2Auth(token_url=f"http://127.0.0.1:{port}/token?k=q", client_id="c", client_secret="s3same")
        async with asking(auth, crm) as ask:
            failed = await ask.failure()
    assert failed.code == code
    assert asked == 0
    assert "s3same" not in failed.message
    assert failed.message.isprintable()
    assert "k=q" not in failed.message


@pytest.mark.parametrize(
    ("expires_in", "lives_s"),
    [("60", 60), ('"60"', 60), ("60.9", 60), ("1" + "0" * 400, 366 * 86_400), ("1e300", 366 * 86_400)]
    + [(never, None) for never in ("0", "-5", '"-5"', "true", "null")],
)
async def test_a_life_of_any_kind_is_understood(expires_in: str, lives_s: float | None) -> None:
    asked = 0

    async def issue(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(text=f'{{"access_token": "t", "token_type": "Bearer", "expires_in": {expires_in}}}')

    async with api(issue) as port:
        auth = OAuth2Auth(token_url=f"http://127.0.0.1:{port}/", client_id="c", client_secret="s")
        async with asking(auth, replies(text="ada")) as ask:
            for _ in range(3):
                assert (await ask()).body == b"ada"
            state = ask.source.state()
    assert asked == 1
    assert state.obtained_at is not None
    lives = state.valid_until and (state.valid_until - state.obtained_at).total_seconds()
    assert lives == lives_s


def issues_in_turn(*answers: str | Handler) -> tuple[Handler, list[str]]:
    """A token endpoint that answers so, and the refresh tokens that it was shown."""
    shown: list[str] = []

    async def issue(request: web.Request) -> web.StreamResponse:
        shown.append(str((await request.post())["refresh_token"]))
        answer = answers[len(shown) - 1]
        return web.Response(text=answer) if isinstance(answer, str) else await answer(request)

    return issue, shown


@pytest.mark.parametrize("of_no_use", ['"access_token": "a b"', '"access_token": "t", "token_type": "DPoP"'])
async def test_a_new_refresh_token_is_kept_though_what_came_with_it_is_of_no_use(of_no_use: str) -> None:
    issue, shown = issues_in_turn(f'{{{of_no_use}, "refresh_token": "second"}}', '{"access_token": "t"}')
    memory = ShortMemory()
    async with api(issue) as port:
        auth = OAuth2Auth(token_url=f"http://127.0.0.1:{port}/", client_id="c", refresh_token="first")
        async with asking(auth, replies(text="ada"), memory) as ask:
            assert (await ask.failure()).code == "oauth_bad_answer"
        async with asking(auth, replies(text="ada"), memory) as ask:
            assert (await ask()).body == b"ada"
    assert shown == ["first", "second"]


async def test_a_client_that_is_closed_waits_for_the_refresh_token_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at a reload: the next client finds the new one, and never shows the old one a second time."""
    arrived, release = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    now, passed_s = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: now() + passed_s)

    def twenty_seconds_later() -> None:
        nonlocal passed_s
        passed_s = 20.0
        loop.call_later(0.05, release.set)

    async def slowly(_: web.Request) -> web.Response:
        arrived.set()
        await release.wait()
        return web.Response(text='{"access_token": "t", "refresh_token": "second", "expires_in": 3600}')

    issue, shown = issues_in_turn(slowly)
    memory = ShortMemory()
    async with api(issue) as port:
        auth = OAuth2Auth(token_url=f"http://127.0.0.1:{port}/", client_id="c", refresh_token="first")
        async with asking(auth, replies(text="ada"), memory) as next_one:
            async with asking(auth, replies(text="ada"), memory) as ask:
                ask.source.keep_ready()
                await arrived.wait()
                loop.call_later(0.05, twenty_seconds_later)
            assert release.is_set()
            assert (await next_one()).body == b"ada"
    assert shown == ["first"]


async def test_a_server_that_asks_for_patience_gets_it() -> None:
    async with api(replies(status=429, headers={"Retry-After": "120"})) as port:
        auth = OAuth2Auth(token_url=f"http://127.0.0.1:{port}/", client_id="c", client_secret="s")
        async with asking(auth, replies(text="ada")) as ask:
            await ask.failure()
            state = ask.source.state()
    assert state.next_try_at is not None
    assert 100 < (state.next_try_at - datetime.now(UTC)).total_seconds() <= 120


async def test_no_secret_and_no_token_is_told_anywhere(
    provider: Provider, crm: Crm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    auth, memory = await user(provider), ShortMemory()
    async with asking(auth, crm.handle, memory) as ask:
        await ask()
        await provider.revoke(crm.shown[0])
        await ask()
        sealed = await memory.recall(GrantSeal(auth).grant_id)
        told = f"{ask.told} {ask.request} {ask.source.state()} {caplog.text} {sealed}"
    async with asking(auth, crm.handle) as forgetful:
        told += f"{await forgetful.failure()} {caplog.text}"
    assert "refuses a token" in caplog.text
    for secret in (*crm.shown, auth.refresh_token, auth.client_secret):
        assert secret not in told


async def test_a_memory_of_another_refresh_token_is_not_taken(provider: Provider, crm: Crm) -> None:
    """What the operator's new refresh token meets in the database was sealed with the old one."""
    memory = ShortMemory()
    old, new = await user(provider), await user(provider)
    async with asking(old, crm.handle, memory) as ask:
        await ask()
    assert GrantSeal(old).grant_id != GrantSeal(new).grant_id
    sealed = await memory.recall(GrantSeal(old).grant_id)
    assert sealed is not None
    memory.remember(GrantSeal(new).grant_id, sealed)
    async with asking(new, crm.handle, memory) as ask:
        assert (await ask()).body == b"ada"
    assert crm.shown[0] != crm.shown[1]


async def test_a_rotated_refresh_token_survives_in_the_database_where_nobody_can_read_it(
    provider: Provider, crm: Crm, tmp_path: Path
) -> None:
    await provider.let_tokens_live(1)
    auth, storage = await user(provider), StorageSettings.at(tmp_path / "router.db")
    for _ in range(2):
        async with open_database(storage) as database, writing_grants(database) as grants:
            async with asking(auth, crm.handle, grants) as ask:
                assert (await ask()).body == b"ada"
    assert await provider.requests() == [("refresh_token", "")] * 2
    held = GrantSeal(auth).open(await _sealed(storage, auth))
    assert held is not None
    assert held.access_token == crm.shown[-1]
    files = await asyncio.to_thread(lambda: b"".join(file.read_bytes() for file in tmp_path.glob("router.db*")))
    for secret in (auth.refresh_token, held.refresh_token, held.access_token):
        assert secret.encode() not in files


async def _sealed(storage: StorageSettings, auth: OAuth2Auth) -> str:
    async with grants_for_command(storage) as grants:
        sealed = await grants.recall(GrantSeal(auth).grant_id)
    assert sealed is not None
    return sealed
