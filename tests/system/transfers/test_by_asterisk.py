"""Transfers that Asterisk itself carries out, as an older one does: the router follows the call all the same."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from sandbox.router import Config
from tests.system.rig import Rig, running
from tests.system.transfers.talks import (
    ADAS_HZ,
    BOBS_HZ,
    CALLERS_HZ,
    DIALPLAN,
    consulting,
    count,
    last,
    talking,
    with_extensions,
)

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")


def left_to_asterisk(config: Config) -> None:
    with_extensions(config)
    config["calls"] = {"transfers": "asterisk"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(left_to_asterisk, extra_dialplan=DIALPLAN) as rig:
        yield rig


@pytest.mark.parametrize("by_caller", [False, True])
async def test_a_blind_transfer_to_an_extension_of_the_dialplan(rig: Rig, by_caller: bool) -> None:
    before = await count(rig)
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob, rig.user("carol", CALLERS_HZ) as carol:
        talk = await talking(rig, ada, carol)
        leaves, stays = (talk.caller, talk.ada) if by_caller else (talk.ada, talk.caller)
        transfer = await leaves.transfer("701")
        ringing = await bob.next_call()
        await ringing.answer()
        assert await transfer.outcome() == 200
        assert await stays.hears(BOBS_HZ, 0.3)
        await leaves.hang_up()  # Asterisk leaves that to the phone
        await ringing.hang_up()
        assert (await stays.ended()).how == "bye"
        record, story = await last(rig)
    assert await count(rig) == before + 1
    assert (record.disposition, record.ended_by) == ("answered", "callee")
    assert record.answered_by.startswith("Local/701@from-phones")
    assert [event.by for event in story if isinstance(event, e.Transferred)] == ["caller" if by_caller else "leg-1"]


@pytest.mark.parametrize("by_second", [False, True])
async def test_an_attended_transfer_to_somebody_of_the_dialplan(rig: Rig, by_second: bool) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        second = await consulting(rig, talk.ada, ada, bob, "701")
        first, replaced = (second.adas, talk.ada) if by_second else (talk.ada, second.adas)
        transfer = await first.transfer("701", replaced=replaced)
        assert await transfer.outcome() == 200
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        assert await second.bobs.hears(CALLERS_HZ, 0.3)
        for line in (talk.ada, second.adas):
            await line.hang_up()  # Asterisk leaves that to the phone
        await talk.caller.hang_up()
        assert (await second.bobs.ended()).how == "bye"
        record, _ = await last(rig)
    assert (record.disposition, record.ended_by) == ("answered", "caller")
