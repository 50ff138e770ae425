"""The AGI door with a real Asterisk: what only it does, and what becomes of its calls when the router goes away."""

import asyncio
from contextlib import AsyncExitStack

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord, Disposition
from sandbox import Answer, Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.doors import Door, running_by
from tests.system.rig import ANSWER, Rig
from tests.system.test_ringing import phones, ringing_at, sip_uris

MOBILE = "+14155550123"


async def ended(rig: Rig) -> CallRecord:
    """The record of the only call, once it is over."""
    await rig.router.until_told(e.CallEnded)
    await rig.nothing_is_left()
    return await rig.record()


async def ringing_at_ada(rig: Rig, ada: Phone) -> tuple[OutgoingCall, IncomingCall]:
    """A caller, and the phone that rings for him."""
    call = await rig.call()
    ringing = await ada.next_call()
    await ringing.ring()
    await call.progressed(180)
    await rig.router.until_told(e.LegDialled)
    return call, ringing


async def test_of_two_contacts_of_one_device_the_record_knows_which_answered() -> None:
    async with running_by(Door.AGI) as rig, AsyncExitStack() as stack:
        both = await phones(stack, rig, "ada", "ada")
        call = await rig.call()
        first, second = await ringing_at(both)
        await second.answer()
        await call.answered()
        await first.cancelled()
        await call.hang_up()
        record = await ended(rig)
        (leg,) = [leg for leg in record.legs if leg.outcome == "answered"]
        assert sip_uris(both[1]) == [leg.contact]
        assert record.ended_by == "caller"


async def test_who_answered_is_known_among_contacts_of_which_asterisk_has_heard_nothing() -> None:
    async with running_by(Door.AGI) as rig, AsyncExitStack() as stack:
        three = await phones(stack, rig, "ada", "ada", "ada")
        for plugged in range(3):
            for number, phone in enumerate(three):
                phone.is_unplugged = number != plugged
            call = await rig.call()
            await (await three[plugged].next_call()).answer()
            await call.answered()
            await call.hang_up()
            await rig.idle()
            record = await rig.newest()
            outcomes = {leg.contact: leg.outcome for leg in record.legs}
            told = dict.fromkeys(sip_uris(*three), "answered_elsewhere")
            assert outcomes == told | dict.fromkeys(sip_uris(three[plugged]), "answered")


async def test_a_redirecting_phone_is_not_followed_past_the_dial_policy() -> None:
    async with (
        running_by(Door.AGI) as rig,
        rig.user("ada") as ada,
        rig.user("carol") as carol,
        Phone.provider(rig.asterisk.layout) as provider,
    ):
        await rig.call()
        await (await ada.next_call()).redirect(f"sip:{MOBILE}@127.0.0.1")
        ringing = await carol.next_call()
        assert provider.received == []
        await ringing.reject(486)
        record = await ended(rig)
        assert [leg.outcome for leg in record.legs] == ["redirected", "busy"]


def told_by_the_crm(config: Config) -> None:
    config["routes"]["sales"]["response"] |= {
        "caller_name": "name",
        "headers": {"X-Ticket": "ticket"},
        "variables": {"TIER": "tier"},
    }
    config["directory"]["users"][0]["devices"] = ["PJSIP/ada", {"external": MOBILE}]


async def test_phones_see_what_the_crm_knows_and_the_carrier_sees_a_number_of_ours_only() -> None:
    async with (
        running_by(Door.AGI, told_by_the_crm) as rig,
        rig.user("ada") as ada,
        Phone.provider(rig.asterisk.layout) as provider,
    ):
        body = {"calls": [{"user": {"id": "456"}}], "name": 'Acme, "Inc." (7)', "ticket": "T-1, 2", "tier": "gold"}
        rig.api.answers["/v1/calls/search"] = Answer(body=body)
        call = await rig.call()
        phone, mobile = await ada.next_call(), await provider.next_call()
        assert (phone.caller_name, phone.caller_number) == ('Acme, "Inc." (7)', "+14155550177")
        assert phone.headers.get("X-Ticket") == "T-1, 2"
        assert (mobile.caller_number, mobile.caller_name, mobile.headers.get("X-Ticket")) == ("+14155550100", "", None)
        await mobile.answer()
        await call.answered()
        await rig.router.until_told(e.CallAnswered)  # while they speak
        assert (await rig.record()).ended_at is None
        await mobile.hang_up()
        record = await ended(rig)
        assert (record.answered_by, record.agent, record.ended_by) == ("PJSIP/trunk", "456", "callee")


def confirming(config: Config) -> None:
    config["directory"]["users"][0]["devices"] = ["PJSIP/ada", {"external": MOBILE, "confirm": True}]


async def test_a_mobile_that_confirms_wins_by_its_key_while_the_others_ring_on() -> None:
    async with (
        running_by(Door.AGI, confirming) as rig,
        rig.user("ada") as ada,
        Phone.provider(rig.asterisk.layout, tone_hz=700) as provider,
    ):
        call = await rig.call()
        desk, mobile = await ada.next_call(), await provider.next_call()
        await desk.ring()
        await mobile.answer()
        assert await mobile.hears_sound()
        assert 200 not in [progress.status for progress in call.progress]
        await mobile.press("1")
        await call.answered()
        await desk.cancelled()
        assert await call.hears(700, 0.5)
        await call.hang_up()
        assert (await ended(rig)).answered_by == "PJSIP/trunk"


async def test_a_voicemail_that_is_asked_to_confirm_is_hung_up_as_soon_as_a_phone_answers() -> None:
    async with (
        running_by(Door.AGI, confirming) as rig,
        rig.user("ada") as ada,
        Phone.provider(rig.asterisk.layout, tone_hz=700) as provider,
    ):
        call = await rig.call()
        desk, voicemail = await ada.next_call(), await provider.next_call()
        await voicemail.answer()
        assert await voicemail.hears_sound()
        await desk.answer()
        await call.answered()
        await voicemail.ended()
        await call.hang_up()
        record = await ended(rig)
        assert {leg.endpoint: leg.outcome for leg in record.legs} == {
            "PJSIP/ada": "answered",
            "PJSIP/trunk": "answered_elsewhere",
        }


def waiting_for_bob(config: Config) -> None:
    config["directory"]["teams"] = [{"id": "7", "members": ["77"]}]
    request = config["routes"]["sales"]["request"]
    request["url"] = request["url"].split("/v1/")[0] + ANSWER
    config["routes"]["sales"]["response"] = {"type": "team", "path": "to"}
    config["routes"]["sales"]["ringing"] |= {"if_busy": "wait"}


async def test_a_caller_waits_for_a_member_who_speaks() -> None:
    async with running_by(Door.AGI, waiting_for_bob) as rig, rig.user("bob") as bob:
        rig.api.answers[ANSWER] = Answer(body={"to": "7"})
        first = await rig.call()
        talk = await bob.next_call()
        await talk.answer()
        await first.answered()
        await rig.stands("77", state="in_call")  # Asterisk tells of his phone beside the call
        second = await rig.call("+14155550178")
        await rig.router.until_told(e.MemberPassed)
        await talk.hang_up()
        ringing = await bob.next_call()
        await ringing.answer()
        await second.answered()
        await second.hang_up()
        await rig.router.until_told(e.CallEnded)
        await rig.nothing_is_left()
        assert [record.agent for record in await rig.router.records()] == ["77", "77"]


async def test_a_call_that_rang_when_the_router_was_killed_goes_on_with_the_fallback() -> None:
    async with running_by(Door.AGI) as rig, rig.user("ada") as ada, rig.user("carol") as carol:
        _, ringing = await ringing_at_ada(rig, ada)
        await rig.router.kill()
        await rig.router.start()
        await ringing.reject(486)
        fallback = await carol.next_call()
        await fallback.answer()
        await rig.router.until_told(e.CallRecovered)
        await fallback.hang_up()
        record = await ended(rig)
        assert (record.recovered, record.answered_by, record.disposition) == (
            *(True, "PJSIP/carol"),
            Disposition.ANSWERED,
        )
        assert [leg.outcome for leg in record.legs] == ["busy", "answered"]


async def test_a_talk_that_went_on_while_the_router_was_killed_is_on_record_by_its_report() -> None:
    async with running_by(Door.AGI) as rig, rig.user("ada") as ada:
        call, ringing = await ringing_at_ada(rig, ada)
        await ringing.answer()
        await call.answered()
        await rig.router.kill()
        await rig.router.start()
        assert await call.hears(1000, 0.5)
        await call.hang_up()
        record = await ended(rig)
        assert (record.answered_by, record.agent, record.ended_by) == ("PJSIP/ada", "456", "caller")
        assert record.talk_s is not None and record.talk_s > 0.5


async def test_a_router_that_is_down_costs_the_caller_nothing_but_the_static_fallback() -> None:
    async with running_by(Door.AGI) as rig, rig.user("bob") as bob:
        await rig.asterisk.cli("dialplan set global AGI_ROUTER_FALLBACK PJSIP/bob")
        await rig.router.kill()
        call = await rig.call()
        ringing = await bob.next_call()
        await ringing.answer()
        await call.answered()
        await call.hang_up()


async def test_a_router_that_is_frozen_loses_no_caller() -> None:
    async with running_by(Door.AGI) as rig, rig.user("bob") as bob:
        await rig.asterisk.cli("dialplan set global AGI_ROUTER_FALLBACK PJSIP/bob")
        await rig.asterisk.cli("dialplan set global AGI_ROUTER_ASK_SECONDS 1")
        rig.router.freeze()
        try:
            call = await rig.call()
            ringing = await bob.next_call()
            await ringing.answer()
            await call.answered()
            assert await call.hears(1000, 1.5)  # longer than the router may think
            await call.hang_up()
        finally:
            rig.router.thaw()
        record = await ended(rig)
        assert (record.disposition, record.legs) == (Disposition.ABANDONED, ())


async def test_a_caller_who_gives_up_in_a_queue_is_on_record() -> None:
    def with_queue(config: Config) -> None:
        config["directory"]["queues"] = [{"id": "support", "name": "support-queue"}]
        config["routes"]["sales"] |= {"fallback": [{"queue": "support"}]}

    async with running_by(Door.AGI, with_queue) as rig:
        (rig.asterisk.config_dir / "queues.conf").write_text("[support-queue]\nmember => PJSIP/bob\njoinempty = yes\n")
        await rig.asterisk.cli("queue reload all")
        call = await rig.call()
        await call.answered()
        async with asyncio.timeout(PATIENCE_S):
            while "W:0, C:0" not in (told := await rig.asterisk.cli("queue show support-queue")) or "1." not in told:
                await asyncio.sleep(0.05)
        await call.hang_up()
        record = await ended(rig)
        assert (record.disposition, record.ended_by) == (Disposition.ABANDONED, "caller")
