"""The caller's last good answer is created, or rings, while the API is asked again; the answer has the last word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ari_app.domain import events as e
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import ADA, CALLER, DID, Change, Rig, running

BOB = "77"
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


def guessing(ahead: str) -> Change:
    def change(config: Config) -> None:
        sales = config["routes"]["sales"]
        sales["remember"] = {"last_good_s": 604_800}
        sales["ringing"] = {"timeout_s": 20, "ahead": ahead}

    return change


@asynccontextmanager
async def returning_caller(ahead: str) -> AsyncIterator[tuple[Rig, Phone]]:
    """A customer who has been with Ada before; her phone is registered."""
    async with running(guessing(ahead)) as rig, rig.user("ada") as ada:
        call = await rig.call()
        await (await ada.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        await rig.api.next_request()
        yield rig, ada


async def calls_again(rig: Rig, user: str) -> tuple[OutgoingCall, asyncio.Event]:
    """The API has the question, and says `user` when the event is set; the guess is under way."""
    answer_now = asyncio.Event()
    rig.api.answers[SEARCH] = Answer(body=calls_of_user(user).body, after=answer_now)
    call = await rig.call()
    await rig.api.next_request()
    await rig.router.until(lambda status: status["watched_channels"] == 2)
    return call, answer_now


async def told(rig: Rig) -> list[e.CallEvent]:
    """What happened in the last call, once all is over."""
    await rig.idle()
    return list(await rig.router.trace((await rig.router.records())[-1].call_id))


def judged(happened: list[e.CallEvent]) -> list[str]:
    return [event.outcome for event in happened if isinstance(event, e.GuessJudged)]


async def test_a_leg_that_was_created_ahead_rings_when_the_answer_is_in_and_not_before() -> None:
    async with returning_caller("create") as (rig, ada):
        call, answer_now = await calls_again(rig, ADA)
        assert len(ada.received) == 1
        answer_now.set()
        ringing = await ada.next_call()
        assert ringing.caller_number == CALLER
        await ringing.answer()
        await call.answered()
        assert await call.hears(1000, 0.3)
        await call.hang_up()
        happened = await told(rig)
        assert judged(happened) == ["right"]
        kinds = [type(event) for event in happened]
        assert kinds.index(e.Guessed) < kinds.index(e.AnswerReceived) < kinds.index(e.LegDialled)
        assert [event.outcome for event in happened if isinstance(event, e.LegEnded)] == ["answered"]


async def test_a_leg_that_was_created_ahead_shows_what_the_answer_brings() -> None:
    def with_a_screen_pop(config: Config) -> None:
        guessing("create")(config)
        shown = {"caller_name": "contact.name", "headers": {"X-Contact": "contact.id"}}
        config["routes"]["sales"]["response"] |= shown

    async with running(with_a_screen_pop) as rig, rig.user("ada") as ada:
        for _ in range(2):
            answer_now = asyncio.Event()
            body = {"calls": [{"user": {"id": ADA}}], "contact": {"name": "Grace Hopper", "id": 4711}}
            rig.api.answers[SEARCH] = Answer(body=body, after=answer_now)
            call = await rig.call(caller_name="SOMEBODY")
            await rig.api.next_request()
            if ada.received:
                await rig.router.until(lambda status: status["watched_channels"] == 2)
            answer_now.set()
            ringing = await ada.next_call()
            assert (ringing.caller_name, ringing.caller_number) == ("Grace Hopper", CALLER)
            assert ringing.headers.getlist("X-Contact") == ["4711"]
            await ringing.answer()
            await call.answered()
            await call.hang_up()
            happened = await told(rig)
        assert judged(happened) == ["right"]


async def told_by_asterisk(rig: Rig, command: str, *wanted: str) -> None:
    """Wait until it tells all of these: a phone that is picked up speaks while the answer is brought to it."""
    shown = ""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not all(each in shown for each in wanted):
                shown = await rig.asterisk.cli(command)
    except TimeoutError:
        pytest.fail(f"not told: {[each for each in wanted if each not in shown]} in {shown}")


async def test_a_phone_that_rings_ahead_is_given_name_and_variables_while_headers_come_too_late() -> None:
    def with_a_screen_pop(config: Config) -> None:
        guessing("ring")(config)
        shown = {"caller_name": "contact.name", "headers": {"X-Contact": "contact.id"}}
        config["routes"]["sales"]["response"] |= shown | {"variables": {"CONTACT": "contact.id"}}
        config["routes"]["sales"]["show"] = {"headers": {"X-Called": "{{calledNumber}}"}}

    body = {"calls": [{"user": {"id": ADA}}], "contact": {"name": "Grace Hopper", "id": 4711}}
    async with running(with_a_screen_pop) as rig, rig.user("ada") as ada:
        for answer_now in (None, asyncio.Event()):
            rig.api.answers[SEARCH] = Answer(body=body, after=answer_now)
            call = await rig.call(caller_name="SOMEBODY")
            ringing = await ada.next_call()
            await ringing.ring()
            if answer_now is not None:
                assert ringing.headers.getlist("X-Contact") == []
                assert ringing.headers.getlist("X-Called") == [DID]
                answer_now.set()
            await ringing.answer()
            await call.answered()
            assert await call.hears(1000, 0.2)
            listed = await rig.asterisk.cli("core show channels concise")
            (leg,) = [line.partition("!")[0] for line in listed.splitlines() if line.startswith("PJSIP/ada")]
            await told_by_asterisk(
                rig,
                f"core show channel {leg}",
                *(
                    "AGI_ROUTER_CRM_CONTACT=4711",
                    "Connected Line ID Name: Grace Hopper",
                    f"Connected Line ID: {CALLER}",
                ),
            )
            await call.hang_up()
            happened = await told(rig)
    (guess,) = [event for event in happened if isinstance(event, e.GuessJudged)]
    assert (guess.outcome, guess.too_late) == ("right", ["X-Contact"])


async def test_a_leg_that_was_created_for_somebody_else_goes_and_its_phone_never_knew() -> None:
    async with returning_caller("create") as (rig, ada), rig.user("bob", 700) as bob:
        call, answer_now = await calls_again(rig, BOB)
        answer_now.set()
        await (await bob.next_call()).answer()
        await call.answered()
        assert await call.hears(700, 0.3)
        await call.hang_up()
        happened = await told(rig)
        assert judged(happened) == ["wrong"]
        assert len(ada.received) == 1
        assert {event.endpoint for event in happened if isinstance(event, e.LegDialled)} == {"PJSIP/bob"}


async def test_a_phone_that_rings_ahead_goes_on_ringing_when_the_answer_is_the_same() -> None:
    async with returning_caller("ring") as (rig, ada):
        call, answer_now = await calls_again(rig, ADA)
        ringing = await ada.next_call()
        await ringing.ring()
        answer_now.set()
        await ringing.answer()
        await call.answered()
        assert await call.hears(1000, 0.3)
        await ringing.hang_up()
        assert (await call.ended()).how == "bye"
        happened = await told(rig)
        assert judged(happened) == ["right"]
        assert len([event for event in happened if isinstance(event, e.LegDialled)]) == 1


async def test_a_phone_that_rings_ahead_stops_without_a_missed_call_when_the_answer_is_another() -> None:
    async with returning_caller("ring") as (rig, ada), rig.user("bob", 700) as bob:
        call, answer_now = await calls_again(rig, BOB)
        ringing = await ada.next_call()
        await ringing.ring()
        answer_now.set()
        assert await ringing.cancelled() == ELSEWHERE
        await (await bob.next_call()).answer()
        await call.answered()
        assert await call.hears(700, 0.3)
        await call.hang_up()
        happened = await told(rig)
        assert judged(happened) == ["wrong"]
        outcomes = sorted(event.outcome for event in happened if isinstance(event, e.LegEnded))
        assert outcomes == ["answered", "guessed_wrong"]


@pytest.mark.parametrize(("user", "how"), [(ADA, "right"), (BOB, "wrong")])
async def test_who_picks_up_before_the_answer_speaks_with_the_caller_only_if_it_was_right(user: str, how: str) -> None:
    async with returning_caller("ring") as (rig, ada), rig.user("bob", 700) as bob:
        call, answer_now = await calls_again(rig, user)
        early = await ada.next_call()
        await early.answer()
        answer_now.set()
        if user == ADA:
            await call.answered()
            assert await call.hears(1000, 0.3)
        else:
            assert (await early.ended()).how == "bye"
            await (await bob.next_call()).answer()
            await call.answered()
            assert await call.hears(700, 0.3)
        await call.hang_up()
        happened = await told(rig)
        assert judged(happened) == [how]
        kinds = [type(event) for event in happened]
        assert kinds.index(e.AnswerReceived) < kinds.index(e.CallAnswered)


@pytest.mark.parametrize("ahead", ["create", "ring"])
async def test_a_caller_who_gives_up_before_the_answer_leaves_nothing_of_the_guess(ahead: str) -> None:
    async with returning_caller(ahead) as (rig, ada):
        call, _ = await calls_again(rig, ADA)
        ringing = await ada.next_call() if ahead == "ring" else None
        await call.cancel()
        if ringing is not None:
            await ringing.cancelled()
        happened = await told(rig)
        assert judged(happened) == []
        assert len(ada.received) == (2 if ahead == "ring" else 1)


@pytest.mark.parametrize("ahead", ["create", "ring"])
async def test_when_the_api_names_nobody_any_more_the_guess_goes_and_the_fallback_rings(ahead: str) -> None:
    async with returning_caller(ahead) as (rig, _), rig.user("carol", 700) as carol:
        call, answer_now = await calls_again(rig, "9999")
        answer_now.set()
        await (await carol.next_call()).answer()
        await call.answered()
        assert await call.hears(700, 0.3)
        await call.hang_up()
        assert judged(await told(rig)) == ["wrong"]


async def test_every_device_of_the_last_agent_rings_ahead_and_the_first_to_answer_wins() -> None:
    async with returning_caller("ring") as (rig, ada), rig.user("ada-desk", 700) as desk, rig.user("ada") as second:
        answer_now = asyncio.Event()
        rig.api.answers[SEARCH] = Answer(body=calls_of_user(ADA).body, after=answer_now)
        call = await rig.call()
        three = [await phone.next_call() for phone in (ada, desk, second)]
        for ringing in three:
            await ringing.ring()
        answer_now.set()
        await three[1].answer()
        await call.answered()
        assert await call.hears(700, 0.3)
        assert [await three[0].cancelled(), await three[2].cancelled()] == [ELSEWHERE, ELSEWHERE]
        await call.hang_up()
        assert judged(await told(rig)) == ["right"]
