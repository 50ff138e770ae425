"""One Asterisk and one router for the tests of each file."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.system.rig import Rig, running
from tests.system.transfers.talks import DIALPLAN, with_extensions


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_extensions, extra_dialplan=DIALPLAN) as rig:
        yield rig
