"""The Transfer key of phones: the call goes to a number, and the phone leaves."""

import pytest

from ari_app.domain import events as e
from sandbox import Phone
from tests.system.rig import CALLER, DID, Rig
from tests.system.transfers.talks import ADAS_HZ, BOBS_HZ, CALLERS_HZ, OUTSIDE, count, last, talking

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")


FORBIDDEN = "+19005550123"


async def test_the_callee_transfers_the_caller_blindly_to_a_colleague(rig: Rig) -> None:
    before = await count(rig)
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        await talk.ada.hold()
        transfer = await talk.ada.transfer("102")
        ringing = await bob.next_call()
        assert ringing.caller_number == CALLER
        await ringing.answer()
        assert await transfer.outcome() == 200
        assert (await talk.ada.ended()).how == "bye"
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        assert await ringing.hears(CALLERS_HZ, 0.3)
        await ringing.hang_up()
        assert (await talk.caller.ended()).how == "bye"
        record, story = await last(rig)
    assert await count(rig) == before + 1
    assert (record.disposition, record.answered_by, record.agent, record.ended_by) == (
        "answered",
        "PJSIP/bob",
        "77",
        "callee",
    )
    assert [(leg.endpoint, leg.outcome) for leg in record.legs] == [
        ("PJSIP/ada", "transferred"),
        ("PJSIP/bob", "answered"),
    ]
    (asked,) = [event for event in story if isinstance(event, e.TransferAsked)]
    assert (asked.by, asked.kind, asked.target, asked.destination) == ("leg-1", "blind", "102", "77")
    assert [event.leg for event in story if isinstance(event, e.Transferred)] == ["leg-2"]


async def test_a_transfer_to_a_number_outside_passes_the_dial_policy(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, Phone.provider(rig.asterisk.layout, tone_hz=BOBS_HZ) as provider:
        talk = await talking(rig, ada)
        transfer = await talk.ada.transfer("4155550123")
        ringing = await provider.next_call()
        assert (ringing.called_number, ringing.caller_number) == (OUTSIDE, DID)
        await ringing.answer()
        assert await transfer.outcome() == 200
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await talk.caller.hang_up()
        assert (await ringing.ended()).how == "bye"
        record, _ = await last(rig)
    assert (record.answered_by, record.ended_by) == ("PJSIP/trunk", "caller")


@pytest.mark.parametrize(
    ("target", "code"), [(FORBIDDEN, "policy_number_type"), ("911", "policy_emergency"), ("nobody", "dialled_unknown")]
)
async def test_a_transfer_that_is_refused_leaves_the_talk_as_it_was(rig: Rig, target: str, code: str) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, Phone.provider(rig.asterisk.layout) as provider:
        talk = await talking(rig, ada)
        transfer = await talk.ada.transfer(target)
        assert await transfer.outcome() == 603
        assert await talk.caller.hears(ADAS_HZ, 0.3)
        assert await talk.ada.hears(CALLERS_HZ, 0.3)
        await talk.ada.hang_up()
        assert (await talk.caller.ended()).how == "bye"
        record, story = await last(rig)
        assert provider.received == []
    assert (record.answered_by, record.ended_by) == ("PJSIP/ada", "callee")
    assert [event.code for event in story if isinstance(event, e.TransferFailed)] == [code]


async def test_a_transfer_to_a_busy_phone_brings_the_caller_back_to_the_agent(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        await talk.ada.hold()
        transfer = await talk.ada.transfer("102")
        await (await bob.next_call()).reject(486)
        assert await transfer.outcome() == 603
        await talk.ada.resume()
        assert await talk.caller.hears(ADAS_HZ, 0.3)
        assert await talk.ada.hears(CALLERS_HZ, 0.3)
        await talk.caller.hang_up()
        _, story = await last(rig)
    assert [event.outcome for event in story if isinstance(event, e.TransferFailed)] == ["busy"]


async def test_a_transfer_to_a_phone_that_is_off_brings_the_caller_back_to_the_agent(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada:
        talk = await talking(rig, ada)
        transfer = await talk.ada.transfer("102")
        assert await transfer.outcome() == 503
        assert await talk.caller.hears(ADAS_HZ, 0.3)
        again = await talk.ada.transfer("bob")
        assert await again.outcome() == 503
        await talk.caller.hang_up()
        _, story = await last(rig)
    assert [event.outcome for event in story if isinstance(event, e.TransferFailed)] == ["unavailable"] * 2


async def test_the_transferred_caller_hears_ringing_and_may_give_up(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        await talk.ada.transfer("102")
        ringing = await bob.next_call()
        await ringing.ring()
        assert await talk.caller.hears_ringing()
        await talk.caller.hang_up()
        await ringing.cancelled()
        assert (await talk.ada.ended()).how == "bye"
        record, story = await last(rig)
    assert (record.disposition, record.ended_by) == ("answered", "caller")
    assert [event.outcome for event in story if isinstance(event, e.TransferFailed)] == ["cancelled"]


async def test_the_agent_is_not_heard_beside_the_early_media_of_the_number_to_which_he_transfers(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, Phone.provider(rig.asterisk.layout, tone_hz=BOBS_HZ) as provider:
        talk = await talking(rig, ada)
        transfer = await talk.ada.transfer("4155550123")
        ringing = await provider.next_call()
        await ringing.send_early_media()
        assert await talk.caller.hears_ringing()
        await ringing.answer()
        assert await transfer.outcome() == 200
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await talk.caller.hang_up()
        await last(rig)


@pytest.mark.parametrize("by_caller", [False, True])
async def test_a_transfer_that_replaces_its_own_call_leaves_the_talk_as_it_was(rig: Rig, by_caller: bool) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("carol", BOBS_HZ) as carol:
        talk = await talking(rig, ada, carol if by_caller else None)
        phone = talk.caller if by_caller else talk.ada
        transfer = await phone.transfer("102", replaced=phone)
        assert await transfer.outcome() == 503
        assert await talk.caller.hears(ADAS_HZ, 0.3)
        assert await talk.ada.hears(BOBS_HZ if by_caller else CALLERS_HZ, 0.3)
        await talk.caller.hang_up()
        record, story = await last(rig)
    assert record.ended_by == "caller"
    assert [event.outcome for event in story if isinstance(event, e.TransferFailed)] == ["gone"]


async def test_a_colleague_who_called_transfers_the_agent_to_another_one(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob") as bob, rig.user("carol", BOBS_HZ) as carol:
        talk = await talking(rig, ada, carol)
        await talk.caller.hold()
        transfer = await talk.caller.transfer("102")
        ringing = await bob.next_call()
        assert ringing.caller_number == "ada"
        assert await talk.ada.hears_ringing()
        await ringing.answer()
        assert await transfer.outcome() == 200
        assert (await talk.caller.ended()).how == "bye"
        assert await ringing.hears(ADAS_HZ, 0.3)
        await ringing.hang_up()
        assert (await talk.ada.ended()).how == "bye"
        record, story = await last(rig)
    assert (record.answered_by, record.ended_by) == ("PJSIP/bob", "callee")
    assert [event.by for event in story if isinstance(event, e.Transferred)] == ["caller"]
