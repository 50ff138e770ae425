"""The AGI door's calls without an Asterisk: what each request is answered, and what is put on record of it."""

import asyncio
from collections.abc import Mapping

import pytest

from agi_router.fastagi import CommandError, HangUpError
from agi_router.routing.destination import UserDestination
from agi_router.routing.errors import Failure
from agi_router.routing.order import Standing
from agi_router.routing.step import (
    AskRoute,
    Member,
    Step,
)
from ari_app.calls.clock import now
from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from tests.component.agi.door import ADA, BOTH, BUSY, CONTACTS, MOBILE, PHONES, RINGING, Door, Log, Session
from tests.patience import PATIENCE_S


async def test_a_plain_call_is_answered_once_and_reported_once() -> None:
    log = Log()
    door = Door(log, ADA)
    told = await door.ask("+14155550100")
    assert (told["ROUTE_STATUS"], told["ROUTE_DIAL"], told["ROUTE_OPTIONS"]) == ("DIAL", CONTACTS["ada"], "i")
    assert (told["ROUTE_TYPE"], told["ROUTE_DESTINATION"]) == ("user", "456")
    peer = "PJSIP/ada-00000002"
    report = ("dial=ANSWER", "answered_ms=61000", f"peer={peer}", f"by={peer}", f"keys={peer}")
    await door.ask("report", door.call_id, *report)
    record = log.only
    assert (record.door, record.answered_by, record.agent, record.ended_by) == ("agi", "PJSIP/ada", "456", "callee")
    assert record.talk_s == pytest.approx(61, abs=0.5)
    assert door.calls.count == 0


async def test_the_next_step_leaves_no_variable_of_the_one_before() -> None:
    log = Log()
    door = Door(log, ADA, MOBILE, BUSY)
    await door.ask("+14155550100")
    told = await door.ask("next", door.call_id, "dial=BUSY", "cause=17")
    assert (told["ROUTE_STATUS"], told["ROUTE_DIAL"]) == ("DIAL", "PJSIP/+14155550123@trunk")
    assert told["ROUTE_CALLERID"] == "+14155550100"
    told = await door.ask("next", door.call_id, "dial=BUSY", "cause=17")
    assert (told["ROUTE_STATUS"], told["ROUTE_CAUSE"]) == ("HANGUP", "17")
    assert not any(told[name] for name in ("ROUTE_DIAL", "ROUTE_OPTIONS", "ROUTE_CALLERID", "ROUTE_CALLERID_trunk"))
    assert log.only.disposition is Disposition.REJECTED


async def test_whoever_lost_to_the_winner_ended_as_he_answered() -> None:
    log = Log()
    door = Door(log, PHONES)
    await door.ask("+14155550100")
    peer = "PJSIP/bob-00000003"
    keys = f"keys=PJSIP/ada-00000002,{peer}".split(",")
    await door.ask("report", door.call_id, "dial=ANSWER", "answered_ms=61000", f"peer={peer}", *keys)
    ada, bob = log.only.legs
    assert (ada.outcome, ada.ended_at) == ("answered_elsewhere", log.only.answered_at)
    assert bob.answered_at == log.only.answered_at
    (events,) = log.events.values()
    steps = [event.at for event in events if isinstance(event, e.StepEnded)]
    assert steps == [log.only.answered_at]


@pytest.mark.parametrize(
    ("report", "disposition", "outcome"),
    [
        ("dial=BUSY", Disposition.TO_DIALPLAN, "busy"),
        ("dial=NOANSWER", Disposition.TO_DIALPLAN, "no_answer"),
        ("dial=CHANUNAVAIL", Disposition.TO_DIALPLAN, "unavailable"),
        ("dial=CANCEL", Disposition.ABANDONED, "cancelled"),
        ("cause=16", Disposition.ABANDONED, "cancelled"),
    ],
)
async def test_a_dialplan_that_asks_for_no_next_step_has_gone_on_by_itself(
    report: str, disposition: Disposition, outcome: str
) -> None:
    log = Log()
    door = Door(log, ADA, MOBILE)
    await door.ask("+14155550100")
    await door.ask("report", door.call_id, report)
    (events,) = log.events.values()
    assert (log.only.disposition, door.calls.count) == (disposition, 0)
    assert [event.outcome for event in events if isinstance(event, e.StepEnded)] == [outcome]
    assert sum(isinstance(event, e.CallEnded | e.SentToDialplan) for event in events) == 1


async def test_whoever_the_dialplan_dialled_by_itself_afterwards_is_no_leg_of_ours() -> None:
    log = Log()
    door = Door(log, ADA)
    await door.ask("+14155550100")
    await door.ask("report", door.call_id, "dial=ANSWER", "answered_ms=5000", "peer=PJSIP/reception-00000009")
    assert (log.only.disposition, log.only.answered_by) == (Disposition.TO_DIALPLAN, "")


async def test_where_nothing_is_left_the_reason_is_that_of_the_lookup() -> None:
    log = Log()
    door = Door(log, error=Failure("api_timeout", "the API did not answer", "look at it"))
    told = await door.ask("+14155550100")
    assert (told["ROUTE_STATUS"], told["ROUTE_REASON"]) == ("END", "api_timeout")


async def test_a_number_counts_from_its_dialling_to_its_report() -> None:
    door = Door(Log(), MOBILE)
    await door.ask("+14155550100")
    assert door.concurrent == 1
    peer = "PJSIP/trunk-00000002"
    await door.ask("answered", door.call_id, peer)
    await door.ask("report", door.call_id, "dial=ANSWER", "answered_ms=90000", f"peer={peer}", f"keys={peer}")
    assert (door.concurrent, door.minutes) == (0, 1.5)


async def test_who_hangs_up_before_he_is_told_has_dialled_nothing() -> None:
    log = Log()
    door = Door(log, MOBILE)
    with pytest.raises(HangUpError):
        await door.ask("+14155550100", hangs_up=True)
    assert (log.only.disposition, log.only.legs) == (Disposition.ABANDONED, ())
    assert (door.concurrent, door.calls.count) == (0, 0)


async def test_a_pick_up_that_is_told_when_another_number_is_dialled_already_answers_nothing() -> None:
    log = Log()
    door = Door(log, MOBILE)
    await door.ask("+14155550100")
    await door.ask("answered", door.call_id, "PJSIP/trunk-00000002", "%2B14155550999%40trunk")
    assert log.only.answered_at is None
    await door.ask("answered", door.call_id, "PJSIP/trunk-00000003", "%2B14155550123%40trunk")
    assert log.only.answered_by == "PJSIP/trunk"


async def test_who_hangs_up_while_the_end_of_a_talk_is_taken_in_leaves_no_place_taken() -> None:
    door = Door(Log(), BOTH)
    await door.ask("+14155550100")
    ada, mobile = "PJSIP/ada-00000002", "PJSIP/trunk-00000003"
    await door.ask("answered", door.call_id, mobile)
    assert door.concurrent == 1
    ended = ("dial=ANSWER", "answered_ms=90000", f"peer={mobile}", f"keys={ada}", mobile)
    with pytest.raises(HangUpError):
        await door.ask("next", door.call_id, *ended, hangs_up=True)
    await door.ask("report", door.call_id, *ended)
    assert (door.concurrent, door.minutes) == (0, 1.5)


async def test_the_report_of_a_call_that_ended_in_its_last_request_changes_nothing() -> None:
    log = Log()
    door = Door(log, ADA, MOBILE)
    await door.ask("+14155550100")
    log.lags = True  # the end is on its way to the disk
    with pytest.raises(HangUpError):
        await door.ask("next", door.call_id, "dial=BUSY", hangs_up=True)
    before = list(log.events[door.call_id])
    await door.ask("report", door.call_id, "dial=BUSY")
    assert log.events[door.call_id] == before


async def test_an_unknown_call_is_left_to_the_dialplan() -> None:
    log = Log()
    door = Door(log, ADA)
    assert (await door.ask("next", "20261121T110028-90abf3006d29"))["ROUTE_STATUS"] == "FAILED"
    await door.ask("report", "20261121T110028-90abf3006d29", "dial=ANSWER")
    await door.ask("answered", "20261121T110028-90abf3006d29", "PJSIP/ada-00000002")
    assert log.events == {}


async def test_a_phone_does_not_ring_for_ever_though_nobody_reports_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.agi.steps.GIVES_UP_S", 0)
    (member,) = RINGING.members
    door = Door(Log(), Step(destination=UserDestination("456"), timeout_s=1.1, action=RINGING))
    await door.ask("+14155550100")
    assert door.presence.standing(member) is Standing.RINGING
    async with asyncio.timeout(PATIENCE_S):
        await door.presence.until(lambda: door.presence.standing(member) is Standing.FREE, (member,))


class Broken(Session):
    """Its values can't be set."""

    async def set_variables(self, variables: Mapping[str, str]) -> None:
        raise CommandError("SET VARIABLE would be 9000 bytes long")


async def test_a_call_whose_request_breaks_is_its_fallbacks_and_holds_nothing() -> None:
    log = Log()
    door = Door(log, BOTH)
    with pytest.raises(CommandError):
        await door.calls.handle(Broken({}, "+14155550100"))
    assert log.only.disposition is Disposition.TO_DIALPLAN
    assert (door.concurrent, door.calls.count) == (0, 0)
    assert door.presence.standing(RINGING.members[0]) is Standing.FREE


class Slow(Session):
    """Asterisk answers no command any more."""

    async def evaluate(self, expression: str) -> str:
        await asyncio.Event().wait()
        return ""


async def test_a_caller_whose_request_a_stopping_router_breaks_off_is_his_fallbacks() -> None:
    log = Log()
    door = Door(log, ADA)
    asking = asyncio.create_task(door.calls.handle(Slow({}, "+14155550100")))
    while not log.events or not isinstance(next(iter(log.events.values()))[-1], e.StepStarted):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert log.only.disposition is Disposition.TO_DIALPLAN


async def test_a_route_is_asked_in_a_request_of_its_own_where_the_first_took_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log()
    onward = Step(destination=BUSY.destination, timeout_s=0, action=AskRoute("support"))
    door = Door(log, onward)
    monkeypatch.setattr("ari_app.agi.call.LONGEST_REQUEST_S", 9.0)  # as if 6 of 15 s were over
    assert (await door.ask("+14155550100"))["ROUTE_STATUS"] == "WAIT"
    monkeypatch.undo()
    door.decides.steps = (BUSY,)
    assert (await door.ask("next", door.call_id))["ROUTE_STATUS"] == "HANGUP"
    (events,) = log.events.values()
    assert [event.destination for event in events if isinstance(event, e.StepStarted)] == ["busy", "busy"]


async def test_when_a_number_outside_has_picked_up_nobody_rings() -> None:
    door = Door(Log(), BOTH)
    await door.ask("+14155550100")
    await door.ask("answered", door.call_id, "PJSIP/trunk-00000002")
    door.presence.write(door.call_id, e.LegEnded(at=now(), leg="leg-2", outcome="answered", cause=16))
    assert door.presence.standing(Member("456", ())) is Standing.FREE
