"""Routers that follow one another: each call keeps the one it began with, and the last to leave one closes it."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from agi_router.decide import Router
from agi_router.document import load_document, validate
from agi_router.routing.call_info import CallInfo
from agi_router.routing.decider import Decider
from agi_router.settings import RoutingSections, routing_settings
from ari_app.live.routing import LiveRouting
from tests.component.http_api import api as api_of
from tests.patience import PATIENCE_S

HUNDRED = 100
FILES = Path("/proc/self/fd")


class Api:
    """Answers with the path it was asked by; `/held` waits for `release`."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = asyncio.Event()
        self.release = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.set()
        if request.path == "/held":
            await self.release.wait()
        return web.Response(text=request.path.removeprefix("/"))


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    application = web.Application()
    application.router.add_get("/{name}", api.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield api
    await runner.cleanup()


def router(folder: Path, api: Api, path: str) -> Router:
    """Its only route asks this path, and takes the answer for an endpoint."""
    file = folder / f"{path}.yaml"
    file.write_text(
        f"""
defaults: {{region: US}}
network: {{allowed_networks: [127.0.0.0/8]}}
routes:
  sales:
    request: {{url: "{api.url}/{path}"}}
    response: {{type: endpoint, format: text}}
"""
    )
    document = load_document(file)
    return Router(routing_settings(document, validate(document, RoutingSections)))


async def asked(decider: Decider) -> str | None:
    """Whom the API names."""
    decision = await decider.route(CallInfo(call_id="c", route_name="sales", caller_number=""), lambda _: None)
    return decision.destination.value if decision.destination is not None else None


async def test_a_call_keeps_the_router_it_began_with_and_the_next_one_has_the_new(tmp_path: Path, api: Api) -> None:
    async with LiveRouting(router(tmp_path, api, "old")) as routing:
        async with routing.for_a_call() as earlier:
            await routing.replace(router(tmp_path, api, "new"))
            async with routing.for_a_call() as later:
                assert (await asked(earlier), await asked(later)) == ("old", "new")
            assert routing.in_use == 2
        assert routing.in_use == 1


async def test_a_question_on_its_way_is_answered_though_the_router_was_replaced_twice(tmp_path: Path, api: Api) -> None:
    async def call(routing: LiveRouting) -> str | None:
        async with routing.for_a_call() as decider:
            return await asked(decider)

    async with LiveRouting(router(tmp_path, api, "held")) as routing:
        calling = asyncio.create_task(call(routing))
        await api.asked.wait()
        await routing.replace(router(tmp_path, api, "new"))
        await routing.replace(router(tmp_path, api, "newer"))
        assert routing.in_use == 2  # "new" never had a call
        api.release.set()
        assert await calling == "held"
        assert routing.in_use == 1


async def test_a_call_that_is_cancelled_leaves_its_router(tmp_path: Path, api: Api) -> None:
    async def call(routing: LiveRouting) -> None:
        async with routing.for_a_call() as decider:
            await asked(decider)

    async with LiveRouting(router(tmp_path, api, "held")) as routing:
        calling = asyncio.create_task(call(routing))
        await api.asked.wait()
        await routing.replace(router(tmp_path, api, "new"))
        calling.cancel()
        await asyncio.wait([calling])
        assert routing.in_use == 1


@pytest.mark.long
async def test_a_hundred_replacements_with_a_call_each_leave_no_socket_and_no_router(tmp_path: Path, api: Api) -> None:
    async def replaced_during_a_call(routing: LiveRouting) -> None:
        async with routing.for_a_call() as decider:
            assert await asked(decider)
            await routing.replace(router(tmp_path, api, "new"))

    before = routers()  # those of web applications of other tests, which FastAPI keeps
    async with LiveRouting(router(tmp_path, api, "old")) as routing:
        files = open_files()
        for _ in range(HUNDRED):
            await replaced_during_a_call(routing)
        assert routing.in_use == 1
        async with asyncio.timeout(PATIENCE_S):
            while open_files() > files:
                await asyncio.sleep(0.01)  # sockets tell nobody that they are closed
        assert routers() == before + 1


def routers() -> int:
    """How many there are in this process."""
    gc.collect()
    return len([thing for thing in gc.get_objects() if isinstance(thing, Router)])


def open_files() -> int:
    """How many this process has open."""
    return len(list(FILES.iterdir()))


async def test_at_the_end_all_are_closed_those_of_running_calls_too(tmp_path: Path, api: Api) -> None:
    async with LiveRouting(router(tmp_path, api, "old")) as routing:
        held = routing.for_a_call()
        decider = await held.__aenter__()
        await routing.replace(router(tmp_path, api, "new"))
    assert routing.in_use == 0
    decision = await decider.route(CallInfo(call_id="c", route_name="sales", caller_number=""), lambda _: None)
    assert decision.error is not None
    await held.__aexit__(None, None, None)
    assert routing.in_use == 0


async def test_a_token_is_not_asked_for_again_by_the_next_router(tmp_path: Path) -> None:
    asked = 0

    async def issue(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response({"access_token": f"token-{asked}", "expires_in": 3600})

    async def who(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Authorization"].removeprefix("Bearer "))

    async with api_of(who) as crm, api_of(issue) as login:
        file = tmp_path / "router.yaml"
        file.write_text(
            f"""
defaults: {{region: US}}
network: {{allowed_networks: [127.0.0.0/8]}}
routes:
  sales:
    request:
      url: http://127.0.0.1:{crm}/
      auth: {{type: oauth2, token_url: "http://127.0.0.1:{login}/", client_id: c, client_secret: SECRET}}
    response: {{type: endpoint, format: text}}
"""
        )

        def changed(secret: str) -> Router:
            document = load_document(file.with_name(f"{secret}.yaml"))
            return Router(routing_settings(document, validate(document, RoutingSections)))

        for secret in ("one", "two"):
            file.with_name(f"{secret}.yaml").write_text(file.read_text().replace("SECRET", secret))
        async with LiveRouting(changed("one")) as routing:
            assert await asked_now(routing) == "token-1"
            for _ in range(3):
                await routing.replace(changed("one"))
                assert await asked_now(routing) == "token-1"
            await routing.replace(changed("two"))
            assert await asked_now(routing) == "token-2"
    assert asked == 2


async def asked_now(routing: LiveRouting) -> str | None:
    async with routing.for_a_call() as decider:
        return await asked(decider)
