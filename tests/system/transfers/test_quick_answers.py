"""A router that answers a transfer while Asterisk is still at the REFER."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.system.rig import Rig, running
from tests.system.transfers.talks import ADAS_HZ, BOBS_HZ, CALLERS_HZ, last, talking, with_extensions

LINGER = Path(__file__).with_name("linger.c")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    held_up = tmp_path_factory.mktemp("audit") / "linger.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", held_up, LINGER], check=True)  # noqa: ASYNC221 - 50 ms
    async with running(with_extensions, audit=held_up) as rig:
        yield rig


async def test_asterisk_survives_a_refusal_that_it_has_at_once(rig: Rig) -> None:
    """The dial policy refuses without asking anybody: that takes the router 1 ms, and killed Asterisk now and then."""
    async with rig.user("ada", ADAS_HZ) as ada:
        talk = await talking(rig, ada)
        transfer = await talk.ada.transfer("+19005550123")
        assert await transfer.outcome() == 603
        assert await talk.caller.hears(ADAS_HZ, 0.3)
        assert await talk.ada.hears(CALLERS_HZ, 0.3)
        await talk.caller.hang_up()
        await talk.ada.ended()
        await last(rig)


async def test_a_transfer_whose_target_answers_at_once_is_carried_out(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        transfer = await talk.ada.transfer("102")
        ringing = await bob.next_call()
        await ringing.answer()
        assert await transfer.outcome() == 200
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await ringing.hang_up()
        await talk.caller.ended()
        await last(rig)
