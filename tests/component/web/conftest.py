"""A running API for each test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.component.web.rig import WebRig, web_rig


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebRig]:
    async with web_rig(tmp_path) as rig:
        yield rig
