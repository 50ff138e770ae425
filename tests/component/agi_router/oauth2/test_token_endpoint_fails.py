"""A token endpoint that refuses, hangs or talks nonsense: what is told, and when it is asked again."""

import asyncio
import logging
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from agi_router.lookup import tokens
from agi_router.lookup.client import LookupClient
from agi_router.lookup.grants import ShortMemory
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.seal import GrantSeal
from agi_router.routing.auth import OAuth2Auth
from agi_router.routing.route import Request
from agi_router.routing.url_template import UrlTemplate
from tests.component.agi_router.oauth2.asking import Asking, asking, service, user
from tests.component.http_api import api, replies
from tests.component.oidc.crm import Crm
from tests.component.oidc.server import Provider
from tests.patience import PATIENCE_S


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
    async with asking(service(provider, client_secret="wrong"), crm.handle) as ask, asyncio.timeout(PATIENCE_S):
        await ask.failure()
        first, again, _on_its_way = (await provider.requests(at_least=3))[:3]
    assert first == again == ("client_credentials", "invalid_client")


async def test_a_slow_token_endpoint_costs_no_more_than_the_deadline_and_its_token_is_used_later(
    provider: Provider, crm: Crm
) -> None:
    await provider.hold()
    async with asking(service(provider), crm.handle) as ask:
        async with asyncio.timeout(PATIENCE_S):
            failed = await ask.failure(deadline_s=0.2)
        assert failed.code == "oauth_timeout"
        assert f"127.0.0.1:{provider.port}" in failed.message
        assert crm.shown == []
        await provider.release()
        assert (await ask()).body == b"ada"
    assert await provider.requests() == [("client_credentials", "")]


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
