"""Teams on a real Asterisk: who rings in which order, who is left out, and whom the caller waits for."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientSession, encode_basic_auth

from ari_app.domain import events as e
from sandbox import Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.router import Config
from tests.system.rig import CALLER, DID, Change, Rig, running
from tests.system.test_dry_run import dry_run

OUTSIDE = "+14155550999"
"""A number of the dialplan that dials Bob past the router."""
DIALPLAN = f"""\
[from-carrier](+)
exten => {OUTSIDE},1,Dial(PJSIP/bob,60)
[from-phones](+)
include => agi-router-dnd
"""
USERS = [
    {"id": "1", "name": "Ada", "devices": ["PJSIP/ada"]},
    {"id": "2", "name": "Bob", "extension": "bob", "devices": ["PJSIP/bob"]},
    {"id": "3", "name": "Carol", "devices": ["PJSIP/carol"]},
    {"id": "4", "name": "Dan", "devices": [{"external": "+14155550155"}]},
]


def team(members: Sequence[str], order: str, *, if_busy: str = "ring", timeout_s: float = 25, **keys: object) -> Change:
    """Every caller goes to this team."""

    def change(config: Config) -> None:
        config["directory"] = {
            "users": USERS,
            "teams": [{"id": "7", "name": "Sales", "members": list(members), "order": order, **keys}],
        }
        sales = config["routes"]["sales"]
        sales["response"] = {"path": "calls[0].user.id", "type": "team"}
        sales["ringing"] = {"if_busy": if_busy, "timeout_s": timeout_s}
        sales["fallback"] = [{"hangup": "busy"}]

    return change


def calling_the_team(rig: Rig) -> Rig:
    rig.api.users[CALLER] = "7"
    return rig


async def phones(stack: AsyncExitStack, rig: Rig, *names: str) -> list[Phone]:
    return [await stack.enter_async_context(rig.user(name)) for name in names]


async def devices_known(rig: Rig) -> None:
    await rig.router.until(lambda status: status["watched_devices"] > 0)


async def events(rig: Rig, call: int = -1) -> list[e.CallEvent]:
    record = (await rig.router.records())[call]
    return list(await rig.router.trace(record.call_id))


async def called(rig: Rig, call: int = -1) -> list[str]:
    """Whose turn it was in this call, in this order."""
    return [event.name for event in await events(rig, call) if isinstance(event, e.MemberCalled)]


async def passed(rig: Rig, call: int = -1) -> list[tuple[str, str, bool]]:
    """Who was left out, why, and whether he was waited for."""
    happened = await events(rig, call)
    return [(event.name, event.why, event.is_awaited) for event in happened if isinstance(event, e.MemberPassed)]


async def somebody_is_waited_for(rig: Rig) -> None:
    async with asyncio.timeout(5):
        while not (await rig.router.records() and await passed(rig)):
            await asyncio.sleep(0.05)  # the trace is read from outside


async def give_up(rig: Rig, *ringing: Phone) -> None:
    """A caller whom these phones, and no others, ring for; he gives up."""
    call = await rig.call()
    at_phones = [await phone.next_call() for phone in ringing]
    for at_phone in at_phones:
        await at_phone.ring()
    await call.cancel()
    for at_phone in at_phones:
        await at_phone.cancelled()
    await rig.idle()


async def short_talk(rig: Rig, phone: Phone) -> None:
    call = await rig.call()
    await (await phone.next_call()).answer()
    await call.answered()
    await call.hang_up()
    await rig.idle()


async def busy_outside(rig: Rig, bob: Phone) -> IncomingCall:
    """Bob speaks with somebody of whom the router knows nothing."""
    call = await rig.carrier.call(OUTSIDE, caller="+14155550188")
    at_bob = await bob.next_call()
    await at_bob.answer()
    await call.answered()
    return at_bob


async def followed(rig: Rig) -> set[str]:
    """The devices whose states Asterisk tells the router."""
    login = encode_basic_auth(rig.asterisk.ari_username, rig.asterisk.ari_password)
    async with (
        ClientSession(headers={"Authorization": login}) as session,
        session.get(f"{rig.asterisk.ari_url}/ari/applications/agi-router") as answer,
    ):
        return set((await answer.json())["device_names"])


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
        assert asyncio.get_running_loop().time() - began < 2
        await at_ada.ring()
        async with Phone.provider(rig.asterisk.layout) as mobile:
            at_dan = await mobile.next_call(8)
            assert 4.5 < asyncio.get_running_loop().time() - began < 7.5
            await at_ada.cancelled()
            await at_dan.answer()
            await call.answered()
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
    change = team("21", "sequential", if_busy="skip", wrap_up_s=12)
    async with running(change) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        await short_talk(rig, bob)
        ended = asyncio.get_running_loop().time()
        await give_up(rig, ada)
        await rig.router.kill()
        await rig.router.start()
        await give_up(rig, ada)
        assert await passed(rig) == [("Bob", "wrap_up", False)]
        (event,) = [event for event in await events(rig) if isinstance(event, e.MemberPassed)]
        assert event.for_s is not None
        assert 0 < event.for_s < 12
        await asyncio.sleep(ended + 12 - asyncio.get_running_loop().time())  # nothing tells its end
        await give_up(rig, bob)


async def test_do_not_disturb_is_set_and_taken_back_by_a_code_that_the_phone_dials() -> None:
    change = team("21", "simultaneous", if_busy="skip")
    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        await devices_known(rig)

        async def dial(code: str) -> None:
            call = await bob.call(code)
            await call.answered()
            await call.hang_up()

        await dial("*78")
        await give_up(rig, ada)
        assert await passed(rig) == [("Bob", "dnd", False)]
        await dial("*79")
        await give_up(rig, ada, bob)
        await dial("*76")
        await give_up(rig, ada)
        await dial("*76")
        await give_up(rig, ada, bob)


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
        began = asyncio.get_running_loop().time()
        at_bob = await bob.next_call()
        assert asyncio.get_running_loop().time() - began < 2
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
    def change(config: Config) -> None:
        team("2", "sequential", if_busy="wait", timeout_s=5)(config)

    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        (bob,) = await phones(stack, calling_the_team(rig), "bob")
        await devices_known(rig)
        outside = await busy_outside(rig, bob)
        call = await rig.call()
        await call.progressed(180)
        await somebody_is_waited_for(rig)
        await call.cancel()
        in_vain = await rig.call()
        assert await in_vain.final_status(8) == 486
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
        await give_up(rig, bob)
        assert await passed(rig, -2) == [("Bob", "in_call", False)]


async def test_a_reload_follows_the_devices_that_it_needs_and_no_others() -> None:
    async with running(team("21", "simultaneous")) as rig, AsyncExitStack() as stack:
        _ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        assert (await rig.router.until(lambda _: True))["watched_devices"] == 0
        team("2", "simultaneous", if_busy="skip")(rig.router.config)
        await rig.router.reload()
        await rig.router.until(lambda status: status["watched_devices"] == 4)
        assert await followed(rig) == {"PJSIP/ada", "PJSIP/bob", "PJSIP/carol", "Custom:DNDbob"}
        await rig.asterisk.cli("devstate change Custom:DNDbob INUSE")
        call = await rig.call()
        assert await call.final_status() == 486
        assert bob.received == []
        await rig.idle()
        team("2", "simultaneous")(rig.router.config)
        await rig.router.reload()
        await rig.router.until(lambda status: status["watched_devices"] == 0)
        assert await followed(rig) == set()
        await give_up(rig, bob)


async def test_after_a_restart_of_asterisk_the_states_are_read_anew() -> None:
    async with running(team("2", "simultaneous", if_busy="skip")) as rig, AsyncExitStack() as stack:
        await devices_known(rig)
        await rig.asterisk.cli("devstate change Custom:DNDbob INUSE")
        await rig.asterisk.restart()
        await rig.router.until(lambda status: not status["asterisk_connected"] or status["watched_devices"] == 4)
        (bob,) = await phones(stack, calling_the_team(rig), "bob")
        await rig.router.until(lambda status: status["asterisk_connected"] and status["watched_devices"] == 4)
        call = await rig.carrier.call(DID, caller=CALLER)
        assert await call.final_status() == 486
        assert bob.received == []


async def test_the_dry_run_tells_in_which_order_members_ring_and_who_is_busy() -> None:
    change = team("123", "longest_idle", if_busy="skip", wrap_up_s=60)
    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        await devices_known(rig)
        await short_talk(rig, ada)
        await rig.router.until(lambda status: status["events_pending"] == 0)
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
