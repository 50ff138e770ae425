"""A token is asked for, shared, renewed before its end, and shown with every question."""

import asyncio

import pytest
from aiohttp import web

from agi_router.routing.auth import ClientAuth, OAuth2Auth
from agi_router.routing.decision import FailedAttempt, SentRequest
from agi_router.routing.url_template import UrlTemplate
from tests.clock import leap
from tests.component.agi_router.oauth2.asking import asking, service
from tests.component.http_api import api, replies
from tests.component.oidc.crm import Crm
from tests.component.oidc.server import Provider
from tests.patience import PATIENCE_S


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


@pytest.mark.usefixtures("ending")
async def test_an_expired_token_is_replaced_before_it_is_shown(provider: Provider, crm: Crm) -> None:
    async with asking(service(provider), crm.handle) as ask:
        for _ in range(3):
            assert (await ask()).body == b"ada"
    assert len(set(crm.shown)) == len(crm.shown) == len(await provider.requests()) == 3


async def test_a_token_is_renewed_before_its_end_and_nobody_waits_for_it(provider: Provider, crm: Crm) -> None:
    async with asking(service(provider), crm.handle) as ask:
        ask.source.keep_ready()
        await ask()
        first = ask.source.state().obtained_at
        assert first is not None
        await provider.hold()
        leap(3540)  # it has a minute left to live
        await provider.requests(at_least=2)
        assert (await ask()).body == b"ada"
        assert len(set(crm.shown)) == 1
        await provider.release()
        async with asyncio.timeout(PATIENCE_S):
            while (second := ask.source.state().obtained_at) == first:
                await asyncio.sleep(0.01)
        await ask()
    assert len(set(crm.shown)) == 2
    assert second is not None
    assert first < second


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


async def test_the_second_url_is_asked_with_the_same_token(provider: Provider, crm: Crm) -> None:
    auth = service(provider)
    async with api(crm.handle) as port, asking(auth, replies(status=503)) as ask:
        second = UrlTemplate.parse(f"http://127.0.0.1:{port}/")
        assert (await ask(second_url=second, second_auth=auth)).body == b"ada"
    assert len(await provider.requests()) == 1
    assert [type(told) for told in ask.told] == [SentRequest, FailedAttempt, SentRequest]


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
