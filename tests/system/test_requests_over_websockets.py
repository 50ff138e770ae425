"""The router's requests go over websockets, or over HTTP when it is told so; Asterisk itself counts them."""

import asyncio

import pytest

from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import Rig, running


async def requests_over_websockets(rig: Rig) -> int:
    """How many of an answered call's requests Asterisk took from a websocket."""
    await rig.asterisk.cli("ari set debug all on")
    async with rig.user("ada") as ada:
        call = await rig.call()
        await (await ada.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
    return rig.asterisk.log_path.read_text().count("Received ARI message from")


@pytest.mark.parametrize("request_sockets", [4, 0])
async def test_requests_go_the_way_that_is_configured(request_sockets: int) -> None:
    def configure(config: Config) -> None:
        config["asterisk"]["ari"]["request_sockets"] = request_sockets

    async with running(configure) as rig:
        async with asyncio.timeout(PATIENCE_S):  # they open while the router serves already
            while (await rig.asterisk.cli("ari show apps")).count("agi-router-requests-") < request_sockets:
                await asyncio.sleep(0.02)
        taken = await requests_over_websockets(rig)
        assert taken > 5 if request_sockets else taken == 0
        await rig.router.stop()
        async with asyncio.timeout(PATIENCE_S):
            while "agi-router-requests-" in await rig.asterisk.cli("ari show apps"):
                await asyncio.sleep(0.02)  # Asterisk sees their ends one by one
