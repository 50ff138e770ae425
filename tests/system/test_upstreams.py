"""An API that fails is left alone, found again by one call, and answered for by the second URL: on a real Asterisk."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from sandbox import Answer, Api, Phone
from sandbox.api import SEARCH
from sandbox.router import Config
from tests.system.rig import ADA, CALLER, Change, Rig, origin, running

LEFT_ALONE_S = 10
FALLBACK_STATUS = 503


def asking(spare: Api | None = None, **request: Any) -> Change:
    """Two failures open the breaker; the fallback is a hangup. With `spare`, its search is the second URL."""

    def change(config: Config) -> None:
        sales = config["routes"]["sales"]
        sales["fallback"] = [{"hangup": "congestion"}]
        sales["request"] |= request
        config["upstreams"] = [{"origin": origin(config), "failures": 2, "open_s": LEFT_ALONE_S}]
        if spare is not None:
            sales["request"]["second_url"] = spare.search_url
            config["network"]["allowed_networks"].append("127.0.0.1/32")

    return change


async def falls_back(rig: Rig) -> tuple[CallRecord, Sequence[e.CallEvent]]:
    """A call that the fallback takes at once; its record and its story."""
    call = await rig.call()
    assert await call.final_status() == FALLBACK_STATUS
    await rig.idle()
    return await last_call(rig)


async def rings(rig: Rig, phone: Phone) -> Sequence[e.CallEvent]:
    """A call that reaches this phone, which is busy; its story."""
    call = await rig.call()
    await (await phone.next_call()).reject(486)
    assert await call.final_status() == FALLBACK_STATUS
    await rig.idle()
    return (await last_call(rig))[1]


async def last_call(rig: Rig) -> tuple[CallRecord, Sequence[e.CallEvent]]:
    record = (await rig.router.records())[-1]
    return record, await rig.router.trace(record.call_id)


async def breaker(rig: Rig, state: str) -> Any:
    """The API's status once its breaker is in this state."""
    status = await rig.router.until(lambda status: bool(status["upstreams"][0]["breaker"] == state))
    return status["upstreams"][0]


def lookup(story: Sequence[e.CallEvent]) -> list[type[e.CallEvent]]:
    """What happened between the caller's arrival and the first step."""
    kinds = [type(event) for event in story]
    return kinds[1 : kinds.index(e.StepStarted)]


async def test_an_api_that_fails_is_left_alone_and_found_well_again_by_one_call() -> None:
    async with running(asking()) as rig, rig.user("ada") as ada:
        rig.api.answers[SEARCH] = Answer(status=500)
        for _ in range(2):
            record, _ = await falls_back(rig)
            assert record.error_code == "api_status"
        assert (await breaker(rig, "open"))["reason"]["code"] == "api_status"
        asked = len(rig.api.requests)
        record, story = await falls_back(rig)
        assert (record.error_code, len(rig.api.requests)) == ("breaker_open", asked)
        assert lookup(story) == [e.LookupFailed]
        assert (story[2].at - story[0].at).total_seconds() < 8, "less than the 10 s that an answer would be waited for"

        well = asyncio.Event()
        rig.api.answers[SEARCH] = Answer(body={"calls": [{"user": {"id": ADA}}]}, after=well)
        until = datetime.fromisoformat((await breaker(rig, "open"))["until"])
        await rig.router.until(lambda _: datetime.now(UTC) > until)
        probe = await rig.call()
        await breaker(rig, "half_open")
        other = await rig.call()
        assert await other.final_status() == FALLBACK_STATUS
        assert len(rig.api.requests) == asked + 1
        well.set()
        await (await ada.next_call()).reject(486)
        assert await probe.final_status() == FALLBACK_STATUS
        await breaker(rig, "closed")
        await rings(rig, ada)
        log = rig.router.log_path.read_text()
        assert f"{rig.api.url} is not asked for {LEFT_ALONE_S} s" in log
        assert f"{rig.api.url} answers again" in log


async def test_a_caller_who_gives_up_during_the_probe_leaves_it_to_the_next_one() -> None:
    async with running(asking()) as rig, rig.user("ada") as ada:
        rig.api.answers[SEARCH] = Answer(status=500)
        for _ in range(2):
            await falls_back(rig)
        until = datetime.fromisoformat((await breaker(rig, "open"))["until"])
        rig.api.answers[SEARCH] = Answer(delay_s=30)
        await rig.router.until(lambda _: datetime.now(UTC) > until)
        probe = await rig.call()
        await breaker(rig, "half_open")
        await probe.cancel()
        await breaker(rig, "open")
        del rig.api.answers[SEARCH]
        await rings(rig, ada)
        await breaker(rig, "closed")


@pytest.mark.parametrize(
    ("trouble", "told", "deadline_s"),
    [
        (Answer(status=503), [e.RequestSent, e.AnswerReceived, e.AttemptFailed], 10),
        (Answer(delay_s=60), [e.RequestSent, e.AttemptFailed], 6),  # half of which is waited for the first URL
        (None, [e.RequestSent, e.AttemptFailed], 10),
    ],
    ids=["503", "hangs", "no connection"],
)
async def test_the_second_url_answers_and_the_trace_tells_of_both(
    trouble: Answer | None, told: list[type[e.CallEvent]], deadline_s: float
) -> None:
    async with Api("127.0.0.1", users={CALLER: ADA}) as spare:
        async with running(asking(spare, deadline_s=deadline_s)) as rig, rig.user("ada") as ada:
            if trouble is None:
                await rig.api.stop()
            else:
                rig.api.answers[SEARCH] = trouble
            answered = [e.RequestSent, e.AnswerReceived, e.DestinationFound]
            for _ in range(2):
                assert lookup(await rings(rig, ada)) == [*told, *answered]
            assert lookup(await rings(rig, ada)) == [e.AttemptFailed, *answered]  # the breaker has opened
