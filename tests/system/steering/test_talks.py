"""Live calls are steered by request: what the two hear, and what is on record of it."""

import pytest

from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.phone.outgoing import OutgoingCall
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.command import Command
from tests.system.rig import ADA, Rig
from tests.system.steering.talks import (
    ADAS_HZ,
    BOBS_HZ,
    CALLERS_HZ,
    CUSTOMER,
    Talk,
    hears_nothing,
    hz_of,
    inbound,
    last,
    refusal,
    steered,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_customer_on_hold_hears_music_and_the_agent_nothing_until_the_talk_goes_on(
    rig: Rig, talk: Talk
) -> None:
    await rig.router.steer(talk.call_id, "hold")
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.3)
    assert await hears_nothing(talk.agent)
    await rig.router.steer(talk.call_id, "hold")
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.2)
    await rig.router.steer(talk.call_id, "resume")
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    assert await talk.agent.hears(hz_of(talk), 0.3)
    await talk.customer.hang_up()
    _, story = await last(rig)
    assert steered(story) == ["hold", "hold", "resume"]


async def test_a_customer_may_be_the_one_who_holds(rig: Rig, ada: Phone) -> None:
    talk = await inbound(rig, ada)
    await rig.router.steer(talk.call_id, "hold", party="caller")
    assert await talk.agent.hears(MUSIC_ON_HOLD_HZ, 0.3)
    assert await hears_nothing(talk.customer)
    await rig.router.steer(talk.call_id, "resume", party="caller")
    assert await talk.agent.hears(CALLERS_HZ, 0.3)
    await talk.agent.hang_up()


async def test_a_muted_agent_is_not_heard_and_hears(rig: Rig, talk: Talk) -> None:
    await rig.router.steer(talk.call_id, "mute")
    assert await hears_nothing(talk.customer)
    assert await talk.agent.hears(hz_of(talk), 0.2)
    await rig.router.steer(talk.call_id, "hold")
    await rig.router.steer(talk.call_id, "resume")
    assert await talk.agent.hears(hz_of(talk), 0.2)
    assert await hears_nothing(talk.customer)
    await rig.router.steer(talk.call_id, "unmute")
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    await talk.agent.hang_up()


async def test_the_customers_end_receives_the_keys_and_the_record_hides_them(rig: Rig, talk: Talk) -> None:
    await rig.router.steer(talk.call_id, "dtmf", "1*9#")
    assert await talk.customer.receives("1*9#")
    assert await refusal(rig, talk.call_id, "dtmf", "1&2") == "bad_digits"
    await talk.customer.hang_up()
    _, story = await last(rig)
    (sent,) = [event for event in story if isinstance(event, e.Steered)]
    assert (sent.action, sent.value) == ("dtmf", "4")


async def test_a_call_is_hung_up(rig: Rig, talk: Talk) -> None:
    await rig.router.steer(talk.call_id, "hangup")
    assert (await talk.customer.ended()).how == "bye"
    assert (await talk.agent.ended()).how == "bye"
    record, _ = await last(rig)
    assert (record.ended_by, record.disposition) == ("command", Disposition.ANSWERED)


@pytest.mark.parametrize("party", ["caller", "leg-1"])
async def test_either_party_is_hung_up_and_the_other_one_with_it(rig: Rig, ada: Phone, party: str) -> None:
    talk = await inbound(rig, ada)
    await rig.router.steer(talk.call_id, "hangup", party=party)
    assert (await talk.customer.ended()).how == "bye"
    assert (await talk.agent.ended()).how == "bye"
    record, _ = await last(rig)
    assert record.ended_by == "command"


@pytest.mark.parametrize("dies", ["customer", "agent"])
async def test_a_call_on_hold_ends_with_either_party(rig: Rig, talk: Talk, dies: str) -> None:
    await rig.router.steer(talk.call_id, "hold")
    gone, left = (talk.customer, talk.agent) if dies == "customer" else (talk.agent, talk.customer)
    await gone.hang_up()
    assert (await left.ended()).how == "bye"


async def test_a_call_that_rings_is_hung_up_and_can_be_nothing_else(rig: Rig, ada: Phone) -> None:
    rig.api.answers[SEARCH] = Answer(body=calls_of_user(ADA).body)
    customer = await rig.call()
    at_ada = await ada.next_call()
    await at_ada.ring()
    await customer.progressed(180)
    call_id = (await rig.newest()).call_id
    assert await refusal(rig, call_id, "hold") == "not_talking"
    await rig.router.steer(call_id, "hangup")
    await at_ada.cancelled()
    assert (await customer.ended()).how == "failed"
    record, _ = await last(rig)
    assert (record.ended_by, record.disposition) == ("command", Disposition.REJECTED)


async def test_a_call_that_was_asked_for_is_hung_up_while_the_agent_rings(rig: Rig, ada: Phone) -> None:
    call_id = await rig.place(ADA, CUSTOMER)
    at_ada = await ada.next_call()
    await at_ada.ring()
    await rig.router.steer(call_id, "hangup")
    assert "elsewhere" in (await at_ada.cancelled() or "")
    record, _ = await last(rig)
    assert (record.ended_by, record.disposition) == ("command", Disposition.ABANDONED)


async def test_a_call_that_was_asked_for_is_hung_up_while_the_customer_rings(rig: Rig, ada: Phone) -> None:
    async with Phone.provider(rig.asterisk.layout) as provider:
        call_id = await rig.place(ADA, CUSTOMER)
        at_ada = await ada.next_call()
        await at_ada.answer()
        at_customer = await provider.next_call()
        await at_customer.ring()
        await rig.router.steer(call_id, "hangup")
        await at_customer.cancelled()
        assert (await at_ada.ended()).how == "bye"
    record, _ = await last(rig)
    assert (record.ended_by, record.disposition) == ("command", Disposition.ABANDONED)


async def test_a_call_that_is_not_there_and_a_party_who_does_not_speak_are_refused(rig: Rig, ada: Phone) -> None:
    talk = await inbound(rig, ada)
    assert await refusal(rig, "20260101T000000-000000000000", "hold") == "unknown_call"
    assert await refusal(rig, talk.call_id, "hold", party="leg-7") == "unknown_party"
    await rig.router.steer(talk.call_id[-12:], "hangup")
    await talk.agent.ended()


async def test_a_phone_that_transfers_ends_the_hold_of_a_request(rig: Rig, ada: Phone) -> None:
    async with rig.user("bob", BOBS_HZ) as bob:
        talk = await inbound(rig, ada)
        await rig.router.steer(talk.call_id, "hold")
        assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.2)
        transfer = await talk.agent.transfer("102")
        at_bob = await bob.next_call()
        await at_bob.answer()
        assert await transfer.outcome() == 200
        assert await talk.customer.hears(BOBS_HZ, 0.3)
        assert await at_bob.hears(CALLERS_HZ, 0.3)
        await at_bob.hang_up()


async def test_a_restarted_router_knows_who_holds_and_who_is_muted(rig: Rig, talk: Talk) -> None:
    await rig.router.steer(talk.call_id, "mute")
    await rig.router.steer(talk.call_id, "hold")
    await rig.router.records()
    await rig.router.kill()
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.3)
    await rig.router.start()
    await rig.router.until(lambda status: status["live_calls"] == 1)
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.3)
    await rig.router.steer(talk.call_id, "resume")
    assert await talk.agent.hears(hz_of(talk), 0.3)
    assert await hears_nothing(talk.customer)
    await rig.router.steer(talk.call_id, "unmute")
    assert await talk.customer.hears(ADAS_HZ, 0.3)
    await rig.router.steer(talk.call_id, "hangup")
    await talk.agent.ended()


async def test_the_live_calls_tell_who_speaks_holds_and_is_muted(rig: Rig, talk: Talk) -> None:
    await rig.router.steer(talk.call_id, "hold")
    await rig.router.steer(talk.call_id, "mute")
    (live,) = await rig.router.live()
    assert (live["call_id"], live["state"]) == (talk.call_id, "talking")
    told = {party["endpoint"]: (party["holds"], party["muted"]) for party in live["parties"]}
    outside = "PJSIP/carrier" if isinstance(talk.customer, OutgoingCall) else "PJSIP/trunk"
    assert told == {"PJSIP/ada": (True, True), outside: (False, False)}
    await rig.router.steer(talk.call_id, "hangup")
    await talk.agent.ended()


async def test_a_person_lists_steers_and_is_told_why_not(rig: Rig, ada: Phone) -> None:
    command = Command(rig.router.config_path)
    assert (await command("live")).out == "no live calls\n"
    talk = await inbound(rig, ada)
    shown = await command("live")
    assert talk.call_id in shown.out
    assert "leg-1 PJSIP/ada up" in shown.out
    assert (await command("steer", talk.call_id, "hold")).status == 0
    assert await talk.customer.hears(MUSIC_ON_HOLD_HZ, 0.2)
    assert "leg-1 PJSIP/ada up, holds" in (await command("live")).out
    refused = await command("steer", talk.call_id, "transfer", "nobody-here")
    assert refused.status == 1
    assert "[dialled_unknown]" in refused.err
    assert "action" in (await command("steer", talk.call_id, "sing")).err
    assert (await command("steer", talk.call_id[-12:], "hangup")).status == 0
    await talk.agent.ended()
