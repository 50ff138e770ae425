"""Phones ring, answer, refuse, or are not there; the caller waits, or gives up."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.phone.incoming import IncomingCall
from tests.patience import PATIENCE_S
from tests.system.rig import Rig, running

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


async def phones(stack: AsyncExitStack, rig: Rig, *names: str) -> list[Phone]:
    return [await stack.enter_async_context(rig.user(name)) for name in names]


async def ringing_at(phones_: list[Phone]) -> list[IncomingCall]:
    calls = [await phone.next_call() for phone in phones_]
    for call in calls:
        await call.ring()
    return calls


def sip_uris(*phones_: Phone) -> list[str]:
    return sorted(f"sip:{phone.name}@{phone.sip.local[0]}:{phone.sip.local[1]}" for phone in phones_)


def contacts_of(record: CallRecord) -> list[str]:
    return sorted(leg.contact for leg in record.legs)


async def test_three_devices_ring_one_answers_and_the_others_see_answered_elsewhere() -> None:
    async with running() as rig, AsyncExitStack() as stack:
        three = await phones(stack, rig, "ada", "ada-desk", "ada-mobile")
        call = await rig.call()
        first, second, third = await ringing_at(three)
        await call.progressed(180)
        await second.answer()
        await call.answered()
        assert [await first.cancelled(), await third.cancelled()] == [ELSEWHERE, ELSEWHERE]
        await second.hang_up()
        ending = await call.ended()
        assert ending.how == "bye"
        assert "cause=16" in (ending.reason or "")
        await rig.idle()
        record = await rig.record()
        assert (record.answered_by, record.ended_by) == ("PJSIP/ada-desk", "callee")
        outcomes = {leg.endpoint: leg.outcome for leg in record.legs}
        assert outcomes == {
            "PJSIP/ada": "answered_elsewhere",
            "PJSIP/ada-desk": "answered",
            "PJSIP/ada-mobile": "answered_elsewhere",
        }


async def test_every_contact_of_one_device_rings() -> None:
    async with running() as rig, AsyncExitStack() as stack:
        contacts = await phones(stack, rig, "ada", "ada", "ada")
        call = await rig.call()
        ringing = await ringing_at(contacts)
        await ringing[2].answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        assert len({leg.contact for leg in (await rig.record()).legs}) == 3


async def test_a_device_whose_contacts_have_changed_since_its_last_call_rings_at_those_it_has() -> None:
    async with running() as rig, AsyncExitStack() as stack:

        async def call_and_ring(*expected: Phone) -> CallRecord:
            call = await rig.call()
            ringing = await ringing_at(list(expected))
            await call.cancel()
            for ringing_call in ringing:
                await ringing_call.cancelled()
            await rig.idle()
            return (await rig.router.records())[-1]

        (first,) = await phones(stack, rig, "ada")
        for _ in range(2):
            assert contacts_of(await call_and_ring(first)) == sip_uris(first)
        async with rig.user("ada") as second:
            assert contacts_of(await call_and_ring(first, second)) == sip_uris(first, second)
        await call_and_ring(first)
        assert contacts_of(await call_and_ring(first)) == sip_uris(first)
        await stack.aclose()
        call = await rig.call()
        assert (await call.ended()).how == "failed"
        await rig.idle()
        record = (await rig.router.records())[-1]
        assert record.legs == ()
        unavailable = {
            event.endpoint for event in await rig.router.trace(record.call_id) if isinstance(event, e.DeviceUnavailable)
        }
        assert "PJSIP/ada" in unavailable


async def test_two_phones_answer_in_the_same_instant_and_just_one_keeps_the_call() -> None:
    async with running() as rig, AsyncExitStack() as stack:
        two = await phones(stack, rig, "ada", "ada-desk")
        call = await rig.call()
        both = await ringing_at(two)
        await asyncio.gather(*(ringing.answer() for ringing in both))
        await call.answered()
        assert await call.hears(1000, 0.5)
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(ringing.ended()) for ringing in both], return_when=asyncio.FIRST_COMPLETED
        )
        (loser,) = done
        assert loser.result().how == "bye"
        assert [ringing.is_over for ringing in both].count(False) == 1
        await call.hang_up()
        await rig.idle()
        outcomes = sorted(leg.outcome for leg in (await rig.record()).legs)
        assert outcomes == ["answered", "answered_elsewhere"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(486, "busy"), (603, "declined"), (480, "unavailable"), (404, "not_found"), (500, "failed")],
)
async def test_a_phone_that_refuses_sends_the_call_to_the_next_step(status: int, outcome: str) -> None:
    async with running() as rig, rig.user("ada") as ada, rig.user("carol", 700) as carol:
        call = await rig.call()
        ringing = await ada.next_call()
        await ringing.reject(status)
        await (await carol.next_call()).answer()
        await call.answered()
        assert await call.hears(700, 0.3)
        await call.hang_up()
        await rig.idle()
        record = await rig.record()
        first = record.legs[0]
        assert (first.outcome, first.tech_cause) == (outcome, status)
        assert (record.step, record.answered_by) == (2, "PJSIP/carol")


async def test_a_phone_that_redirects_past_the_policy_places_no_call_by_the_dialplan_either() -> None:
    async with running() as rig, rig.user("ada") as ada, rig.user("carol") as carol:
        for _ in range(3):
            call = await rig.call()
            await (await ada.next_call()).redirect(f"sip:+5353001234@{rig.asterisk.address}")
            await (await carol.next_call()).reject(486)
            await call.ended()
            await rig.idle()
        records = await rig.router.records()
        assert [record.legs[0].outcome for record in records] == ["redirected"] * 3


async def test_a_user_without_a_registered_phone_sends_the_call_on_at_once() -> None:
    async with running() as rig, rig.user("carol") as carol:
        call = await rig.call()
        await (await carol.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        story = [type(event).__name__ for event in await rig.story()]
        assert story.count("DeviceUnavailable") == 3


async def test_a_device_that_asterisk_does_not_know_is_named_in_the_trace() -> None:
    def ghost(config: dict[str, object]) -> None:
        config["directory"] = {"users": [{"id": "456", "devices": ["PJSIP/ghost"]}]}

    async with running(ghost) as rig, rig.user("carol") as carol:
        call = await rig.call()
        await (await carol.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        assert "not known to Asterisk" in str(await rig.story())


async def test_nobody_answers_in_time_so_the_next_step_rings_and_the_first_phone_stops() -> None:
    def short(config: dict[str, dict[str, dict[str, object]]]) -> None:
        config["routes"]["sales"]["ringing"] = {"timeout_s": 5}

    async with running(short) as rig, rig.user("ada") as ada, rig.user("carol") as carol:
        call = await rig.call()
        (ringing,) = await ringing_at([ada])
        next_ringing = await carol.next_call()
        await ringing.cancelled()
        await next_ringing.answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        assert [leg.outcome for leg in (await rig.record()).legs] == ["no_answer", "answered"]


async def test_a_caller_who_gives_up_during_the_lookup_makes_nothing_ring() -> None:
    async with running() as rig, rig.user("ada") as ada:
        held = asyncio.Event()
        rig.api.answers[SEARCH] = Answer(body=calls_of_user("456").body, after=held)
        call = await rig.call()
        await rig.api.next_request()
        await call.progressed(180)
        await call.cancel()
        await rig.idle()
        async with asyncio.timeout(PATIENCE_S):
            while rig.api.in_progress[SEARCH]:
                await asyncio.sleep(0.02)  # until the API has seen the end of the connection
        held.set()
        assert ada.received == []
        record = await rig.record()
        assert (record.disposition, record.legs) == ("abandoned", ())


async def test_a_caller_who_gives_up_while_phones_ring_leaves_nothing_ringing() -> None:
    async with running() as rig, AsyncExitStack() as stack:
        three = await phones(stack, rig, "ada", "ada-desk", "ada-mobile")
        call = await rig.call()
        ringing = await ringing_at(three)
        await call.cancel()
        reasons = [await phone.cancelled() for phone in ringing]
        assert not any("elsewhere" in (reason or "") for reason in reasons)
        await rig.idle()
        record = await rig.record()
        assert (record.disposition, record.cause) == ("abandoned", 16)
        assert {leg.outcome for leg in record.legs} == {"cancelled"}


@pytest.mark.parametrize("attempt", range(4))
async def test_a_caller_who_gives_up_in_the_instant_of_the_answer_leaves_no_ghost(attempt: int) -> None:
    async with running() as rig, rig.user("ada") as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        await ringing.ring()
        await call.progressed(180)

        async def give_up() -> None:
            await asyncio.sleep(attempt * 0.0015)  # meets the answer at another moment of its way each time
            await call.cancel()

        await asyncio.gather(ringing.answer(), give_up(), return_exceptions=True)
        if not call.is_over:
            await call.hang_up()
        await ringing.ended()
        await rig.idle()
        assert (await rig.record()).ended_by == "caller"
