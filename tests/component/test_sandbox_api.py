"""The stand-in for a customer's API, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.api import SEARCH, Answer, Api, basic, bearer

CALLER = "+14155550177"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with Api("127.0.0.1", users={CALLER: 456}) as api:
        yield api


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def test_it_names_the_user_who_last_spoke_with_the_caller(api: Api, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{api.url}{SEARCH}", params={"phone_number": CALLER}) as response:
        assert (await response.json())["calls"][0]["user"]["id"] == 456
    async with client.get(f"{api.url}{SEARCH}", params={"phone_number": "+1"}) as response:
        assert await response.json() == {"calls": []}
    request = await api.next_request()
    assert (request.method, request.path, request.query) == ("GET", SEARCH, {"phone_number": CALLER})


async def test_a_path_answers_what_the_test_wants(api: Api, client: aiohttp.ClientSession) -> None:
    api.answers["/huge"] = Answer(body=b"x" * 5_000_000, content_type="text/plain")
    api.answers["/broken"] = Answer(body="<html>", status=500)
    async with client.post(f"{api.url}/huge", data="how much?") as response:
        assert len(await response.read()) == 5_000_000
    async with client.get(f"{api.url}/broken") as response:
        assert (response.status, await response.text()) == (500, "<html>")
    async with client.get(f"{api.url}/elsewhere") as response:
        assert response.status == 404
    assert api.requests[0].body == "how much?"


@pytest.mark.parametrize("wanted", [basic("ada", "s&cr%t"), bearer("token")])
async def test_wrong_credentials_get_401(api: Api, client: aiohttp.ClientSession, wanted: str) -> None:
    api.answers["/private"] = Answer(body={"ok": True}, authorization=wanted)
    async with client.get(f"{api.url}/private", headers={"Authorization": "Bearer other"}) as response:
        assert response.status == 401
    async with client.get(f"{api.url}/private", headers={"Authorization": wanted}) as response:
        assert await response.json() == {"ok": True}


async def test_an_answer_can_wait_for_the_test_and_the_client_can_give_up(
    api: Api, client: aiohttp.ClientSession
) -> None:
    go = asyncio.Event()
    api.answers["/slow"] = Answer(body="done", after=go)
    asking = asyncio.create_task(client.get(f"{api.url}/slow"))
    await api.next_request()
    assert api.in_progress["/slow"] == 1
    go.set()
    async with await asking as response:
        assert await response.text() == "done"
    assert api.in_progress["/slow"] == 0


async def test_after_stop_connections_are_refused_and_after_start_it_is_back(
    api: Api, client: aiohttp.ClientSession
) -> None:
    url = api.url
    await api.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get(url)
    await api.start()
    assert api.url == url
    async with client.get(f"{url}{SEARCH}", params={"phone_number": CALLER}) as response:
        assert response.status == 200
