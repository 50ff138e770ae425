"""A place in the dialplan as a destination, on a real Asterisk: there the caller goes on, and is never lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from sandbox.router import Config
from tests.system.rig import Rig, route, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

IVR = """\
[ivr]
exten => s,1,Answer()
 same => n,Playtones(697/100000)
 same => n,Wait(60)
exten => 101,1,Hangup(34)
 same => n(second),Answer()
 same => n,Playtones(852/100000)
 same => n,Wait(60)
"""


def with_routes(config: Config) -> None:
    to_carol = {"endpoint": "carol"}
    config["routes"] |= {
        "answer": route(config, {"type": "dialplan"}, to_carol),
        "table": route(config, {"values": {"closed": {"dialplan": "night"}}}, to_carol),
        "chain": route(config, {"type": "user"}, {"dialplan": "nowhere,s,1"}, {"dialplan": "ivr,101,2"}),
    }
    config["policy"]["dialplan_contexts"] = ["ivr", "absent"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    dialplan = IVR + "[night]\nexten => s,1,Goto(ivr,s,1)\n"
    async with running(with_routes, extra_dialplan=dialplan) as rig:
        yield rig


@pytest.mark.parametrize(
    ("route", "value", "tone_hz", "where"),
    [
        ("answer", "ivr", 697, "ivr,s,1"),
        ("answer", "ivr,101,2", 852, "ivr,101,2"),
        ("table", "closed", 697, "night,s,1"),
        ("chain", "nobody", 852, "ivr,101,2"),
    ],
)
async def test_the_caller_goes_on_at_the_place(rig: Rig, route: str, value: str, tone_hz: int, where: str) -> None:
    caller = await rig.call_by(route, value)
    await caller.answered()
    assert await caller.hears(tone_hz, 0.2)
    await rig.router.until(lambda status: status["live_calls"] == 0)
    record = await rig.newest()
    assert (record.disposition, record.destination_type, record.destination) == (
        Disposition.TO_DIALPLAN,
        "dialplan",
        where,
    )
    await caller.hang_up()
    await rig.idle()
    (left,) = [event for event in await rig.router.trace(record.call_id) if isinstance(event, e.SentToDialplan)]
    assert left.where == where


@pytest.mark.parametrize(
    ("value", "code"),
    [("absent", "dialplan_missing"), ("ivr,999", "dialplan_missing"), ("ivr,101,9", "dialplan_missing")],
)
async def test_where_nothing_stands_the_step_is_refused_and_the_chain_goes_on(rig: Rig, value: str, code: str) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("answer", value)
        await (await carol.next_call()).answer()
        await caller.answered()
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.error_code, record.answered_by) == (code, "PJSIP/carol")


@pytest.mark.parametrize("value", ["agi-router-call,s,1", "from-carrier,+19005550123,1", "ivr)},s,1", "ivr,${X},1"])
async def test_an_answer_leads_to_no_other_context(rig: Rig, value: str) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("answer", value)
        ringing = await carol.next_call()
        await ringing.ring()
        await caller.cancel()
        await ringing.cancelled()
        await rig.idle()
    assert (await rig.newest()).error_code in {"policy_dialplan", "value_not_dialplan"}


async def test_asterisk_that_cannot_tell_what_is_there_loses_no_caller(rig: Rig) -> None:
    await rig.asterisk.cli("module unload func_dialplan.so")
    async with rig.user("carol") as carol:
        caller = await rig.call_by("answer", "ivr")
        ringing = await carol.next_call()
        await caller.cancel()
        await ringing.cancelled()
        await rig.idle()
    await rig.asterisk.cli("module load func_dialplan.so")
    assert (await rig.newest()).error_code == "dialplan_unknown"


async def test_a_caller_who_hangs_up_on_his_way_is_abandoned_or_gone_on_and_nothing_is_left(rig: Rig) -> None:
    for hold_s in (0.0, 0.01, 0.03):
        before = len(await rig.router.records())
        caller = await rig.call_by("answer", "ivr")
        await asyncio.sleep(hold_s)  # the way takes some hundredths of a second
        await caller.close()
        await rig.idle()
        # Asterisk may not even have begun with the dialplan: then the router has heard of nobody.
        called = (await rig.router.records())[before:]
        assert {record.disposition for record in called} <= {Disposition.ABANDONED, Disposition.TO_DIALPLAN}
