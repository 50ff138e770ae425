"""Strangers at the door of the REST API while a real call goes through: thousands are idle, hundreds drip."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from tests.system.rig import Rig
from tests.system.web.rest import Program

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE: Final = 2000
SLOW: Final = 300
DRIP_S: Final = 0.5


@asynccontextmanager
async def strangers(program: Program) -> AsyncIterator[None]:
    """All of them are there, and come again when they are sent away, until the block ends."""
    port = int(program.url.rpartition(":")[2])
    idle = [_connected(port) for _ in range(IDLE)]
    dripping = [asyncio.create_task(_drip(port)) for _ in range(SLOW)]
    returning = asyncio.create_task(_come_again(idle, port))
    try:
        yield
    finally:
        for task in (returning, *dripping):
            task.cancel()
        await asyncio.gather(returning, *dripping, return_exceptions=True)
        for each in idle:
            each.close()


def _connected(port: int) -> socket.socket:
    stranger = socket.socket()
    stranger.setblocking(False)
    stranger.connect_ex(("127.0.0.1", port))
    return stranger


async def _come_again(idle: list[socket.socket], port: int) -> None:
    while True:
        await asyncio.sleep(1)
        for each in idle[:100]:
            each.close()
        idle[:100] = []
        idle.extend(_connected(port) for _ in range(100))


async def _drip(port: int) -> None:
    while True:
        writer = None
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /api/v1/calls HTTP/1.1\r\n")
            while not writer.is_closing():
                writer.write(b"X-Slow: y\r\n")
                await writer.drain()
                await asyncio.sleep(DRIP_S)
        except OSError:
            await asyncio.sleep(DRIP_S)
        finally:
            if writer is not None:
                writer.close()


async def test_a_call_goes_through_and_the_api_answers_beside_thousands_of_strangers(rig: Rig, crm: Program) -> None:
    async with rig.user("ada", 1000) as ada, strangers(crm):
        call = await rig.call()
        ringing = await ada.next_call()
        await ringing.ring()
        await call.progressed(180)
        live = await crm.ask("GET", "/live")
        assert (live.status, len(live.body["items"])) == (200, 1)
        await ringing.answer()
        await call.answered()
        assert await call.hears(1000, 1.0)
        for _ in range(20):
            assert (await crm.ask("GET", "/whoami")).status == 200
        async with crm.http.get(f"{crm.url}/readyz") as ready:
            assert ready.status == 200
        async with crm.http.get(f"{crm.url}/metrics", headers={"authorization": f"Bearer {crm.key}"}) as answer:
            told = dict(line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if line[0] != "#")
        assert float(told["agi_router_web_connections"]) <= 500
        assert float(told['agi_router_web_connections_closed_total{reason="no_room"}']) > 0
        assert float(told['agi_router_post_dial_dial_seconds_count{direction="inbound"}']) == 1
        await call.hang_up()
        assert (await ringing.ended()).how == "bye"
