"""One Asterisk and one router serve the calls of a file, one after the other."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox import Phone
from tests.system.rig import Rig, running
from tests.system.steering.talks import ADAS_HZ, BOBS_HZ, CUSTOMERS_HZ, Talk, inbound, outbound, with_extensions


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(with_extensions) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    """Nothing is left of a test's calls after it."""
    yield shared
    await shared.idle()


@pytest_asyncio.fixture(loop_scope="module")
async def ada(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("ada", ADAS_HZ) as ada:
        yield ada


@pytest_asyncio.fixture(loop_scope="module")
async def bob(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("bob", BOBS_HZ) as bob:
        yield bob


@pytest_asyncio.fixture(loop_scope="module", params=["inbound", "outbound"])
async def talk(request: pytest.FixtureRequest, rig: Rig, ada: Phone) -> AsyncIterator[Talk]:
    """Ada speaks with a customer, who has called or was called."""
    if request.param == "inbound":
        yield await inbound(rig, ada)
        return
    async with Phone.provider(rig.asterisk.layout, tone_hz=CUSTOMERS_HZ) as provider:
        yield await outbound(rig, ada, provider)
