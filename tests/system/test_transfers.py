"""The Hold and Transfer keys of phones, during a call that the router has bridged."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from ari_app.calls.bridging import SETTLED_S
from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.system.rig import CALLER, DID, Rig, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS_HZ, ADAS_HZ, BOBS_HZ = 500, 1000, 1400
OUTSIDE = "+14155550123"
FORBIDDEN = "+19005550123"
DIALPLAN = """\
[from-phones]
exten => 701,1,Dial(PJSIP/bob)
exten => 702,1,Dial(PJSIP/bob&PJSIP/carol)
"""


def with_extensions(config: Config) -> None:
    """Ada is 101, Bob 102, Carol 103."""
    users = config["directory"]["users"]
    users.append({"id": "78", "name": "Carol", "devices": ["PJSIP/carol"]})
    for user, extension in zip(users, ("101", "102", "103"), strict=True):
        user["extension"] = extension


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_extensions, extra_dialplan=DIALPLAN) as rig:
        yield rig


@dataclass(frozen=True, slots=True)
class Talk:
    """Somebody who called, and Ada."""

    caller: OutgoingCall
    ada: IncomingCall


async def talking(rig: Rig, ada: Phone, caller: Phone | None = None) -> Talk:
    """Ada has answered; both hear each other."""
    rig.api.answers[SEARCH] = Answer(body=calls_of_user("456").body)
    call = await (caller or rig.carrier).call(DID, caller=None if caller else CALLER)
    ringing = await ada.next_call()
    await ringing.answer()
    await call.answered()
    assert await call.hears(ADAS_HZ, 0.2)
    await rig.router.until(lambda status: status["live_calls"] == 1 and status["calls_in_setup"] == 0)
    return Talk(call, ringing)


async def last(rig: Rig) -> tuple[CallRecord, list[e.CallEvent]]:
    """The record of the last call, and its events, after which nothing is left."""
    await rig.idle()
    record = (await rig.router.records())[-1]
    return record, list(await rig.router.trace(record.call_id))


async def held(rig: Rig, talk: Talk) -> None:
    """Ada's phone holds the call, and the router has taken note."""
    await talk.ada.hold()
    assert await talk.caller.hears(MUSIC_ON_HOLD_HZ, 0.1)
    await rig.router.records()


async def count(rig: Rig) -> int:
    return len(await rig.router.records())


async def test_a_caller_on_hold_hears_music_and_then_the_agent_again(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada:
        talk = await talking(rig, ada)
        await talk.ada.hold()
        assert await talk.caller.hears(MUSIC_ON_HOLD_HZ, 0.3)
        await talk.ada.resume()
        assert await talk.caller.hears(ADAS_HZ, 0.3)
        assert await talk.ada.hears(CALLERS_HZ, 0.3)
        await talk.caller.hang_up()
        _, story = await last(rig)
    assert [(type(event), event.party) for event in story if isinstance(event, e.Held | e.Resumed)] == [
        (e.Held, "leg-1"),
        (e.Resumed, "leg-1"),
    ]


async def test_an_agent_on_hold_by_the_caller_hears_music(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada, bob)
        await talk.caller.hold("inactive")
        assert await talk.ada.hears(MUSIC_ON_HOLD_HZ, 0.3)
        await talk.caller.resume()
        assert await talk.ada.hears(BOBS_HZ, 0.3)
        await talk.ada.hang_up()
        _, story = await last(rig)
    assert [event.party for event in story if isinstance(event, e.Held)] == ["caller"]


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
        await talk.ada.hang_up()
        await (await bob.next_call()).reject(486)
        ringing = await carol.next_call()
        await ringing.answer()
        assert await talk.caller.hears(BOBS_HZ, 0.3)
        await talk.caller.hang_up()
        record, _ = await last(rig)
    assert (record.answered_by, record.ended_by) == ("PJSIP/carol", "caller")


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


@dataclass(frozen=True, slots=True)
class Consultation:
    """The second call of Ada's phone, while her first one is on hold."""

    adas: OutgoingCall
    bobs: IncomingCall


async def consulting(rig: Rig, talk: OutgoingCall | IncomingCall, ada: Phone, bob: Phone, number: str) -> Consultation:
    """Ada's phone has called this number, and Bob has answered: 701 is a Dial() of the dialplan, DID the router's."""
    rig.api.answers[SEARCH] = Answer(body=calls_of_user("77").body)
    await talk.hold()
    call = await ada.call(number)
    ringing = await bob.next_call()
    await ringing.answer()
    await call.answered()
    assert await call.hears(BOBS_HZ, 0.2)
    await call.hold()
    return Consultation(call, ringing)


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
