"""One Asterisk and one router (`shared` of each file) serve the calls of a file, one after the other."""

from collections.abc import AsyncIterator

import pytest_asyncio

from sandbox import Phone
from tests.system.click_to_dial.clicking import Agent, agent, provider
from tests.system.rig import Rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    """Nothing is left of a test's calls after it."""
    yield shared
    await shared.idle()


@pytest_asyncio.fixture(loop_scope="module")
async def customer(rig: Rig) -> AsyncIterator[Phone]:
    async with provider(rig) as phone:
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def ada(rig: Rig) -> AsyncIterator[Agent]:
    async with agent(rig) as ada:
        await rig.can_be_called()
        yield ada
