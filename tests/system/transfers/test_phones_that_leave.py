"""Phones that hang up as soon as their transfer is accepted leave the caller to it."""

import asyncio

import pytest

from ari_app.calls.bridging import SETTLED_S
from ari_app.domain.events import LegEnded
from tests.system.rig import Rig
from tests.system.transfers.talks import ADAS_HZ, BOBS_HZ, held, last, talking

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("on_hold", [True, False])
async def test_a_phone_that_hangs_up_as_soon_as_its_transfer_is_accepted_leaves_the_caller_to_it(
    rig: Rig, on_hold: bool
) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        if on_hold:
            await held(rig, talk)
        await talk.ada.transfer("102")
        if on_hold:  # else the guard might be faster than the router
            await talk.ada.hang_up()
        ringing = await bob.next_call()
        await talk.ada.hang_up()
        await ringing.answer()
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await ringing.hang_up()
        assert (await talk.caller.ended()).how == "bye"
        record, _ = await last(rig)
    assert (record.answered_by, record.ended_by) == ("PJSIP/bob", "callee")


async def test_a_phone_that_has_just_taken_up_the_call_may_transfer_and_leave_too(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        await held(rig, talk)
        await talk.ada.resume()
        await talk.ada.transfer("102")
        ringing = await bob.next_call()
        await ringing.ring()
        assert await talk.caller.hears_ringing()
        await asyncio.sleep(SETTLED_S + 0.2)  # now the guard would be there again
        await talk.ada.hang_up()
        await ringing.answer()
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await talk.caller.hang_up()
        record, _ = await last(rig)
    assert (record.answered_by, record.ended_by) == ("PJSIP/bob", "caller")


async def test_a_caller_whose_transfer_fails_when_the_phone_has_gone_is_taken_by_the_fallback(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob") as bob, rig.user("carol", BOBS_HZ) as carol:
        talk = await talking(rig, ada)
        await held(rig, talk)
        await talk.ada.transfer("102")
        at_bob = await bob.next_call()
        await talk.ada.hang_up()
        await rig.router.until_told(LegEnded)
        await at_bob.reject(486)
        ringing = await carol.next_call()
        await ringing.answer()
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await talk.caller.hang_up()
        record, _ = await last(rig)
    assert (record.answered_by, record.ended_by) == ("PJSIP/carol", "caller")


async def test_a_caller_who_gives_up_after_the_phone_that_transferred_him_is_the_one_who_ended_the_call(
    rig: Rig,
) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        await held(rig, talk)
        await talk.ada.transfer("102")
        await talk.ada.hang_up()
        ringing = await bob.next_call()
        await ringing.ring()
        assert await talk.caller.hears_ringing()
        await talk.caller.hang_up()
        await ringing.cancelled()
        record, _ = await last(rig)
    assert record.ended_by == "caller"
