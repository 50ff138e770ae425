"""A switch whose requests fail, or are carried out late, at the worst moment."""

import asyncio
from dataclasses import replace

import pytest

from agi_router.routing.destination import AnnouncementDestination, QueueDestination, TeamDestination
from agi_router.routing.step import Announce, EndpointTarget, Enqueue, Member, Ring, Step
from agi_router.routing.treatment import Treatment
from ari_app.calls import talk_limit
from ari_app.calls.clock import now
from ari_app.calls.ids import sound_ids
from ari_app.calls.ports import (
    ChannelDestroyed,
    ChannelHangingUp,
    ChannelLeft,
    ChannelUp,
    NotFoundError,
    PlaybackEnded,
    PresentChannel,
    RefusedError,
    UnreachableError,
)
from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from tests.fakes.switch import CALLER, Exchange, entered
from tests.patience import PATIENCE_S

IN_STASIS = PresentChannel(
    channel_id=CALLER, name="PJSIP/c-1", up=False, entered=True, args=("sales",), caller_number="101", caller_name=""
)
"""The caller, as a snapshot shows him while he is in the application."""


async def test_a_caller_who_hangs_up_while_he_is_given_back_is_an_abandoned_call_and_no_internal_error() -> None:
    async with Exchange() as exchange:
        exchange.switch.errors["send_to_dialplan"] = [NotFoundError("404 Channel not found")]
        exchange.arrive()
        await exchange.until("send_to_dialplan")
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert (end.by, end.reason) == ("caller", "")


async def test_a_bridge_that_is_made_late_is_removed_after_it_is_made() -> None:
    async with Exchange("ada") as exchange:
        exchange.switch.held["create_bridge"] = asyncio.Event()
        exchange.arrive()
        await exchange.until("create_bridge")
        exchange.switch.deliver(ChannelLeft(CALLER))
        await asyncio.sleep(0.05)  # time enough to do it in the wrong order
        exchange.switch.held["create_bridge"].set()
        await exchange.over()
        bridging = [name for name in exchange.switch.requests if "bridge" in name]
        assert bridging == ["create_bridge", "destroy_bridge"]


async def test_a_bridge_that_could_not_be_made_during_the_lookup_is_made_for_the_answer() -> None:
    async with Exchange("ada") as exchange:
        exchange.switch.errors["create_bridge"] = [UnreachableError("there is no connection to Asterisk")]
        exchange.arrive()
        await exchange.until("dial")
        await asyncio.sleep(0)
        exchange.pick_up(exchange.switch.dialled[0])
        await exchange.until("add_to_bridge")
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        assert [end.by for end in exchange.ends() if isinstance(end, e.CallEnded)] == ["caller"]


async def test_a_bridge_that_cannot_be_removed_does_not_end_the_call_a_second_time() -> None:
    async with Exchange("ada") as exchange:
        exchange.switch.errors["destroy_bridge"] = [UnreachableError("no answer in time")]
        exchange.arrive()
        await exchange.until("dial")
        await asyncio.sleep(0)
        leg = exchange.switch.dialled[0]
        exchange.pick_up(leg)
        await exchange.until("add_to_bridge")
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert end.by == "callee"


async def test_a_story_that_breaks_puts_the_end_of_its_legs_on_record() -> None:
    async with Exchange("ada", "bob") as exchange:
        exchange.arrive()
        await exchange.until("dial")
        exchange.switch.errors["contacts"] = [UnreachableError("no answer in time")]
        exchange.switch.held["hang_up"] = asyncio.Event()
        await asyncio.sleep(0)
        for call in exchange.supervisor.live.values():
            call.inbox.put(ChannelDestroyed(exchange.switch.dialled[0], 17))
        exchange.switch.held["hang_up"].set()
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.SentToDialplan)
        assert end.reason == "internal error: UnreachableError"


async def test_calls_that_are_given_back_at_a_stop_have_no_leg_without_an_end() -> None:
    async with Exchange("ada") as exchange:
        exchange.arrive()
        await exchange.until("dial")
    ended = [event.outcome for event in exchange.told.events if isinstance(event, e.LegEnded)]
    assert ended == ["cancelled"]
    assert len(exchange.ends()) == 1


async def test_a_phone_that_picks_up_after_its_hangup_failed_is_hung_up() -> None:
    async with Exchange("ada", "bob") as exchange:
        exchange.switch.errors["create_leg"] = [UnreachableError("no answer in time")]
        exchange.switch.errors["hang_up"] = [RefusedError("500")]
        exchange.arrive()
        async with asyncio.timeout(PATIENCE_S):
            while not exchange.switch.dialled:
                await asyncio.sleep(0.001)
        (call,) = exchange.supervisor.live.values()
        lost = next(iter(call.legs))
        exchange.switch.asked["hang_up"].clear()
        exchange.switch.deliver(ChannelUp(lost))
        await exchange.until("hang_up")
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()


async def test_a_caller_whom_nobody_was_told_of_goes_to_the_dialplan_at_the_end() -> None:
    async with Exchange("ada") as exchange:
        pass
    exchange.switch.present.append(IN_STASIS)
    await exchange.recovery.release()
    assert exchange.switch.requests[-1] == "send_to_dialplan"
    (record,) = await exchange.told.recent(10)
    assert (record.caller_number, record.disposition, record.reason) == ("101", "to_dialplan", "the router stops")


async def test_a_caller_who_came_and_went_while_the_log_was_read_is_one_call() -> None:
    async with Exchange("ada") as exchange:
        exchange.switch.present.append(IN_STASIS)
        exchange.switch.held["snapshot"] = asyncio.Event()
        reconciling = asyncio.create_task(exchange.recovery.reconcile())
        await exchange.until("snapshot")
        exchange.arrive()
        await exchange.until("dial")
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        exchange.switch.held["snapshot"].set()
        await reconciling
        await exchange.over()
        assert len(await exchange.told.recent(10)) == 1


async def test_who_spoke_in_a_call_that_ended_while_the_router_was_away_is_in_no_call_any_more() -> None:
    ada = Member("456", (EndpointTarget("ada"),))
    async with Exchange("ada") as exchange:
        for event in (
            e.CallArrived(
                at=now(),
                route="sales",
                called_number="",
                caller_number="",
                caller_name="",
                caller_withheld=True,
                channel_id=CALLER,
            ),
            e.LegDialled(at=now(), leg="leg-1", endpoint="ada", contact="", user="456"),
            e.LegAnswered(at=now(), leg="leg-1"),
            e.CallAnswered(at=now(), leg="leg-1"),
        ):
            exchange.told.write("call-1", event)
        exchange.presence.restore([], await exchange.told.open_calls())
        assert exchange.presence.busy(ada) is not None
        await exchange.recovery.reconcile()
        assert exchange.presence.busy(ada) is None


async def test_a_call_that_begins_and_ends_while_a_slow_log_is_read_is_not_ended_again() -> None:
    async with Exchange("ada") as exchange:
        exchange.told.handed_over.clear()
        flushed = exchange.told.open_calls

        async def begin_and_read() -> list[CallRecord]:
            exchange.arrive()  # after the reconciling has looked at the calls that live
            await exchange.until("dial")
            return list(await flushed())

        exchange.told.open_calls = begin_and_read  # type: ignore[method-assign]
        reconciling = asyncio.create_task(exchange.recovery.reconcile())
        async with asyncio.timeout(PATIENCE_S):
            await exchange.told.read.wait()
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        exchange.told.handed_over.set()
        await reconciling
        assert [type(end) for end in exchange.ends()] == [e.CallEnded]
        (record,) = await exchange.told.recent(10)
        assert record.disposition == "abandoned"


@pytest.mark.parametrize("held", ["nothing", "send_to_dialplan"])
async def test_a_caller_who_is_lent_to_a_queue_while_it_is_reconciled_waits_there_once(held: str) -> None:
    """The snapshot shows him before or after he has left, and neither is news for his call."""
    async with Exchange("ada") as exchange:
        step = Step(destination=QueueDestination("support"), timeout_s=60, action=Enqueue("support-queue"))
        exchange.rings.fallback = lambda *_: (step,)  # type: ignore[method-assign]
        exchange.switch.taken_contact = "1"  # the dialplan has the place
        exchange.switch.held["subscribe"] = asyncio.Event()
        exchange.arrive()
        await exchange.until("subscribe")
        exchange.switch.present.append(replace(IN_STASIS, up=True))
        exchange.switch.held["snapshot"] = asyncio.Event()
        reconciling = asyncio.create_task(exchange.recovery.reconcile())
        await exchange.until("snapshot")
        exchange.switch.held[held] = asyncio.Event()
        exchange.switch.held["subscribe"].set()
        await exchange.until("send_to_dialplan")
        exchange.switch.held["snapshot"].set()
        await reconciling
        exchange.switch.held[held].set()
        (call,) = exchange.supervisor.live.values()
        async with asyncio.timeout(PATIENCE_S):
            while not call.away or "send_to_dialplan" not in exchange.switch.requests:
                await asyncio.sleep(0.001)  # the switch tells nobody
        back = replace(entered(CALLER), args=("sales", "+1", "", "queue-return", "CONTINUE"))
        exchange.switch.deliver(back)
        await exchange.over()
        assert exchange.switch.requests.count("send_to_dialplan") == 1
        assert [(end.by, end.cause) for end in exchange.ends() if isinstance(end, e.CallEnded)] == [("callee", 16)]


async def test_the_last_events_of_a_hundred_phones_do_not_end_the_call_that_one_of_them_answered() -> None:
    async with Exchange("ada") as exchange:
        exchange.switch.contacts_each = 100
        exchange.switch.held["answer"] = asyncio.Event()
        exchange.arrive()
        async with asyncio.timeout(PATIENCE_S):
            while len(exchange.switch.dialled) < 100:
                await asyncio.sleep(0.001)
        winner, *losers = exchange.switch.dialled
        exchange.pick_up(winner)
        await exchange.until("answer")
        for leg in losers:
            for event in (ChannelHangingUp(leg, 0), ChannelHangingUp(leg, 26), ChannelLeft(leg)):
                exchange.switch.deliver(event)
        exchange.switch.held["answer"].set()
        await exchange.until("add_to_bridge")
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        assert [end.by for end in exchange.ends() if isinstance(end, e.CallEnded)] == ["caller"]


async def test_a_device_that_is_rung_while_its_contacts_are_asked_rings_once_at_each() -> None:
    async with Exchange("ada") as exchange:
        exchange.switch.rings_and_asks = True
        exchange.switch.contacts_each = 3
        exchange.switch.taken_contact = "sip:ada@127.0.0.1:5061"
        exchange.arrive()
        async with asyncio.timeout(PATIENCE_S):
            while len(exchange.switch.dialled) < 3:
                await asyncio.sleep(0.001)
        exchange.switch.deliver(ChannelLeft(CALLER))
        told = await exchange.over()
        dialled = [event.contact for event in told if isinstance(event, e.LegDialled)]
        assert sorted(dialled) == [f"sip:ada@127.0.0.1:{port}" for port in (5060, 5061, 5062)]
        assert len([event for event in told if isinstance(event, e.LegEnded)]) == 3


async def test_a_phone_that_declines_before_it_is_known_which_one_was_rung_does_not_ring_again() -> None:
    async with Exchange("ada") as exchange:
        exchange.switch.rings_and_asks = True
        exchange.switch.contacts_each = 2
        exchange.switch.taken_contact = ""  # its channel is gone
        exchange.switch.held["contacts"] = asyncio.Event()
        exchange.arrive()
        await exchange.until("dial")
        exchange.switch.deliver(ChannelDestroyed(exchange.switch.dialled[0], 21))
        exchange.switch.held["contacts"].set()
        async with asyncio.timeout(PATIENCE_S):
            while len(exchange.switch.dialled) < 2:
                await asyncio.sleep(0.001)
        exchange.switch.deliver(ChannelDestroyed(exchange.switch.dialled[1], 21))
        told = await exchange.over()
        dialled = [event.contact for event in told if isinstance(event, e.LegDialled)]
        assert dialled == [f"sip:ada@127.0.0.1:{port}" for port in (5060, 5061)]


async def test_a_device_that_has_unregistered_since_it_was_rung_last_is_named_as_not_registered() -> None:
    async with Exchange("ada") as exchange:
        exchange.switch.rings_and_asks = True
        exchange.switch.contacts_each = 0
        exchange.switch.errors["create_leg"] = [RefusedError("500 Allocation failed")]
        exchange.arrive()
        told = await exchange.over()
        assert [event.reason for event in told if isinstance(event, e.DeviceUnavailable)] == ["not registered"]
        assert [event.outcome for event in told if isinstance(event, e.StepEnded)] == ["unavailable"]
        assert not [event for event in told if isinstance(event, e.LegDialled | e.LegEnded)]


async def test_a_caller_who_hangs_up_while_contacts_are_asked_leaves_no_leg_of_the_device_that_rings() -> None:
    async with Exchange("ada") as exchange:
        exchange.switch.rings_and_asks = True
        exchange.switch.held["contacts"] = asyncio.Event()
        exchange.arrive()
        await exchange.until("dial")
        await exchange.until("contacts")
        exchange.switch.deliver(ChannelLeft(CALLER))
        told = await exchange.over()
        assert "hang_up" in exchange.switch.requests
        legs = [type(event) for event in told if isinstance(event, e.LegDialled | e.LegEnded)]
        assert legs == [e.LegDialled, e.LegEnded]


async def test_a_talk_ends_at_its_limit_also_when_the_switch_refuses_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(talk_limit, "RETRY_S", 0.01)
    async with Exchange("ada") as exchange:
        exchange.rings.treated = Treatment(talk_s=0.05)
        exchange.arrive()
        await exchange.until("dial")
        await asyncio.sleep(0)
        exchange.pick_up(exchange.switch.dialled[0])
        await exchange.until("add_to_bridge")
        exchange.switch.errors["hang_up"] = [RefusedError("500 Internal Server Error")]
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert (end.by, end.reason) == ("router", "the talk reached its limit of 0.05 s")


async def test_a_caller_whom_the_switch_does_not_lend_to_a_queue_goes_to_the_dialplan() -> None:
    async with Exchange("ada") as exchange:
        queue = Step(destination=QueueDestination("support"), timeout_s=5.0, action=Enqueue("support"))
        exchange.rings.fallback = lambda route_name, at: (queue,)  # type: ignore[method-assign]
        exchange.switch.taken_contact = "1"  # the place is there
        exchange.switch.errors["send_to_dialplan"] = [RefusedError("500 Internal Server Error")]
        exchange.arrive()
        await exchange.over()
        assert exchange.switch.requests[-1] == "send_to_dialplan"
        assert [type(end) for end in exchange.ends()] == [e.SentToDialplan]


@pytest.mark.parametrize("refused", ["hang_up", "destroy_bridge", "set_variable"])
async def test_a_story_that_breaks_gives_the_caller_back_whatever_else_is_refused(refused: str) -> None:
    async with Exchange() as exchange:
        both = Ring((Member("", (EndpointTarget("ada"), EndpointTarget("bob"))),))
        step = Step(destination=TeamDestination("two"), timeout_s=5.0, action=both)
        exchange.rings.fallback = lambda route_name, at: (step,)  # type: ignore[method-assign]
        contacts = exchange.switch.contacts

        async def breaking_for_bob(channel_id: str, endpoint: str) -> tuple[str, ...]:
            if endpoint == "bob":
                await exchange.until("dial")
                await asyncio.sleep(0.01)  # both, and with a leg that rings
                exchange.switch.errors[refused] = [RefusedError("500 Internal Server Error")]
                raise UnreachableError("no answer in time")
            return await contacts(channel_id, endpoint)

        exchange.switch.contacts = breaking_for_bob  # type: ignore[method-assign]
        exchange.arrive()
        await exchange.over()
        assert exchange.switch.errors[refused] == []
        assert exchange.switch.requests[-1] == "send_to_dialplan"
        assert [type(end) for end in exchange.ends()] == [e.SentToDialplan]


async def test_a_caller_who_cannot_hear_that_he_waits_goes_on_to_the_next_step() -> None:
    async with Exchange("ada") as exchange:
        sound = Step(destination=AnnouncementDestination(("a",)), timeout_s=5.0, action=Announce(("a",), answer=True))
        then = exchange.rings.fallback("sales", now())
        exchange.rings.fallback = lambda route_name, at: (sound, *then)  # type: ignore[method-assign]
        exchange.arrive()
        await exchange.until("play")
        (call,) = exchange.supervisor.live.values()
        exchange.switch.errors["ring"] = [RefusedError("500 Internal Server Error")]
        exchange.switch.deliver(PlaybackEnded(CALLER, sound_ids(call.call_id, call.step, 1)[0], failed=False))
        await exchange.until("dial")
        exchange.switch.deliver(ChannelLeft(CALLER))
        await exchange.over()
        assert exchange.switch.errors["ring"] == []
        assert [end.by for end in exchange.ends() if isinstance(end, e.CallEnded)] == ["caller"]
