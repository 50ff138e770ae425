"""The AGI door's calls without an Asterisk: what each request is answered, and what is put on record of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agi_router.fastagi import AgiRequest, CommandError, HangUpError
from agi_router.routing.call_info import CallInfo
from agi_router.routing.caller_id import OwnNumber
from agi_router.routing.click_to_dial import CallRequest, PlannedCall
from agi_router.routing.decider import Decider
from agi_router.routing.decision import Decision, LookupProgress
from agi_router.routing.destination import ExternalDestination, HangupCause, HangupDestination, UserDestination
from agi_router.routing.errors import Failure
from agi_router.routing.last_agent import LastAgent
from agi_router.routing.needs import Needs
from agi_router.routing.order import Standing
from agi_router.routing.outgoing import OutgoingCall
from agi_router.routing.shown import Shown
from agi_router.routing.step import (
    AskRoute,
    EndpointTarget,
    FindLastAgent,
    HangUp,
    Member,
    Ring,
    Step,
    TrunkTarget,
    TrunkWay,
)
from agi_router.routing.treatment import Treatment
from agi_router.routing.volume import Volume
from agi_router.routing.volume_limits import Measure, VolumeLimits, VolumePolicy
from ari_app.agi.call import LONGEST_S
from ari_app.agi.handler import DialplanCalls
from ari_app.calls.clock import now
from ari_app.calls.ports import PresentChannel, Snapshot
from ari_app.calls.presence import Presence
from ari_app.domain import events as e
from ari_app.domain.call_log import CallReader, CallWriter
from ari_app.domain.record import CallRecord, Disposition, fold

RINGING = Ring((Member("456", (EndpointTarget("ada", "456"),), "Ada"),))
ADA = Step(destination=UserDestination("456"), timeout_s=25, action=RINGING)
WAY = TrunkWay(
    trunk="main",
    endpoint="trunk",
    dial="+14155550123",
    caller_id=OwnNumber("+14155550100"),
    trusted=False,
    setup_timeout_s=4,
)
PHONES = Step(
    destination=UserDestination("456"),
    timeout_s=25,
    action=Ring((Member("456", (EndpointTarget("ada", "456"), EndpointTarget("bob", "456")), "Ada"),)),
)
MOBILE = Step(
    destination=ExternalDestination("+14155550123"),
    timeout_s=20,
    action=Ring((Member("", (TrunkTarget(number="+14155550123", via=(WAY, WAY)),)),)),
)
BOTH = Step(
    destination=UserDestination("456"),
    timeout_s=20,
    action=Ring((Member("456", (EndpointTarget("ada", "456"), TrunkTarget(number="+14155550123", via=(WAY,)))),)),
)
BUSY = Step(destination=HangupDestination(HangupCause.BUSY), timeout_s=0, action=HangUp(HangupCause.BUSY))
UNIQUE_ID = "1.1"
CONTACTS = {"ada": "PJSIP/ada/sip:ada@192.0.2.1", "bob": "PJSIP/bob/sip:bob@192.0.2.2"}


class Log(CallWriter, CallReader):
    """Keeps events; readers see those that are `committed`, all of them unless it `lags`."""

    def __init__(self) -> None:
        self.events: dict[str, list[e.CallEvent]] = {}
        self.committed: dict[str, list[e.CallEvent]] = {}
        self.lags = False

    def write(self, call_id: str, event: e.CallEvent) -> None:
        self.events.setdefault(call_id, []).append(event)
        if not self.lags:
            self.committed = {call: list(events) for call, events in self.events.items()}

    async def open_calls(self) -> Sequence[CallRecord]:
        records = [fold(call_id, events) for call_id, events in self.committed.items()]
        return [record for record in records if record.ended_at is None]

    async def record(self, call_id: str) -> CallRecord | None:
        return fold(call_id, self.committed[call_id]) if call_id in self.committed else None

    async def trace(self, call_id: str) -> Sequence[e.CallEvent]:
        return list(self.committed.get(call_id, ()))

    async def recent(self, limit: int) -> Sequence[CallRecord]:
        return [fold(call_id, events) for call_id, events in self.committed.items()][:limit]

    @property
    def only(self) -> CallRecord:
        """The record of the only call, with what is not committed yet."""
        ((call_id, events),) = self.events.items()
        return fold(call_id, events)


class Decides(Decider):
    """A decider that always decides for the same steps."""

    def __init__(self, *steps: Step, error: Failure | None = None) -> None:
        self.steps = steps
        self._error = error

    @asynccontextmanager
    async def for_a_call(self) -> AsyncIterator[Decider]:
        yield self

    def needs(self, route_name: str) -> Needs:
        return Needs()

    def shown(self, info: CallInfo) -> Shown:
        return Shown()

    def treatment(self, route_name: str) -> Treatment:
        return Treatment()

    async def route(self, info: CallInfo, on_progress: Callable[[LookupProgress], None]) -> Decision:
        return Decision(route=info.route_name, steps=self.steps, error=self._error)

    async def guess(self, info: CallInfo) -> Step | None:
        return None

    def transfer_target(self, dialled: str) -> Step:
        return BUSY

    def plan(self, request: CallRequest) -> PlannedCall | Failure:
        return Failure("", "", "")

    def route_of(self, called_number: str) -> str:
        return "sales"

    def user_of_endpoint(self, endpoint: str) -> str:
        return ""

    def is_phone(self, endpoint: str) -> bool:
        return False

    async def last_agent(self, caller_number: str, wanted: FindLastAgent) -> LastAgent | Failure:
        return Failure("", "", "")

    def fallback(self, route_name: str, at: datetime) -> tuple[Step, ...]:
        return (MOBILE, BUSY)


class Session:
    """One AGI request of a caller; `variables` are those of his channel. He may hang up before they are set."""

    def __init__(self, variables: dict[str, str], *arguments: str, hangs_up: bool = False) -> None:
        self.variables = variables
        self.request = AgiRequest(
            script="sales",
            arguments=arguments,
            channel="PJSIP/carrier-00000001",
            unique_id=UNIQUE_ID,
            caller_number="+14155550177",
            variables={},
        )
        self._hangs_up = hangs_up

    async def get_variable(self, name: str) -> str | None:
        return self.variables.get(name)

    async def evaluate(self, expression: str) -> str:
        if self._hangs_up and "HANGUPCAUSE" in expression:
            raise HangUpError("the channel was hung up")
        for name, contacts in CONTACTS.items():
            expression = expression.replace(f"${{PJSIP_DIAL_CONTACTS({name})}}", contacts)
        return expression.replace(",ast)}", "").replace("${HANGUPCAUSE(", "")

    async def set_variables(self, variables: Mapping[str, str]) -> None:
        if self._hangs_up:
            raise HangUpError("the channel was hung up")
        self.variables |= {name.lstrip("_"): value for name, value in variables.items()}

    @asynccontextmanager
    async def until_hang_up(self) -> AsyncIterator[None]:
        yield


class Door:
    """The calls of a router over this log; its requests share the variables of one channel."""

    def __init__(self, log: Log, *steps: Step, error: Failure | None = None, **limits: Any) -> None:
        self.volume = Volume(VolumePolicy())
        self.presence = Presence()
        self.decides = Decides(*steps, error=error)
        self.calls = DialplanCalls(self.decides, log, self.presence, log, self.volume, **limits)
        self.variables: dict[str, str] = {}

    async def ask(self, *arguments: str, hangs_up: bool = False) -> dict[str, str]:
        """One request; the channel's variables after it."""
        await self.calls.handle(Session(self.variables, *arguments, hangs_up=hangs_up))
        return self.variables

    @property
    def call_id(self) -> str:
        return self.variables["ROUTE_ID"]

    @property
    def concurrent(self) -> float:
        """How many calls outside count at this moment."""
        return self._counted(Measure.CONCURRENT)

    @property
    def minutes(self) -> float:
        """How many minutes of talk count."""
        return self._counted(Measure.MINUTES_PER_DAY)

    def _counted(self, measure: Measure) -> float:
        return next(count.value for count in self.volume.counters(now()) if count.measure is measure)


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


async def test_after_a_restart_no_leg_has_the_id_of_one_before() -> None:
    log = Log()
    door = Door(log, BOTH, ADA)
    door.volume.policy = VolumePolicy(VolumeLimits(to_one_number_per_hour=1))
    door.volume.admit(OutgoingCall("before", "+14155550123", "sales"), now())
    door.volume.ended("before", now())
    told = await door.ask("+14155550100")
    assert told["ROUTE_DIAL"] == CONTACTS["ada"]  # leg-1; leg-2 was refused
    door.volume.policy = VolumePolicy()
    told = await door.ask("next", door.call_id, "dial=BUSY", "cause=17")
    assert [leg.leg for leg in log.only.legs] == ["leg-1", "leg-3"]
    door.calls = DialplanCalls(Decides(), log, Presence(), log, door.volume)
    await door.ask("next", door.call_id, "dial=NOANSWER")
    assert [leg.leg for leg in log.only.legs] == ["leg-1", "leg-3", "leg-4"]


async def test_after_a_restart_a_call_goes_on_with_the_rest_of_its_fallback() -> None:
    log = Log()
    before = Door(log, ADA)
    await before.ask("+14155550100")
    after = Door(log)
    after.variables = before.variables
    told = await after.ask("next", before.call_id, "dial=NOANSWER")
    assert (told["ROUTE_DIAL"], log.only.recovered) == ("PJSIP/+14155550123@trunk", True)
    (events,) = log.events.values()
    assert [event.found for event in events if isinstance(event, e.CallRecovered)] == ["dialled"]
    again = Door(log)
    again.variables = before.variables
    assert (await again.ask("next", before.call_id, "dial=NOANSWER"))["ROUTE_STATUS"] == "HANGUP"
    assert [leg.outcome for leg in log.only.legs] == ["no_answer", "no_answer"]


async def test_a_call_of_which_nothing_is_heard_expires() -> None:
    log = Log()
    door = Door(log, ADA)
    await door.ask("+14155550100")
    await door.calls.expire()
    assert log.only.ended_at is None
    (events,) = log.events.values()
    long_ago = now() - timedelta(seconds=LONGEST_S + 1)
    events[0] = e.CallArrived(
        at=long_ago,
        route="sales",
        called_number="",
        caller_number="",
        caller_name="",
        caller_withheld=False,
        channel_id="1.1",
        door="agi",
    )
    log.committed = log.events
    await door.calls.expire()
    assert (log.only.disposition, door.calls.count) == (Disposition.INTERRUPTED, 0)


async def test_where_more_calls_are_open_than_can_be_remembered_the_oldest_is_known_by_the_log() -> None:
    log = Log()
    door = Door(log, ADA, most_calls=1)
    await door.ask("+14155550100")
    oldest = door.call_id
    assert (await door.ask("+14155550100"))["ROUTE_STATUS"] == "DIAL"
    assert (door.calls.count, door.call_id == oldest) == (1, False)
    told = await door.ask("next", oldest, "dial=NOANSWER")
    assert (told["ROUTE_ID"], told["ROUTE_DIAL"]) == (oldest, "PJSIP/+14155550123@trunk")


class Channels:
    """A switch that has these channels."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    async def snapshot(self) -> Snapshot:
        """Those of the dialplan are elsewhere."""
        channels = {
            id_: PresentChannel(
                channel_id=id_, name="", up=True, entered=False, args=(), caller_number="", caller_name=""
            )
            for id_ in self._ids
        }
        return Snapshot(channels={}, bridges={}, elsewhere=channels)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["asterisk", "router as well"])
async def test_calls_that_an_asterisk_took_with_it_hold_no_place_and_others_do(*, is_restarted: bool) -> None:
    log = Log()
    door = Door(log, MOBILE)
    await door.ask("+14155550100")
    call_id = door.call_id
    await door.ask("answered", call_id, "PJSIP/trunk-00000002")
    if is_restarted:
        door.calls = DialplanCalls(Decides(MOBILE), log, Presence(), log, door.volume)
    await door.calls.lose_gone(Channels(UNIQUE_ID))
    assert (door.concurrent, log.only.ended_at) == (1, None)
    await door.calls.lose_gone(Channels("1.2"))
    assert (door.concurrent, door.calls.count) == (0, 0)
    assert log.only.ended_by == "unknown"
    before = list(log.events[call_id])
    await door.ask("report", call_id, "dial=ANSWER", "answered_ms=1000")
    assert log.events[call_id] == before


async def test_a_phone_does_not_ring_for_ever_though_nobody_reports_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.agi.steps.GIVES_UP_S", 0)
    (member,) = RINGING.members
    door = Door(Log(), Step(destination=UserDestination("456"), timeout_s=1.1, action=RINGING))
    await door.ask("+14155550100")
    assert door.presence.standing(member) is Standing.RINGING
    async with asyncio.timeout(5):
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


async def test_after_a_restart_a_step_dials_nobody_of_the_one_before() -> None:
    log = Log()
    before = Door(log, ADA)
    await before.ask("+14155550100")
    after = Door(log)
    after.variables = before.variables | {"ROUTE_DIAL_2": "&PJSIP/bob/sip:bob@192.0.2.2"}
    assert (await after.ask("next", before.call_id, "dial=NOANSWER"))["ROUTE_DIAL_2"] == ""


async def test_an_answer_that_another_channel_tells_after_a_restart_leaves_the_caller_his_channel() -> None:
    log = Log()
    before = Door(log, MOBILE)
    await before.ask("+14155550100")
    after = Door(log)
    after.variables = before.variables
    peer = "PJSIP/trunk-00000002"
    telling = Session(after.variables, "answered", before.call_id, peer)
    telling.request = replace(telling.request, channel="Local/tell@agi-router-agi-answered-00000003;2")
    await after.calls.handle(telling)
    by = "by=PJSIP/carrier-00000001"
    await after.ask("report", before.call_id, "dial=ANSWER", "answered_ms=1000", f"peer={peer}", by, f"keys={peer}")
    assert log.only.ended_by == "caller"


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
