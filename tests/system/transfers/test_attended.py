"""An agent asks a colleague first, and then connects the caller with him."""

import pytest

from tests.system.rig import CALLER, DID, Rig
from tests.system.transfers.talks import ADAS_HZ, BOBS_HZ, CALLERS_HZ, consulting, count, last, talking

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("number", [DID, "701"])
@pytest.mark.parametrize("by_second", [False, True])
async def test_an_agent_asks_a_colleague_and_then_connects_the_caller_with_him(
    rig: Rig, number: str, by_second: bool
) -> None:
    before = await count(rig)
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        second = await consulting(rig, talk.ada, ada, bob, number)
        if by_second:
            transfer = await second.adas.transfer("caller", replaced=talk.ada)
        else:
            transfer = await talk.ada.transfer(number, replaced=second.adas)
        assert await transfer.outcome() == 200
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        assert await second.bobs.hears(CALLERS_HZ, 0.3)
        assert (await talk.ada.ended()).how == "bye"
        if by_second and number != DID:
            await (
                second.adas.hang_up()
            )  # a call of the dialplan's, transferred by Asterisk, which leaves that to the phone
        await second.adas.ended()
        await second.bobs.hang_up()
        assert (await talk.caller.ended()).how == "bye"
        await rig.idle()
        records = (await rig.router.records())[before:]
    assert {record.disposition for record in records} == {"answered"}
    assert (records[0].caller_number, records[0].ended_by) == (CALLER, "callee")
    if number == DID:
        assert records[0].answered_by == "PJSIP/bob"
        assert [record.reason for record in records] == ["", f"goes on in call {records[0].call_id}"]
    else:
        assert len(records) == 1


async def test_a_colleague_who_called_connects_two_agents_and_leaves(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob, rig.user("carol") as carol:
        talk = await talking(rig, ada, carol)
        second = await consulting(rig, talk.caller, carol, bob, "701")
        transfer = await talk.caller.transfer("701", replaced=second.adas)
        assert await transfer.outcome() == 200
        assert await talk.ada.hears(BOBS_HZ, 0.3)
        assert await second.bobs.hears(ADAS_HZ, 0.3)
        await talk.ada.hang_up()
        assert (await second.bobs.ended()).how == "bye"
        record, _ = await last(rig)
    assert (record.answered_by, record.ended_by) == ("PJSIP/bob", "caller")


async def test_a_colleague_whose_phone_rings_already_is_called_for_the_caller(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        await talk.ada.hold()
        second = await ada.call("701")
        first_ring = await bob.next_call()
        await first_ring.ring()
        await second.progressed(180)
        transfer = await talk.ada.transfer("102", replaced=second)
        await first_ring.cancelled()
        ringing = await bob.next_call()
        assert ringing.caller_number == CALLER
        await ringing.answer()
        assert await transfer.outcome() == 200
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await ringing.hang_up()
        record, _ = await last(rig)
    assert (record.answered_by, record.ended_by) == ("PJSIP/bob", "callee")


async def test_a_party_that_leaves_while_it_is_fetched_leaves_the_caller_with_the_agent(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        second = await consulting(rig, talk.ada, ada, bob, DID)
        await second.bobs.hang_up()
        await second.adas.ended()
        transfer = await talk.ada.transfer("102", replaced=second.adas)
        assert await transfer.outcome() == 503
        await talk.ada.resume()
        assert await talk.caller.hears(ADAS_HZ, 0.3)
        await talk.caller.hang_up()
        await rig.idle()
