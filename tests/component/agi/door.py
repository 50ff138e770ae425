"""The AGI door's calls without an Asterisk: a log, a decider, and the requests of one caller."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from agi_router.fastagi import AgiRequest, HangUpError
from agi_router.routing.call_info import CallInfo
from agi_router.routing.caller_id import OwnNumber
from agi_router.routing.click_to_dial import CallRequest, PlannedCall
from agi_router.routing.decider import Decider
from agi_router.routing.decision import Decision, LookupProgress
from agi_router.routing.destination import ExternalDestination, HangupCause, HangupDestination, UserDestination
from agi_router.routing.errors import Failure
from agi_router.routing.last_agent import LastAgent
from agi_router.routing.needs import Needs
from agi_router.routing.shown import Shown
from agi_router.routing.step import (
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
from agi_router.routing.volume_limits import Measure, VolumePolicy
from ari_app.agi.handler import DialplanCalls
from ari_app.calls.clock import now
from ari_app.calls.presence import Presence
from ari_app.domain import events as e
from ari_app.domain.call_log import CallReader, CallWriter
from ari_app.domain.record import CallRecord, fold

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
