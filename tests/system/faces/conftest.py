"""One Asterisk and one router with all faces serve the calls of a file, one after the other."""

from collections.abc import AsyncIterator

import pytest_asyncio

from sandbox import Phone
from tests.system.click_to_dial.clicking import provider
from tests.system.faces.vendors import QUEUES, with_faces
from tests.system.rig import Rig, running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_faces) as rig:
        (rig.asterisk.config_dir / "queues.conf").write_text(QUEUES)
        await rig.asterisk.cli("queue reload all")
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def customer(rig: Rig) -> AsyncIterator[Phone]:
    async with provider(rig) as phone:
        yield phone
