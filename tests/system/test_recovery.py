"""Each party dies at each step; nothing is lost, and nothing is left."""

import asyncio
import contextlib

import pytest

from ari_app.calls.leg import endpoint_of
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config, Router
from tests.fakes.wire import Wire
from tests.patience import PATIENCE_S
from tests.system.rig import CALLER, DID, Rig, running, warm_router


async def talking(rig: Rig, ada: Phone) -> tuple[OutgoingCall, IncomingCall]:
    """A caller and Ada in a bridge, which the router has on record."""
    call = await rig.call()
    ringing = await ada.next_call()
    await ringing.answer()
    await call.answered()
    assert await call.hears(1000, 0.2)
    await rig.router.until(lambda status: status["live_calls"] == 1 and status["calls_in_setup"] == 0)
    await rig.router.records()
    return call, ringing


async def test_talking_calls_do_not_notice_that_the_router_is_killed_and_comes_back() -> None:
    async with running() as rig, rig.user("ada") as ada:
        call, ringing = await talking(rig, ada)
        await rig.router.kill()
        assert await call.hears(1000, 0.5)
        await rig.router.start()
        await rig.router.until(lambda status: status["live_calls"] == 1)
        assert await ringing.hears(500, 0.5)
        await ringing.hang_up()
        assert (await call.ended()).how == "bye"
        await rig.idle()
        record = await rig.record()
        assert (record.disposition, record.answered_by, record.recovered) == ("answered", "PJSIP/ada", True)
        assert record.legs[0].outcome == "answered"


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_while_the_router_is_down_the_end_of_one_side_ends_the_other(who: str) -> None:
    async with running() as rig, rig.user("ada") as ada:
        call, ringing = await talking(rig, ada)
        await rig.router.kill()
        first, other = (call, ringing) if who == "caller" else (ringing, call)
        await first.hang_up()
        assert (await other.ended()).how == "bye"
        await rig.router.start()
        await rig.idle()
        record = await rig.record()
        assert (record.disposition, record.ended_by) == ("answered", "unknown")


async def test_a_caller_who_is_not_yet_in_the_bridge_when_the_guard_ends_him_is_told_a_normal_end() -> None:
    def answered_at_once(config: Config) -> None:
        config["defaults"]["answer"] = "now"

    async with running(answered_at_once) as rig, rig.user("ada") as ada, rig.user("ada-desk") as desk:
        call = await rig.call()
        await call.answered()
        ringing, _ = await ada.next_call(), await desk.next_call()
        rig.router.freeze()  # between the two requests, of which one names the leg to the guard, and one bridges them
        names = {endpoint_of(name): name for name in (channel.split("!")[0] for channel in await rig.channels())}
        caller = names["PJSIP/carrier"]
        await rig.asterisk.cli(f"dialplan set chanvar {caller} AGI_ROUTER_PEER {names['PJSIP/ada']}")
        await ringing.answer()
        await ringing.hang_up()
        ending = await call.ended()
        assert (ending.how, ending.reason) == ("bye", "Q.850;cause=16")
        rig.router.thaw()
        await rig.idle()


async def test_a_bridge_of_one_ends_when_the_router_comes_back_even_where_the_guard_failed() -> None:
    async with running() as rig, rig.user("ada") as ada:
        call, ringing = await talking(rig, ada)
        await rig.router.kill()
        for channel in await rig.channels():
            name = channel.split("!")[0]
            await rig.asterisk.cli(f"dialplan set chanvar {name} AGI_ROUTER_PEER nobody")
        await ringing.hang_up()
        await rig.router.start()
        assert (await call.ended()).how == "bye"
        await rig.idle()


async def test_a_caller_who_waited_in_the_lookup_goes_on_to_the_fallback() -> None:
    async with running() as rig, rig.user("ada") as ada, rig.user("carol") as carol:
        held = asyncio.Event()
        rig.api.answers[SEARCH] = Answer(body=calls_of_user("456").body, after=held)
        call = await rig.call()
        await rig.api.next_request()
        await call.progressed(180)
        await rig.router.records()
        await rig.router.kill()
        await rig.router.start()
        await (await carol.next_call()).answer()
        await call.answered()
        held.set()
        await call.hang_up()
        await rig.idle()
        record = await rig.record()
        assert (record.answered_by, record.recovered, ada.received) == ("PJSIP/carol", True, [])


async def test_phones_that_rang_stop_and_their_caller_goes_on_to_the_fallback() -> None:
    async with running() as rig, rig.user("ada") as ada, rig.user("carol") as carol:
        call = await rig.call()
        ringing = await ada.next_call()
        await ringing.ring()
        await call.progressed(180)
        await rig.router.records()
        await rig.router.kill()
        await rig.router.start()
        await ringing.cancelled()
        await (await carol.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        record = await rig.record()
        assert record.answered_by == "PJSIP/carol"
        assert [leg.outcome for leg in record.legs] == ["lost", "answered"]


async def test_the_fallback_of_a_caller_who_was_found_waiting_shows_what_the_answer_brought() -> None:
    def with_a_screen_pop(config: Config) -> None:
        shown = {"caller_name": "contact.name", "headers": {"X-Contact": "contact.id"}}
        config["routes"]["sales"]["response"] |= shown

    async with running(with_a_screen_pop) as rig, rig.user("ada") as ada, rig.user("carol") as carol:
        body = {"calls": [{"user": {"id": "456"}}], "contact": {"name": "Grace Hopper", "id": 4711}}
        rig.api.answers[SEARCH] = Answer(body=body)
        call = await rig.call()
        ringing = await ada.next_call()
        await rig.router.records()
        await rig.router.kill()
        await rig.router.start()
        await ringing.cancelled()
        found = await carol.next_call()
        assert (found.caller_number, found.caller_name) == (CALLER, "Grace Hopper")
        assert found.headers.getlist("X-Contact") == ["4711"]
        await found.reject(486)
        assert await call.final_status() == 486
        await rig.idle()


async def test_a_caller_who_gave_up_while_the_router_was_down_is_closed_on_record() -> None:
    async with running() as rig, rig.user("ada") as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        await ringing.ring()
        await call.progressed(180)
        await rig.router.records()
        await rig.router.kill()
        await call.cancel()
        await rig.router.start()
        await ringing.cancelled()
        await rig.idle()
        assert (await rig.record()).disposition == "interrupted"


async def test_a_new_caller_gets_the_static_fallback_at_once_while_the_router_is_down() -> None:
    async with running() as rig:
        await rig.router.kill()
        async with asyncio.timeout(PATIENCE_S):
            while "agi-router" in (await rig.asterisk.cli("ari show apps")).split():
                await asyncio.sleep(0.02)  # who enters it before Asterisk has seen the end of the stream waits there
        call = await rig.call()
        assert await call.final_status() == 503


async def test_a_router_that_starts_before_asterisk_routes_the_first_call() -> None:
    async with running() as rig, rig.user("ada") as ada:
        await rig.router.kill()
        await rig.asterisk.stop()
        await rig.router.start(connected=False)
        await rig.asterisk.start()
        await rig.router.until(lambda status: bool(status["asterisk_connected"]))
        await ada.register()
        call, _ = await talking(rig, ada)
        await call.hang_up()
        await rig.idle()


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_asterisk_ends_under_the_router_and_the_next_call_is_routed(how: str) -> None:
    async with running() as rig, rig.user("ada") as ada:
        await talking(rig, ada)
        if how == "restart":
            await rig.asterisk.restart()
        else:
            await rig.asterisk.kill()
            await rig.asterisk.start()
        await rig.until_connected()
        await rig.router.until(lambda status: bool(status["asterisk_connected"]) and status["live_calls"] == 0)
        await ada.register()
        call, _ = await talking(rig, ada)
        await call.hang_up()
        await rig.idle()
        first, second = await rig.router.records()
        assert (first.disposition, second.disposition) == ("answered", "answered")
        assert second.ended_by == "caller"


async def test_a_caller_in_setup_when_asterisk_is_killed_is_closed_on_record() -> None:
    async with running() as rig, rig.user("ada") as ada:
        call = await rig.call()
        await (await ada.next_call()).ring()
        await call.progressed(180)
        await rig.asterisk.kill()
        await rig.asterisk.start()
        await rig.until_connected()
        await rig.idle()
        assert (await rig.record()).ended_at is not None


async def test_what_happened_behind_a_cut_wire_is_found_when_it_is_mended() -> None:
    async with running() as plain, Wire(plain.asterisk.ari_url) as wire, plain.user("ada") as ada:
        await plain.router.kill()
        plain.router.config["asterisk"]["ari"]["url"] = wire.url
        await plain.router.start()
        call, ringing = await talking(plain, ada)
        await wire.cut()
        await plain.router.until(lambda status: not status["asterisk_connected"])
        await ringing.hang_up()
        await call.ended()
        await wire.mend()
        await plain.router.until(lambda status: bool(status["asterisk_connected"]))
        await plain.idle()
        assert (await plain.record()).disposition == "answered"


async def test_a_call_that_is_set_up_while_the_wire_is_cut_goes_on_after_it() -> None:
    async with running() as plain, Wire(plain.asterisk.ari_url) as wire, plain.user("ada") as ada:
        await plain.router.kill()
        plain.router.config["asterisk"]["ari"]["url"] = wire.url
        await plain.router.start()
        held = asyncio.Event()
        plain.api.answers[SEARCH] = Answer(body=calls_of_user("456").body, after=held)
        async with plain.user("carol") as carol:
            call = await plain.call()
            await plain.api.next_request()
            await wire.cut()
            held.set()
            await plain.router.until(lambda status: not status["asterisk_connected"])
            await wire.mend()
            reached, _ = await asyncio.wait(
                {asyncio.ensure_future(phone.next_call()) for phone in (ada, carol)},
                return_when=asyncio.FIRST_COMPLETED,
            )
            await reached.pop().result().answer()
            await call.answered()
            await call.hang_up()
        await plain.idle()


async def test_a_silent_wire_is_noticed_by_the_heartbeat() -> None:
    async with running() as plain, Wire(plain.asterisk.ari_url) as wire, plain.user("ada") as ada:
        await plain.router.kill()
        plain.router.config["asterisk"]["ari"] |= {"url": wire.url, "heartbeat_s": 3}
        await plain.router.start()
        wire.silence()
        await plain.router.until(lambda status: not status["asterisk_connected"])
        await wire.cut()
        await wire.mend()
        await plain.router.until(lambda status: bool(status["asterisk_connected"]))
        call, _ = await talking(plain, ada)
        await call.hang_up()
        await plain.idle()


async def test_a_router_that_is_replaced_by_another_one_ends_and_does_not_take_the_application_back() -> None:
    async with running() as rig, rig.user("ada") as ada:
        async with Router(rig.router.config, warm_router) as second:
            assert await rig.router.ended() == 3
            call = await rig.call()
            await (await ada.next_call()).answer()
            await call.answered()
            await call.hang_up()
            await second.until(lambda status: status["live_calls"] == 0)
            assert len(await second.records()) == 1


async def test_a_stopping_router_leaves_talks_alone_and_gives_waiting_callers_back() -> None:
    async with running() as rig, rig.user("ada") as ada:
        call, _ = await talking(rig, ada)
        rig.api.answers[SEARCH] = Answer(status=500)
        async with rig.user("carol") as carol:
            waiting = await rig.carrier.call(DID, caller="+14155550188")
            ringing = await carol.next_call()
            await ringing.ring()
            stopping = asyncio.create_task(rig.router.stop())
            await rig.router.until(lambda _: "the router stops" in rig.router.log_path.read_text())
            late = await rig.carrier.call(DID, caller="+14155550199")
            assert await late.final_status() in (480, 503)
            await ringing.answer()
            await waiting.answered()
            assert await stopping == 0
            assert await call.hears(1000, 0.5)
            assert await waiting.hears(1000, 0.2)
            await rig.router.start()
            await rig.router.until(lambda status: status["live_calls"] == 2)
            await call.hang_up()
            await waiting.hang_up()
            await rig.idle()


async def test_a_hundred_calls_at_once_are_all_answered_and_all_on_record() -> None:
    count = 100

    def everyone(config: Config) -> None:
        config["directory"]["users"] = [
            {"id": str(number), "devices": [f"PJSIP/phone{number:03}"]} for number in range(1, count + 1)
        ]
        config["routes"]["sales"]["ringing"] = {"timeout_s": 120}

    async with running(everyone, numbered_phones=count) as rig, contextlib.AsyncExitStack() as stack:
        numbers = range(1, count + 1)
        rig.api.users = {f"+1415555{number:04}": number for number in numbers}
        phones = [await stack.enter_async_context(rig.user(f"phone{number:03}")) for number in numbers]

        async def one(number: int) -> None:
            call = await rig.carrier.call(DID, caller=f"+1415555{number:04}")
            ringing = await phones[number - 1].next_call()
            await ringing.answer()
            await call.answered()
            await call.hang_up()
            await ringing.ended()

        await asyncio.gather(*(one(number) for number in numbers))
        await rig.idle()
        records = await rig.router.records()
        assert len(records) == count
        assert {record.disposition for record in records} == {"answered"}
        assert {record.destination for record in records} == {str(number) for number in numbers}
