"""Teams: who is left out because he is busy, and whom the caller waits for."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from ari_app.domain import events as e
from sandbox import Phone
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import CALLER, Rig, running
from tests.system.teams.team import (
    DIALPLAN,
    busy_outside,
    called,
    calling_the_team,
    devices_known,
    events,
    give_up,
    passed,
    phones,
    short_talk,
    team,
)


async def somebody_is_waited_for(rig: Rig) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not (await rig.router.records() and await passed(rig)):
            await asyncio.sleep(0.05)  # the trace is read from outside


async def test_who_is_in_a_call_of_which_the_router_knows_nothing_is_skipped() -> None:
    change = team("21", "sequential", if_busy="skip")
    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        await devices_known(rig)
        outside = await busy_outside(rig, bob)
        call = await rig.call()
        await (await ada.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await outside.hang_up()
        await rig.idle()
        assert await passed(rig) == [("Bob", "in_call", False)]
        assert await called(rig) == ["Ada"]


async def test_who_speaks_with_a_caller_of_ours_on_his_mobile_is_skipped_and_all_busy_ends_the_step_at_once() -> None:
    async with running(team("4", "simultaneous", if_busy="skip")) as rig, AsyncExitStack() as stack:
        mobile = await stack.enter_async_context(Phone.provider(rig.asterisk.layout))
        first = await calling_the_team(rig).call()
        at_dan = await mobile.next_call()
        second = await rig.call()
        at_dan_too = await mobile.next_call()  # a phone that only rings is not busy
        await at_dan.answer()
        await first.answered()
        third = await rig.call()
        assert await third.final_status() == 486
        await second.cancel()
        await at_dan_too.cancelled()
        await first.hang_up()
        await rig.idle()
        assert await passed(rig) == [("Dan", "in_call", False)]


async def test_wrap_up_follows_a_talk_also_over_a_restart_and_ends_by_itself() -> None:
    change = team("21", "sequential", if_busy="skip", wrap_up_s=300)
    async with running(change) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        await short_talk(rig, bob)
        await give_up(rig, ada)
        await rig.router.kill()
        await rig.router.start()
        await give_up(rig, ada)
        assert await passed(rig) == [("Bob", "wrap_up", False)]
        (event,) = [event for event in await events(rig) if isinstance(event, e.MemberPassed)]
        assert event.for_s is not None
        assert 0 < event.for_s < 300
        rig.router.config["directory"]["teams"][0]["wrap_up_s"] = 1
        await rig.router.reload()
        await rig.stands("2", state="free")
        await give_up(rig, bob)


@pytest.mark.parametrize("order", ["simultaneous", "sequential"])
async def test_a_busy_member_is_waited_for_and_rings_as_soon_as_he_is_free(order: str) -> None:
    change = team("2", order, if_busy="wait")
    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        (bob,) = await phones(stack, calling_the_team(rig), "bob")
        await devices_known(rig)
        outside = await busy_outside(rig, bob)
        call = await rig.call()
        await call.progressed(180)
        await somebody_is_waited_for(rig)
        await outside.hang_up()
        at_bob = await bob.next_call()  # not only when the step's 25 s are over, after which nobody rings
        await at_bob.answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        assert await passed(rig) == [("Bob", "in_call", True)]
        assert await called(rig) == ["Bob"]


async def test_a_member_who_becomes_free_joins_those_who_ring() -> None:
    change = team("12", "simultaneous", if_busy="wait")
    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        await devices_known(rig)
        outside = await busy_outside(rig, bob)
        call = await rig.call()
        at_ada = await ada.next_call()
        await somebody_is_waited_for(rig)
        await outside.hang_up()
        at_bob = await bob.next_call()
        await at_ada.reject(603)
        await at_bob.answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()


async def test_a_caller_who_waits_for_a_busy_member_may_give_up_or_wait_in_vain() -> None:
    change = team("2", "sequential", if_busy="wait")
    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        (bob,) = await phones(stack, calling_the_team(rig), "bob")
        await devices_known(rig)
        outside = await busy_outside(rig, bob)
        call = await rig.call()
        await call.progressed(180)
        await somebody_is_waited_for(rig)
        await call.cancel()
        team("2", "sequential", if_busy="wait", timeout_s=5)(rig.router.config)
        await rig.router.reload()
        in_vain = await rig.call()
        assert await in_vain.final_status(PATIENCE_S) == 486
        await outside.hang_up()
        await rig.idle()
        ends = [event.outcome for event in await events(rig) if isinstance(event, e.StepEnded)]
        assert ends == ["busy"]


async def test_a_single_user_who_is_busy_is_skipped_as_well() -> None:
    def change(config: Config) -> None:
        team("2", "simultaneous", if_busy="skip")(config)
        config["routes"]["sales"]["response"]["type"] = "user"
        config["routes"]["sales"]["fallback"] = [{"user": "1"}]

    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, rig, "ada", "bob")
        rig.api.users[CALLER] = "2"
        await devices_known(rig)
        outside = await busy_outside(rig, bob)
        call = await rig.call()
        at_ada = await ada.next_call()
        await call.cancel()
        await at_ada.cancelled()
        await outside.hang_up()
        await rig.stands("2", state="free")
        await give_up(rig, bob)
        assert await passed(rig, -2) == [("Bob", "in_call", False)]


async def test_a_phone_that_rings_or_of_which_a_leg_is_made_ahead_is_not_busy() -> None:
    def change(config: Config) -> None:
        team("1", "simultaneous", if_busy="skip")(config)
        sales = config["routes"]["sales"]
        sales["ringing"]["ahead"] = "create"
        sales["remember"] = {"last_good_s": 60}

    async with running(change) as rig, rig.user("ada") as ada:
        calling_the_team(rig)
        await devices_known(rig)
        await give_up(rig, ada)
        first = await rig.call()
        at_ada = await ada.next_call()
        await at_ada.ring()
        await first.progressed(180)
        second = await rig.call()
        at_ada_too = await ada.next_call()
        await at_ada.answer()
        await first.answered()
        third = await rig.call()
        assert await third.final_status() == 486
        assert await passed(rig) == [("Ada", "in_call", False)]
        await at_ada_too.reject()
        await second.final_status()
        await first.hang_up()
        await rig.idle()
