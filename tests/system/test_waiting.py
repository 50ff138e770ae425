"""What callers hear while they wait, when they are answered, and how long all that may take."""

import asyncio
from typing import Any

import pytest

from ari_app.domain import events as e
from sandbox import Phone
from sandbox.router import Config
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.system.rig import CALLER, DID, Change, running

RINGING_HZ = 440  # indications.conf of the sandbox
BEEP_HZ = 1400


def route(**keys: Any) -> Change:
    def change(config: Config) -> None:
        config["routes"]["sales"] |= keys

    return change


async def test_music_is_heard_before_the_answer_and_ends_with_it() -> None:
    async with running(route(waiting="music")) as rig, rig.user("ada", 1000) as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        await ringing.ring()
        await call.progressed(183)
        assert await call.hears(MUSIC_ON_HOLD_HZ, 1.0)
        assert 200 not in [progress.status for progress in call.progress]
        await ringing.answer()
        await call.answered()
        assert await call.hears(1000, 1.0)
        assert await ringing.hears(500, 1.0)
        await call.hang_up()
        await rig.idle()


@pytest.mark.parametrize("answer", ["now", "on_wait"])
async def test_a_caller_who_is_answered_for_the_waiting_hears_the_ringing_tone(answer: str) -> None:
    async with running(route(answer=answer)) as rig, rig.user("ada", 1000) as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        await call.answered()
        assert await call.hears(RINGING_HZ, 1.0)
        await ringing.answer()
        assert await call.hears(1000, 1.0)
        assert await ringing.hears(500, 1.0)
        await ringing.hang_up()
        await call.ended()
        await rig.idle()
        assert [event.answer for event in await rig.story() if isinstance(event, e.AnsweredEarly)] == [answer]


async def test_an_announcement_comes_first_and_the_music_after_it() -> None:
    waiting = {"sound": "music", "announcement": "beep"}
    async with running(route(waiting=waiting, answer="now")) as rig, rig.user("ada") as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        assert await call.hears(MUSIC_ON_HOLD_HZ, 1.0)
        await call.hang_up()
        await ringing.ended()
        await rig.idle()


async def test_a_callee_who_answers_need_not_wait_for_the_end_of_the_announcement() -> None:
    long = {"announcement": ["demo-instruct"] * 5}
    async with running(route(waiting=long)) as rig, rig.user("ada", 1000) as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        await call.progressed(183)
        await ringing.answer()
        await call.answered()
        assert await call.hears(1000, 1.0)
        assert await ringing.hears(500, 1.0)
        await call.hang_up()
        await rig.idle()


async def test_silence_is_kept_and_ends_with_the_answer() -> None:
    async with running(route(waiting="silence")) as rig, rig.user("ada", 1000) as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        await ringing.ring()
        assert 180 not in [progress.status for progress in call.progress]
        await ringing.answer()
        await call.answered()
        assert await call.hears(1000, 1.0)
        assert await ringing.hears(500, 1.0)
        await call.hang_up()
        await rig.idle()


async def test_the_dialplan_gets_a_caller_back_in_peace() -> None:
    def change(config: Config) -> None:
        config["routes"]["sales"] |= {"waiting": "music", "answer": "now", "fallback": []}

    async with running(change) as rig, rig.user("ada") as ada:
        call = await rig.call()
        await (await ada.next_call()).reject(486)
        await call.ended()
        await rig.idle()
        assert (await rig.record()).disposition == "to_dialplan"


async def test_the_chain_ends_at_its_limit_but_for_what_takes_no_time() -> None:
    async with running(route(limits={"chain_s": 5})) as rig, rig.user("ada") as ada, rig.user("carol") as carol:
        call = await rig.call()
        await (await ada.next_call()).ring()
        assert await call.final_status() == 486
        await rig.idle()
        assert carol.received == []
        ended = [(s.step, s.outcome) for s in await rig.story() if isinstance(s, e.StepEnded)]
        assert ended == [(1, "no_answer"), (2, "skipped")]


async def test_a_talk_ends_at_its_limit_after_a_tone_that_both_hear() -> None:
    async with (
        running(route(limits={"talk_s": 4, "warn_s": 2})) as rig,
        rig.user("ada", tone_hz=None) as ada,
        Phone.carrier(rig.asterisk.layout, tone_hz=None) as silent,
    ):
        call = await silent.call(DID, caller=CALLER)
        ringing = await ada.next_call()
        began = asyncio.get_running_loop().time()
        await ringing.answer()
        await call.answered()
        assert all(await asyncio.gather(call.hears(BEEP_HZ, 0.2), ringing.hears(BEEP_HZ, 0.2)))
        await asyncio.gather(call.ended(), ringing.ended())
        await rig.idle()
        longest_s = asyncio.get_running_loop().time() - began
        record = await rig.record()
        assert (record.ended_by, record.reason) == ("router", "the talk reached its limit of 4 s")
        assert [event.cause for event in await rig.story() if isinstance(event, e.CallEnded)] == [16]
        assert record.talk_s is not None
        assert 3.9 < record.talk_s < longest_s


async def test_a_talk_keeps_its_limit_over_a_restart_of_the_router() -> None:
    async with running(route(limits={"talk_s": 8})) as rig, rig.user("ada", 1000) as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        await ringing.answer()
        await call.answered()
        await rig.router.until_told(e.CallAnswered)
        await rig.router.records()
        answered_at = asyncio.get_running_loop().time()
        await rig.router.kill()
        assert await ringing.hears(500, 3.0)
        away_s = asyncio.get_running_loop().time() - answered_at
        await rig.router.start()
        await asyncio.gather(call.ended(), ringing.ended())
        await rig.idle()
        record = await rig.record()
        assert (record.ended_by, record.recovered) == ("router", True)
        assert record.talk_s is not None
        assert 7.9 < record.talk_s < away_s + 8, "the limit does not begin anew"
