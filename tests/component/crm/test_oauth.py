"""A CRM behind OAuth 2.0: a login in a browser, and tokens that are renewed, with a real server of tokens."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from agi_router.routing.errors import RoutingError
from ari_app.crm.authorization import Authorization
from ari_app.crm.callback import listening
from ari_app.crm.document import oauth2_login
from ari_app.crm.lane import open_lane
from ari_app.crm.settings import ConnectorSettings, LoginSettings
from ari_app.crm.standing import LoginState
from ari_app.domain.crm import HookError, HookName
from ari_app.domain.crm_login import Login
from sandbox.crm import GenericCrm
from tests.component.crm.connecting import connected
from tests.component.crm.oauth import by_oauth, let_in_by
from tests.component.http_api import LOOPBACK
from tests.component.oidc.server import Provider, browse
from tests.patience import PATIENCE_S

ANY_PORT = LoginSettings(callback_port=0)


@pytest.fixture
def settings(tmp_path: Path, provider: Provider, crm: GenericCrm) -> ConnectorSettings:
    """Of the client `desk`, whose user has not logged in yet."""
    let_in_by(provider, crm)
    return ConnectorSettings(
        name="crm",
        document=by_oauth(tmp_path, provider),
        properties={"Base URL": crm.url, "Client Secret": provider.secret("desk")},
        login=ANY_PORT,
    )


def authorization(settings: ConnectorSettings, redirect_uri: str) -> Authorization:
    properties = {"Client ID": "desk", **settings.properties}
    login = oauth2_login(settings.document.auth, properties)
    assert login is not None
    return Authorization(login, redirect_uri)


async def logged_in(settings: ConnectorSettings) -> Login:
    async with listening(settings.login) as callback:
        asked = authorization(settings, callback.settings.redirect_uri)
        callback.expect(asked.code_of)
        address, page = await browse(asked.url())
        assert address.startswith(callback.settings.redirect_uri)
        assert "You can close this page" in page
        code = await callback.code
    async with open_lane(LOOPBACK, None) as lane:
        tokens = await asked.tokens(code, settings, lane)
    return Login(connector="crm", refresh_token=tokens.refresh_token, at=datetime.now(UTC))


async def test_a_user_consents_in_a_browser_and_the_router_is_let_in(
    settings: ConnectorSettings, crm: GenericCrm
) -> None:
    crm.add_user(first_name="Ada")
    async with connected(settings) as connector:
        assert connector.standing().state is LoginState.NEEDED
        await connector.take(await logged_in(settings))
        answer = await connector.run(HookName.USERS, {}, deadline_s=PATIENCE_S)
        assert answer.records[0]["firstname"] == "Ada"
        standing = connector.standing()
    assert standing.state is LoginState.OK
    assert standing.token is not None
    assert standing.token.is_usable


async def test_tokens_are_renewed_when_the_crm_takes_them_no_more(
    settings: ConnectorSettings, provider: Provider, crm: GenericCrm
) -> None:
    async with connected(settings, login=await logged_in(settings)) as connector:
        await connector.run(HookName.USERS, {}, deadline_s=PATIENCE_S)
        await provider.revoke(crm.requests[-1].headers["Authorization"].removeprefix("Bearer "))
        await connector.run(HookName.CREATE_ACTIVITY, {"call_id": "1"}, deadline_s=PATIENCE_S)
    assert len(crm.of_call("1")) == 1


async def test_there_is_a_token_before_anybody_asks_the_crm_also_after_another_login(
    settings: ConnectorSettings, provider: Provider, crm: GenericCrm
) -> None:
    async with connected(settings, login=await logged_in(settings)) as connector:
        connector.keep_tokens_ready()
        await provider.requests(at_least=2)  # the code, and what is made of its refresh token
        await connector.take(await logged_in(settings))
        await provider.requests(at_least=4)
    assert crm.requests == []


async def test_a_consent_that_was_withdrawn_is_seen(settings: ConnectorSettings, provider: Provider) -> None:
    login = await logged_in(settings)
    await provider.revoke_refresh_token(login.refresh_token, "desk")
    async with connected(settings, login=login) as connector:
        with pytest.raises(HookError) as caught:
            await connector.run(HookName.CREATE_ACTIVITY, {"call_id": "1"}, deadline_s=PATIENCE_S)
        standing = connector.standing()
    assert (caught.value.failure.code, caught.value.is_undone) == ("oauth_refused", True)
    assert standing.state is LoginState.REFUSED
    assert "agi-router crm login crm" in standing.remedy


async def test_a_user_who_does_not_consent_is_told_in_the_browser_and_here(
    settings: ConnectorSettings, provider: Provider
) -> None:
    await provider.deny()
    async with listening(ANY_PORT) as callback:
        asked = authorization(settings, callback.settings.redirect_uri)
        callback.expect(asked.code_of)
        _, page = await browse(asked.url())
        assert "ada does not want to" in page
        with pytest.raises(RoutingError, match="ada does not want to"):
            await callback.code


async def test_an_address_of_another_login_is_not_taken(settings: ConnectorSettings) -> None:
    async with listening(ANY_PORT) as callback:
        asked = authorization(settings, callback.settings.redirect_uri)
        callback.expect(asked.code_of)
        async with aiohttp.ClientSession() as attacker:
            forged = f"{callback.settings.redirect_uri}?code=theirs&state=guessed"
            async with attacker.get(forged) as response:
                assert response.status == 400
        assert not callback.code.done()
        assert callback.take(f"{callback.settings.redirect_uri}?code=mine&state={asked.state}") is None
        assert await callback.code == "mine"


async def test_where_the_port_is_taken_the_address_can_still_be_pasted(settings: ConnectorSettings) -> None:
    async with listening(ANY_PORT) as first, listening(first.settings) as second:
        assert second.why_not
        asked = authorization(settings, second.settings.redirect_uri)
        second.expect(asked.code_of)
        assert second.take(f"state={asked.state}&code=pasted") is None
        assert await second.code == "pasted"


async def test_where_a_browser_would_meet_somebody_else_first_it_is_told(settings: ConnectorSettings) -> None:
    """localhost is ::1 for a browser before it is 127.0.0.1, and any user of this host may listen there."""
    elsewhere = await asyncio.start_server(lambda _reader, writer: writer.close(), "::1", 0)
    port = elsewhere.sockets[0].getsockname()[1]
    async with elsewhere, listening(LoginSettings(callback_host="localhost", callback_port=port)) as callback:
        assert callback.why_not
    async with listening(LoginSettings(callback_host="localhost", callback_port=0)) as callback:
        assert not callback.why_not
        asked = authorization(settings, callback.settings.redirect_uri)
        callback.expect(asked.code_of)
        address = f"http://[::1]:{callback.settings.callback_port}/callback?state={asked.state}&code=mine"
        async with aiohttp.ClientSession() as browser, browser.get(address) as page:
            assert page.status == 200
        assert await callback.code == "mine"


async def test_a_code_without_its_verifier_is_worth_nothing(settings: ConnectorSettings) -> None:
    async with listening(ANY_PORT) as callback:
        asked = authorization(settings, callback.settings.redirect_uri)
        callback.expect(asked.code_of)
        await browse(asked.url())
        code = await callback.code
    thief = replace(asked, verifier="x" * 64)
    async with open_lane(LOOPBACK, None) as lane:
        with pytest.raises(RoutingError, match="invalid_grant") as caught:
            await thief.tokens(code, settings, lane)
    assert asked.redirect_uri in caught.value.failure.remedy


async def test_client_credentials_need_nobody(tmp_path: Path, provider: Provider, crm: GenericCrm) -> None:
    let_in_by(provider, crm)
    document = by_oauth(tmp_path, provider, flow_type="client_credentials", client_auth="basic", scope="calls")
    properties = {"Base URL": crm.url, "Client ID": "service", "Client Secret": provider.secret("service")}
    settings = ConnectorSettings(name="crm", document=document, properties=properties)
    async with connected(settings) as connector:
        await asyncio.gather(*(connector.run(HookName.USERS, {}, deadline_s=PATIENCE_S) for _ in range(5)))
        assert connector.standing().state is LoginState.OK
    assert await provider.requests() == [("client_credentials", "")]
