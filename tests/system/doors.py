"""Both doors side by side: the same configuration and the same calls, by Stasis() or by AGI()."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from enum import StrEnum

from sandbox.layout import free_port
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import Change, Rig, running

BOTH_DOORS = """
[from-carrier](+)
exten => _+X.,1,Goto(${DOOR},${EXTEN},1)
"""


class Door(StrEnum):
    """The context that leads to it."""

    ARI = "agi-router"
    AGI = "agi-router-agi"


@contextlib.asynccontextmanager
async def running_by(door: Door, change: Change | None = None, extra_dialplan: str = "") -> AsyncIterator[Rig]:
    """As `running`; all calls come by this door."""
    port = free_port("127.0.0.1", socket.SOCK_STREAM)

    def both(config: Config) -> None:
        config["agi"] = {"listen": f"127.0.0.1:{port}"}
        if change is not None:
            change(config)

    async with running(both, extra_dialplan=BOTH_DOORS + extra_dialplan) as rig:
        await rig.asterisk.cli(f"dialplan set global DOOR {door}")
        await rig.asterisk.cli(f"dialplan set global AGI_ROUTER_HOST 127.0.0.1:{port}")
        # Who comes in the middle of the first reconciliation is no case of these tests.
        async with asyncio.timeout(PATIENCE_S):
            while "connected to Asterisk" not in rig.router.log_path.read_text():
                await asyncio.sleep(0.02)
        yield rig
