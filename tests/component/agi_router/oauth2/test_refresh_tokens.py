"""A refresh token that the server replaces is never shown twice, and never lost."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from agi_router.lookup.grants import ShortMemory
from agi_router.lookup.seal import GrantSeal
from agi_router.routing.auth import OAuth2Auth
from ari_app.storage.grants import grants_for_command, writing_grants
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.agi_router.oauth2.asking import asking, user
from tests.component.http_api import Handler, api, replies
from tests.component.oidc.crm import Crm
from tests.component.oidc.server import Provider


@pytest.mark.usefixtures("ending")
async def test_each_new_refresh_token_takes_the_place_of_the_old_one(provider: Provider, crm: Crm) -> None:
    """The server takes a refresh token once: a second use of one ends the whole grant."""
    async with asking(await user(provider), crm.handle) as ask:
        for _ in range(3):
            assert (await ask()).body == b"ada"
    assert await provider.requests() == [("refresh_token", "")] * 3


@pytest.mark.usefixtures("ending")
async def test_a_refresh_token_that_was_replaced_outlives_the_client(provider: Provider, crm: Crm) -> None:
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


@pytest.mark.usefixtures("ending")
async def test_a_rotated_refresh_token_survives_in_the_database_where_nobody_can_read_it(
    provider: Provider, crm: Crm, tmp_path: Path
) -> None:
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
