"""Teams: who rings, and in which order."""

import asyncio
from contextlib import AsyncExitStack

from ari_app.domain import events as e
from sandbox import Phone
from tests.system.rig import CALLER, running
from tests.system.teams.team import (
    DIALPLAN,
    busy_outside,
    called,
    calling_the_team,
    devices_known,
    give_up,
    phones,
    short_talk,
    team,
)
from tests.system.test_dry_run import dry_run


async def test_all_members_ring_at_once_and_the_others_see_answered_elsewhere() -> None:
    async with running(team("123", "simultaneous")) as rig, AsyncExitStack() as stack:
        three = await phones(stack, calling_the_team(rig), "ada", "bob", "carol")
        call = await rig.call()
        ringing = [await phone.next_call() for phone in three]
        await ringing[1].answer()
        await call.answered()
        assert [str(await ringing[n].cancelled()).startswith("SIP;cause=200") for n in (0, 2)] == [True, True]
        await call.hang_up()
        await rig.idle()
        record = await rig.record()
        assert (record.destination_type, record.destination, record.agent) == ("team", "7", "2")


async def test_one_after_the_other_each_has_his_time_and_who_declines_or_is_away_is_passed_at_once() -> None:
    change = team("3214", "sequential", ring_each_s=5)
    async with running(change) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")  # Carol's phone is not registered
        call = await rig.call()
        at_bob = await bob.next_call()
        assert ada.received == []
        began = asyncio.get_running_loop().time()
        await at_bob.reject(603)
        at_ada = await ada.next_call()
        assert asyncio.get_running_loop().time() - began < 5  # his time would have gone on for so long
        await at_ada.ring()
        async with Phone.provider(rig.asterisk.layout) as mobile:
            at_dan = await mobile.next_call()
            assert 4.5 < asyncio.get_running_loop().time() - began < 10
            await at_ada.cancelled()
            await at_dan.answer()
            await call.answered()
            await rig.router.until(lambda status: status["calls_in_setup"] == 0)  # they talk
            await call.hang_up()
            await rig.idle()
        assert await called(rig) == ["Carol", "Bob", "Ada", "Dan"]
        started = next(event for event in await rig.story() if isinstance(event, e.StepStarted))
        assert started.order == "sequential"
        assert (await rig.record()).agent == "4"


async def test_round_robin_begins_with_who_was_not_rung_for_the_longest_time() -> None:
    async with running(team("123", "round_robin")) as rig, AsyncExitStack() as stack:
        ada, bob, carol = await phones(stack, calling_the_team(rig), "ada", "bob", "carol")
        for phone in (ada, bob, carol, ada):
            await give_up(rig, phone)
        call = await rig.call()
        await (await bob.next_call()).reject()
        await (await carol.next_call()).reject()
        await (await ada.next_call()).reject()
        assert await call.final_status() == 486
        await rig.idle()
        assert await called(rig) == ["Bob", "Carol", "Ada"]


async def test_longest_idle_begins_with_whose_last_talk_ended_first_also_after_a_restart() -> None:
    async with running(team("123", "longest_idle")) as rig, AsyncExitStack() as stack:
        ada, bob, carol = await phones(stack, calling_the_team(rig), "ada", "bob", "carol")
        for phone in (ada, bob, carol, ada):
            await short_talk(rig, phone)
        await give_up(rig, bob)
        await rig.router.stop()
        await rig.router.start()
        call = await rig.call()
        await (await bob.next_call()).reject()
        await (await carol.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        await give_up(rig, bob)
        assert await called(rig) == ["Bob"]


async def test_a_random_order_calls_each_member_once() -> None:
    async with running(team("123", "random")) as rig, AsyncExitStack() as stack:
        three = await phones(stack, calling_the_team(rig), "ada", "bob", "carol")

        async def declining(phone: Phone) -> None:
            await (await phone.next_call()).reject(603)

        call = await rig.call()
        await asyncio.gather(*map(declining, three))
        assert await call.final_status() == 486
        await rig.idle()
        assert sorted(await called(rig)) == ["Ada", "Bob", "Carol"]
        assert [len(phone.received) for phone in three] == [1, 1, 1]


async def test_two_callers_at_once_ring_two_members_of_a_sequential_team() -> None:
    async with running(team("12", "sequential")) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        first, second = await asyncio.gather(rig.call(), rig.call())
        at_ada, at_bob = await asyncio.gather(ada.next_call(), bob.next_call())
        await at_ada.answer()
        await at_bob.answer()
        await asyncio.gather(first.answered(), second.answered())
        await asyncio.gather(first.hang_up(), second.hang_up())
        await rig.idle()


async def test_the_dry_run_tells_in_which_order_members_ring_and_who_is_busy() -> None:
    change = team("123", "longest_idle", if_busy="skip", wrap_up_s=60)
    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        await devices_known(rig)
        await short_talk(rig, ada)
        await rig.stands("1", state="wrap_up")  # and not in a call, which counts for more
        outside = await busy_outside(rig, bob)
        ran = await dry_run(rig.router, "sales", CALLER)
        assert "order longest idle, 15 s each; who is busy is skipped" in ran.rows
        members = [row.removeprefix("member ") for row in ran.rows if row.startswith("member ")]
        assert members[:2] == ["Bob (2): in a call", "Carol (3): free"]
        assert members[2].startswith("Ada (1): in wrap-up for ")
        assert [row.split()[2] for row in ran.rows if row.startswith(("would ring", "cannot ring"))] == ["PJSIP/carol"]
        told = (await dry_run(rig.router, "sales", CALLER, "--json")).json
        assert [(member["user"], member["state"]) for member in told["members"]] == [
            ("2", "in_call"),
            ("3", "free"),
            ("1", "wrap_up"),
        ]
        await outside.hang_up()
        await rig.idle()
