"""Mobiles that have to confirm by a key: their voicemail never wins, and nobody is cut off or connected by mistake."""

import asyncio
from typing import Any, Literal

import pytest

from ari_app.domain import events as e
from sandbox import Phone
from sandbox.phone import IncomingCall
from sandbox.router import Config
from tests.system.rig import Change, Rig, running

VOICEMAIL_HZ = 700
MOBILE = "+14155550123"
CONFIRMING = {"external": MOBILE, "confirm": True}


def devices(*given: Any, **route: Any) -> Change:
    """Ada has these devices; `route` are keys of the route."""

    def change(config: Config) -> None:
        config["directory"]["users"][0]["devices"] = list(given)
        config["routes"]["sales"] |= {"ringing": {"timeout_s": 25}} | route

    return change


def mobile(rig: Rig, tone_hz: int | None = VOICEMAIL_HZ) -> Phone:
    """Whatever is called outside."""
    return Phone.provider(rig.asterisk.layout, tone_hz=tone_hz)


async def asked(call: IncomingCall) -> None:
    """The mobile is picked up, and its prompt is heard."""
    await call.answer()
    assert await call.hears_sound()


async def outcomes(rig: Rig) -> dict[str, str]:
    """How the legs of the only call ended, by their endpoint."""
    return {leg.endpoint: leg.outcome for leg in (await rig.record()).legs}


async def test_a_voicemail_that_answers_at_once_does_not_win_and_the_desk_phone_does() -> None:
    async with (
        running(devices(CONFIRMING, "PJSIP/ada", answer="now", confirmation={"timeout_s": 60})) as rig,
        rig.user("ada", 1000) as ada,
        mobile(rig) as provider,
    ):
        call = await rig.call()
        voicemail = await provider.next_call()
        await asked(voicemail)
        desk = await ada.next_call()
        await desk.ring()
        assert await call.hears_ringing(1.0)  # and not the voicemail
        await desk.answer()
        assert await call.hears(1000, 1.0)
        assert await desk.hears(500, 1.0)
        assert 'cause=200;text="Call completed elsewhere"' in ((await voicemail.ended()).reason or "")
        await call.hang_up()
        await rig.idle()
        assert await outcomes(rig) == {"PJSIP/trunk": "answered_elsewhere", "PJSIP/ada": "answered"}
        assert (await rig.record()).answered_by == "PJSIP/ada"


@pytest.mark.parametrize("by", ["rtp", "info"])
async def test_the_key_wins_in_the_middle_of_the_prompt(by: Literal["rtp", "info"]) -> None:
    async with (
        running(devices(CONFIRMING, "PJSIP/ada")) as rig,
        rig.user("ada") as ada,
        mobile(rig, 1000) as provider,
    ):
        call = await rig.call()
        picked_up = await provider.next_call()
        desk = await ada.next_call()
        await asked(picked_up)
        assert 200 not in [progress.status for progress in call.progress]
        await picked_up.press("1", by)
        await call.answered()
        assert 'cause=200;text="Call completed elsewhere"' in (await desk.cancelled() or "")
        assert await call.hears(1000, 1.0)
        assert await picked_up.hears(500, 1.0)
        await picked_up.hang_up()
        await call.ended()
        await rig.idle()
        record = await rig.record()
        (leg,) = [leg for leg in record.legs if leg.endpoint == "PJSIP/trunk"]
        assert leg.answered_at and leg.asked_at and leg.confirmed_at
        assert leg.answered_at <= leg.asked_at <= leg.confirmed_at
        assert (record.agent, record.ended_by) == ("456", "callee")
        assert record.answered_at and record.answered_at >= leg.confirmed_at, "what was asked is no talk"


async def test_another_key_declines_and_the_others_ring_on() -> None:
    async with (
        running(devices(CONFIRMING, "PJSIP/ada")) as rig,
        rig.user("ada", 1000) as ada,
        mobile(rig) as provider,
    ):
        call = await rig.call()
        picked_up = await provider.next_call()
        desk = await ada.next_call()
        await asked(picked_up)
        await picked_up.press("2")
        await picked_up.ended()
        await desk.answer()
        assert await call.hears(1000, 1.0)
        await desk.hang_up()
        await call.ended()
        await rig.idle()
        assert await outcomes(rig) == {"PJSIP/trunk": "declined", "PJSIP/ada": "answered"}
        assert (await rig.record()).ended_by == "callee"


async def test_who_hangs_up_at_the_prompt_has_not_answered_and_the_chain_goes_on() -> None:
    async with running(devices(CONFIRMING)) as rig, rig.user("carol", 1000) as carol, mobile(rig) as provider:
        call = await rig.call()
        picked_up = await provider.next_call()
        await asked(picked_up)
        await picked_up.hang_up()
        after = await carol.next_call()
        await after.answer()
        await call.answered()
        assert await call.hears(1000, 1.0)
        await after.hang_up()
        await call.ended()
        await rig.idle()
        assert await outcomes(rig) == {"PJSIP/trunk": "unconfirmed", "PJSIP/carol": "answered"}
        steps = [event.outcome for event in await rig.story() if isinstance(event, e.StepEnded)]
        assert steps == ["unconfirmed", "answered"]
        assert (await rig.record()).ended_by == "callee"


async def test_silence_at_the_prompt_ends_it() -> None:
    change = devices(CONFIRMING, confirmation={"timeout_s": 3}, fallback=[{"hangup": "no_answer"}])
    async with running(change) as rig, mobile(rig) as provider:
        call = await rig.call()
        picked_up = await provider.next_call()
        await asked(picked_up)
        assert (await picked_up.ended()).how == "bye"
        assert await call.final_status() == 480
        await rig.idle()
        assert await outcomes(rig) == {"PJSIP/trunk": "unconfirmed"}


async def test_who_is_asked_when_the_time_to_ring_is_up_can_still_confirm_and_nobody_else_rings_on() -> None:
    change = devices(CONFIRMING, "PJSIP/ada", ringing={"timeout_s": 5}, confirmation={"timeout_s": 60})
    async with running(change) as rig, rig.user("ada") as ada, mobile(rig, 1000) as provider:
        call = await rig.call()
        picked_up = await provider.next_call()
        desk = await ada.next_call()
        await desk.ring()
        await asked(picked_up)
        await desk.cancelled()  # at the end of the ring timeout
        await picked_up.press("1")
        await call.answered()
        assert await call.hears(1000, 1.0)
        await call.hang_up()
        await rig.idle()
        assert await outcomes(rig) == {"PJSIP/trunk": "answered", "PJSIP/ada": "no_answer"}


async def test_of_two_who_confirm_in_the_same_moment_one_wins() -> None:
    confirming = {"endpoint": "PJSIP/ada", "confirm": True}
    async with (
        running(devices(CONFIRMING, confirming)) as rig,
        rig.user("ada", 1000) as ada,
        mobile(rig, 700) as provider,
    ):
        call = await rig.call()
        first, second = await provider.next_call(), await ada.next_call()
        await asyncio.gather(asked(first), asked(second))
        await asyncio.gather(first.press("1"), second.press("1"))
        await call.answered()
        ended, _ = await asyncio.wait(
            [asyncio.create_task(first.ended()), asyncio.create_task(second.ended())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        assert "completed elsewhere" in (ended.pop().result().reason or "")
        winner, tone_hz = (second, 1000) if first.is_over else (first, 700)
        assert await call.hears(tone_hz, 1.0)
        assert await winner.hears(500, 1.0)
        await call.hang_up()
        await rig.idle()
        assert sorted((await outcomes(rig)).values()) == ["answered", "answered_elsewhere"]


async def test_a_caller_who_gives_up_ends_the_prompt() -> None:
    async with running(devices(CONFIRMING)) as rig, mobile(rig) as provider:
        call = await rig.call()
        picked_up = await provider.next_call()
        await asked(picked_up)
        await call.cancel()
        await picked_up.ended()
        await rig.idle()
        assert await outcomes(rig) == {"PJSIP/trunk": "cancelled"}
        assert (await rig.record()).disposition == "abandoned"


async def test_a_number_of_a_fallback_has_to_confirm_by_a_key_and_prompt_of_ones_own() -> None:
    change = devices(
        fallback=[{"external": MOBILE, "confirm": True, "timeout_s": 25}],
        confirmation={"prompt": ["vm-press", "digits/5"], "digit": "5"},
    )
    async with running(change) as rig, mobile(rig, 1000) as provider:
        call = await rig.call()
        picked_up = await provider.next_call()
        await asked(picked_up)
        await picked_up.press("5")
        await call.answered()
        assert await call.hears(1000, 1.0)
        await call.hang_up()
        await rig.idle()
        told = [event.digit for event in await rig.story() if isinstance(event, e.ConfirmationAsked)]
        assert told == ["5"]


async def test_a_restart_at_the_prompt_is_no_talk_and_the_caller_goes_to_the_fallback() -> None:
    async with running(devices(CONFIRMING)) as rig, rig.user("carol", 1000) as carol, mobile(rig) as provider:
        call = await rig.call()
        picked_up = await provider.next_call()
        await asked(picked_up)
        await rig.router.kill()
        await rig.router.start()
        after = await carol.next_call()
        await picked_up.ended()
        await after.answer()
        await call.answered()
        assert await call.hears(1000, 1.0)
        await call.hang_up()
        await rig.idle()
        assert await outcomes(rig) == {"PJSIP/trunk": "lost", "PJSIP/carol": "answered"}
