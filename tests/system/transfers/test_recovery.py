"""Transferred talks, and a router that is killed."""

import asyncio

import pytest

from tests.system.rig import DID, Rig
from tests.system.transfers.talks import ADAS_HZ, BOBS_HZ, consulting, count, last, talking

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def restarted(rig: Rig, *, calls: int = 1) -> None:
    await rig.router.records()
    await rig.router.kill()
    await rig.router.start()
    await rig.router.until(lambda status: status["live_calls"] == calls)


@pytest.mark.parametrize("how", ["blind", DID, "701", "by the caller"])
@pytest.mark.parametrize("first_to_leave", ["stays", "new"])
async def test_a_talk_after_a_transfer_is_found_again_by_a_router_that_was_killed(
    rig: Rig, how: str, first_to_leave: str
) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob, rig.user("carol") as carol:
        talk = await talking(rig, ada, carol if how == "by the caller" else None)
        before = await count(rig)
        leaves, stays = (talk.caller, talk.ada) if how == "by the caller" else (talk.ada, talk.caller)
        if how in (DID, "701"):
            second = await consulting(rig, leaves, ada, bob, how)
            transfer = await leaves.transfer("102", replaced=second.adas)
            new = second.bobs
        else:
            transfer = await leaves.transfer("102")
            new = await bob.next_call()
            await new.answer()
        assert await transfer.outcome() == 200
        await leaves.ended()
        while (await rig.router.records())[before - 1].legs[-1 if how == "by the caller" else 0].ended_at is None:
            await asyncio.sleep(0.02)  # the phone knows it first
        await restarted(rig)
        assert await stays.hears(BOBS_HZ, 0.3)
        first, other = (stays, new) if first_to_leave == "stays" else (new, stays)
        await first.hang_up()
        assert (await other.ended()).how == "bye"
        await rig.idle()
        record = (await rig.router.records())[before - 1]
    assert (record.disposition, record.answered_by, record.recovered) == ("answered", "PJSIP/bob", True)
    assert record.ended_by == ("caller" if first_to_leave == "stays" else "callee")
    assert [leg.outcome for leg in record.legs] == (
        ["answered", "answered", "transferred"] if how == "by the caller" else ["transferred", "answered"]
    )


@pytest.mark.parametrize("first_to_leave", ["stays", "new"])
async def test_the_guard_ends_a_transferred_talk_while_no_router_runs(rig: Rig, first_to_leave: str) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        await talk.ada.hold()
        transfer = await talk.ada.transfer("102")
        new = await bob.next_call()
        await new.answer()
        assert await transfer.outcome() == 200
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await talk.ada.ended()
        await rig.router.kill()
        first, other = (talk.caller, new) if first_to_leave == "stays" else (new, talk.caller)
        await first.hang_up()
        assert (await other.ended()).how == "bye"
        await rig.router.start()
        record, _ = await last(rig)
    assert (record.disposition, record.ended_by) == ("answered", "unknown")


async def test_a_caller_whose_transfer_rings_when_the_router_is_killed_goes_on_to_the_fallback(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob") as bob, rig.user("carol", BOBS_HZ) as carol:
        talk = await talking(rig, ada)
        await talk.ada.transfer("102")
        ringing = await bob.next_call()
        await ringing.ring()
        assert await talk.caller.hears_ringing()
        await restarted(rig)
        await ringing.cancelled()
        assert (await talk.ada.ended()).how == "bye"
        taken = await carol.next_call()
        await taken.answer()
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await talk.caller.hang_up()
        record, _ = await last(rig)
    assert (record.answered_by, record.ended_by) == ("PJSIP/carol", "caller")
