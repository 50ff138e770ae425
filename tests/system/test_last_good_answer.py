"""The API is down: who rang for this caller before rings again, also after a restart of the router."""

from ari_app.domain import events as e
from sandbox import Answer
from sandbox.api import SEARCH
from sandbox.router import Config
from tests.system.rig import ADA, CALLER, Rig, running

STRANGER = "+14155550178"


def remembering(config: Config) -> None:
    config["routes"]["sales"]["remember"] = {"last_good_s": 604_800}


async def the_agent_answers(rig: Rig) -> list[e.CallEvent]:
    """A call of the customer that her agent takes; what happened."""
    async with rig.user("ada") as ada:
        call = await rig.call()
        await (await ada.next_call()).answer()
        await call.answered()
        assert await call.hears(1000, 0.2)
        await call.hang_up()
        await rig.idle()
    return list(await rig.router.trace((await rig.router.records())[-1].call_id))


async def test_when_the_api_is_down_the_callers_agent_rings_all_the_same_and_after_a_restart_too() -> None:
    async with running(remembering) as rig:
        await the_agent_answers(rig)
        await rig.router.stop()
        rig.api.answers[SEARCH] = Answer(status=503, body="down for maintenance")
        await rig.router.start()
        happened = await the_agent_answers(rig)
        (failed,) = [event for event in happened if isinstance(event, e.LookupFailed)]
        (found,) = [event for event in happened if isinstance(event, e.DestinationFound)]
        assert (failed.code, failed.value) == ("api_status", None)
        assert (found.source, found.value, found.destination) == ("last_good", ADA, ADA)
        assert 0 < found.age_s < 60
        assert happened.index(failed) < happened.index(found)
        record = (await rig.router.records())[-1]
        assert (record.disposition, record.error_code) == ("answered", "api_status")


async def test_while_the_api_is_down_a_stranger_goes_to_the_fallback_and_an_answer_ends_that() -> None:
    async with running(remembering) as rig, rig.user("carol") as carol:
        await the_agent_answers(rig)
        rig.api.answers[SEARCH] = Answer(status=503)
        call = await rig.call(STRANGER)
        await (await carol.next_call()).reject(486)
        assert await call.final_status() == 486
        await rig.idle()
        del rig.api.answers[SEARCH]
        rig.api.users.pop(CALLER)  # the API is up again, and nobody is responsible any more
        for status in (200, 503):
            rig.api.answers |= {SEARCH: Answer(status=503)} if status == 503 else {}
            call = await rig.call()
            await (await carol.next_call()).reject(486)
            assert await call.final_status() == 486
            await rig.idle()


async def test_a_caller_who_calls_again_in_a_moment_is_not_asked_for_twice() -> None:
    def caching(config: Config) -> None:
        config["routes"]["sales"]["remember"] = {"cache_s": 600}

    async with running(caching) as rig:
        await the_agent_answers(rig)
        happened = await the_agent_answers(rig)
        (found,) = [event for event in happened if isinstance(event, e.DestinationFound)]
        assert (found.source, found.value, found.destination) == ("cache", ADA, ADA)
        assert not [event for event in happened if isinstance(event, e.RequestSent | e.AnswerReceived)]
