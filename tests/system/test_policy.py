"""The limits of the dial policy on a real Asterisk: what the carrier gets, what is on record, what a restart knows."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.control.settings import ControlError
from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from ari_app.storage.outgoing import read_outgoing
from sandbox import Answer, Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import DID, Rig, running

ANSWER = "/answer"
MOBILE, OTHER = "+14155550123", "+14155550124"
LIMIT = 3


def limited(config: Config) -> None:
    """Users with a mobile, or with a phone besides; three calls outside at a time, two for the route `narrow`."""
    api = config["routes"]["sales"]["request"]["url"].partition("/v1/")[0]
    route = {
        "request": {"url": f"{api}{ANSWER}", "deadline_s": 10},
        "response": {"type": "user", "path": "to"},
        "ringing": {"timeout_s": 60},
        "fallback": [{"endpoint": "carol", "timeout_s": 60}],
    }
    config["routes"] = {"sales": route, "narrow": route}
    one = {"endpoint": "PJSIP/trunk", "caller_id": DID}
    config["trunks"] = [{**one, "name": "first"}, {**one, "name": "second", "number_format": "digits"}]
    config["policy"] |= {"limits": {"concurrent": LIMIT}, "route_limits": {"to_one_number_per_hour": 40}, "warn_at": 1}
    config["directory"]["users"] = [
        {"id": "mobile", "devices": [{"external": MOBILE}]},
        {"id": "other", "devices": [{"external": OTHER}]},
        {"id": "both", "devices": ["PJSIP/ada", {"external": MOBILE}]},
    ]


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running(limited) as rig:
        yield rig


@pytest_asyncio.fixture
async def provider(rig: Rig) -> AsyncIterator[Phone]:
    async with Phone.provider(rig.asterisk.layout, tone_hz=1000) as provider:
        yield provider


async def call(rig: Rig, user: str) -> OutgoingCall:
    rig.api.answers[ANSWER] = Answer(body={"to": user})
    return await rig.call()


async def counted(rig: Rig, measure: str = "concurrent") -> float:
    return (await rig.router.counters())["limits", measure]


async def refusals(rig: Rig) -> list[str]:
    """The codes with which numbers were not dialled, of all calls."""
    traces = [await rig.router.trace(record.call_id) for record in await rig.router.records()]
    return [event.code for trace in traces for event in trace if isinstance(event, e.NumberRefused)]


async def talking(rig: Rig, provider: Phone, user: str = "mobile") -> tuple[OutgoingCall, IncomingCall]:
    caller = await call(rig, user)
    ringing = await provider.next_call()
    await ringing.answer()
    await caller.answered()
    return caller, ringing


async def test_of_a_burst_no_more_reach_the_carrier_than_are_allowed(rig: Rig, provider: Phone) -> None:
    callers = await asyncio.gather(*(call(rig, "mobile") for _ in range(10)))
    finals = [asyncio.create_task(caller.final_status()) for caller in callers]
    ringing = [await provider.next_call() for _ in range(LIMIT)]
    for next_refused in itertools.islice(asyncio.as_completed(finals), 10 - LIMIT):
        assert await next_refused == 480, "the next step is Carol, who is not registered"
    assert await counted(rig) == LIMIT
    assert await refusals(rig) == ["policy_concurrent"] * (10 - LIMIT)
    for each in ringing:
        await each.reject()
    await asyncio.gather(*finals)
    await rig.idle()
    assert await counted(rig) == 0
    assert await counted(rig, "calls_per_day") == LIMIT, "those who were refused don't count"
    assert await counted(rig, "minutes_per_day") == 0


async def test_a_mobile_that_is_not_dialled_leaves_the_desk_phone_ringing(rig: Rig, provider: Phone) -> None:
    async with rig.user("ada") as ada:
        talks = [await talking(rig, provider, "other") for _ in range(LIMIT)]
        caller = await call(rig, "both")
        at_ada = await ada.next_call()
        await at_ada.answer()
        await caller.answered()
        await caller.hang_up()
        await at_ada.ended()
        await rig.router.until(lambda status: status["live_calls"] == LIMIT)
        assert await refusals(rig) == ["policy_concurrent"]
        record = await rig.newest()
        assert (record.disposition, record.answered_by, record.error_code) == (Disposition.ANSWERED, "PJSIP/ada", "")
        for each, _ in talks:
            await each.hang_up()
        await rig.idle()


async def test_a_step_that_may_dial_nothing_is_refused_with_the_rule_and_the_next_one_comes(
    rig: Rig, provider: Phone
) -> None:
    async with rig.user("carol") as carol:
        talks = [await talking(rig, provider, "other") for _ in range(LIMIT)]
        caller = await call(rig, "mobile")
        await (await carol.next_call()).answer()
        await caller.answered()
        for each in (caller, *(each for each, _ in talks)):
            await each.hang_up()
        await rig.idle()
        assert await rig.step_ends() == [("refused", "policy_concurrent"), ("answered", "")]


async def test_the_next_trunk_is_the_same_call(rig: Rig, provider: Phone) -> None:
    talks = [await talking(rig, provider, "other") for _ in range(LIMIT - 1)]
    caller = await call(rig, "mobile")
    await (await provider.next_call()).reject(503)
    again = await provider.next_call()
    assert again.called_number == MOBILE.removeprefix("+")
    assert await counted(rig) == LIMIT
    assert await counted(rig, "calls_per_minute") == LIMIT
    await again.answer()
    await caller.answered()
    for each in (caller, *(each for each, _ in talks)):
        await each.hang_up()
    await rig.idle()
    assert await counted(rig) == 0


async def until_committed(rig: Rig, calls: int) -> None:
    """The log is written, and so many talks are in the database as the counters have them."""
    await rig.router.until(lambda status: status["events_pending"] == 0 and status["calls_in_setup"] == 0)
    async with asyncio.timeout(PATIENCE_S):
        while sum(each.answered_at is not None for each in await read_outgoing(rig.router.storage)) < calls:
            await asyncio.sleep(0.05)  # nobody tells when the counters are committed


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_after_a_restart_talks_count_on_and_those_that_are_over_do_not(
    rig: Rig, provider: Phone, end: str
) -> None:
    (stays, _), (goes, at_goes), (_, at_other) = [await talking(rig, provider) for _ in range(LIMIT)]
    await until_committed(rig, LIMIT)
    await (rig.router.kill() if end == "kill" else rig.router.stop())
    await goes.hang_up()
    await at_goes.ended()
    await rig.router.start()
    await rig.router.until(lambda status: status["live_calls"] == LIMIT - 1)
    assert await counted(rig) == LIMIT - 1
    assert await counted(rig, "calls_per_day") == LIMIT
    caller, ringing = await talking(rig, provider)
    refused = await call(rig, "mobile")
    assert await refused.final_status() == 480
    assert await refusals(rig) == ["policy_concurrent"]
    await at_other.hang_up()
    await stays.hang_up()
    await ringing.hang_up()
    await caller.ended()
    await rig.idle()
    assert await counted(rig) == 0
    assert await counted(rig, "minutes_per_day") > 0


async def test_a_caller_who_is_sent_to_a_mobile_by_the_transfer_key_stays_where_he_is(
    rig: Rig, provider: Phone
) -> None:
    async with rig.user("carol") as carol:
        talks = [await talking(rig, provider, "other") for _ in range(LIMIT)]
        caller = await call(rig, "mobile")
        at_carol = await carol.next_call()
        await at_carol.answer()
        await caller.answered()
        await at_carol.transfer("4155550123")
        await rig.router.until_told(e.TransferFailed)
        assert "policy_concurrent" in await refusals(rig)
        assert await caller.hears(1000, 0.2)
        for each in (caller, *(each for each, _ in talks)):
            await each.hang_up()
        await rig.idle()


async def test_a_program_that_lets_calls_be_placed_is_limited_too(rig: Rig, provider: Phone) -> None:
    async with rig.user("ada") as ada:
        talks = [await talking(rig, provider, "other") for _ in range(LIMIT)]
        with pytest.raises(ControlError, match="policy_concurrent"):
            await rig.router.place(user="both", number=OTHER)
        with pytest.raises(TimeoutError):
            await ada.next_call(0.1)
        for each, _ in talks:
            await each.hang_up()
        await rig.idle()
        assert ("refused", "policy_concurrent") in await rig.step_ends()
