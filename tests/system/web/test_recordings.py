"""A talk on a real Asterisk is recorded, found over REST, and heard by a link: both sides of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.recorded import seconds_with
from tests.system.rig import Rig, route, running
from tests.system.web.rest import Program, program, with_web

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS_HZ, CAROLS_HZ = 500, 1000


def with_route(config: Config) -> None:
    config["routes"]["recorded"] = {**route(config, {"type": "endpoint"}), "recording": "always"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_web(with_route)) as rig:
        yield rig


async def newest_stored(crm: Program) -> str:
    """The id of the newest recording, once it is in the store."""
    async with asyncio.timeout(PATIENCE_S):
        while not (items := (await crm.ask("GET", "/recordings?state=stored")).body["items"]):
            await asyncio.sleep(0.05)
    return str(items[0]["id"])


async def listenings(crm: Program, recording: str, count: int) -> Any:
    """All of them, once they are so many: what a listener has got to its end is noted a moment later."""
    async with asyncio.timeout(PATIENCE_S):
        while len(items := (await crm.ask("GET", f"/recordings/{recording}/listenings")).body["items"]) < count:
            await asyncio.sleep(0.02)  # nobody is told
    return items


async def test_a_talk_plays_back_both_sides_by_a_link_and_who_listened_is_known(rig: Rig, tmp_path: Path) -> None:
    async with program(rig, "crm") as crm, rig.user("carol", CAROLS_HZ) as carol:
        caller = await rig.call_by("recorded", "carol")
        at_carol = await carol.next_call()
        await at_carol.answer()
        await caller.answered()
        assert all(await asyncio.gather(caller.hears(CAROLS_HZ, 1), at_carol.hears(CALLERS_HZ, 1)))
        await caller.hang_up()
        await rig.idle()
        recording = await newest_stored(crm)
        (call,) = (await crm.ask("GET", "/calls")).body["items"]
        assert (await crm.ask("GET", f"/calls/{call['call_id']}")).body["recordings"] == [recording]
        link = (await crm.ask("POST", f"/recordings/{recording}/links", {"name": "ticket-4711"})).body
        async with crm.http.get(link["url"]) as answer:
            assert (answer.status, answer.headers["content-type"]) == (200, "audio/wav")
            content = await answer.read()
        file = tmp_path / "heard.wav"
        file.write_bytes(content)
        assert seconds_with(file, CALLERS_HZ, CAROLS_HZ) > 0.5
        async with crm.http.get(link["url"], headers={"range": "bytes=1000-2999"}) as answer:
            assert (answer.status, await answer.read()) == (206, content[1000:3000])
        part, whole = await listenings(crm, recording, 2)
        assert (part["first_byte"], part["sent"]) == (1000, 2000)
        assert (whole["sent"], whole["link"], whole["address"]) == (len(content), link["link"], "127.0.0.1")
        assert (await crm.ask("DELETE", f"/recordings/{recording}")).status == 204
        async with crm.http.get(link["url"]) as answer:
            assert answer.status == 410
