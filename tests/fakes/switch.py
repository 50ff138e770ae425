"""A telephone switch that does what a test says, also what a real one can't be made to do at a wanted moment."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from agi_router.routing.call_info import CallInfo
from agi_router.routing.click_to_dial import CallRequest, PlannedCall
from agi_router.routing.decider import Decider
from agi_router.routing.decision import Decision, LookupProgress
from agi_router.routing.destination import EndpointDestination
from agi_router.routing.dialplan_place import DialplanPlace
from agi_router.routing.errors import Failure
from agi_router.routing.last_agent import LastAgent
from agi_router.routing.needs import Needs
from agi_router.routing.recorded import RecordingMode, RecordingRule
from agi_router.routing.shown import Shown
from agi_router.routing.step import EndpointTarget, FindLastAgent, Member, Ring, Step
from agi_router.routing.treatment import Treatment
from agi_router.routing.volume import Volume
from agi_router.routing.volume_limits import UNLIMITED
from ari_app.access.rates import CallRates
from ari_app.calls.contacts import AskedCrms, ContactSearch
from ari_app.calls.ports import (
    ChannelDestroyed,
    ChannelEntered,
    ChannelEvent,
    ChannelLeft,
    ChannelUp,
    PresentChannel,
    Snapshot,
    Telephony,
    TransferOutcome,
)
from ari_app.calls.presence import Presence
from ari_app.calls.recovery import Recovery
from ari_app.calls.supervisor import Supervisor
from ari_app.domain import events as e
from ari_app.domain.call_log import CallReader
from ari_app.domain.record import CallRecord, fold
from tests.patience import PATIENCE_S

CALLER = "1772357400.1"


class Switch(Telephony):
    """Every request succeeds, unless `errors` has something to raise by its name; it waits while `held` has an event.

    `requests` are the names of what was asked, in the order in which it was done. Legs are gone when they are hung up.
    """

    is_connected = True

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.errors: dict[str, list[Exception]] = defaultdict(list)
        self.held: dict[str, asyncio.Event] = {}
        self.asked: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.dialled: list[str] = []
        self.present: list[PresentChannel] = []
        self.contacts_each = 1
        self.rings_and_asks = False
        self.taken_contact = ""
        self.hangup_reasons: list[str] = []
        self.variables: defaultdict[str, dict[str, str]] = defaultdict(dict)  # by channel
        self.deliver: Callable[[ChannelEvent], None]

    async def _do(self, name: str) -> None:
        self.asked[name].set()
        if name in self.held:
            await self.held[name].wait()
        if self.errors[name]:
            raise self.errors[name].pop(0)
        self.requests.append(name)

    async def ring(self, channel_id: str) -> None:
        await self._do("ring")

    async def stop_ringing(self, channel_id: str) -> None:
        await self._do("stop_ringing")

    async def mute(self, channel_id: str) -> None:
        await self._do("mute")

    async def unmute(self, channel_id: str) -> None:
        await self._do("unmute")

    async def send_digits(self, channel_id: str, digits: str) -> None:
        await self._do("send_digits")

    async def start_recording(self, bridge_id: str, name: str, longest_s: float) -> None:
        await self._do("start_recording")

    async def stop_recording(self, name: str) -> None:
        await self._do("stop_recording")

    async def pause_recording(self, name: str) -> None:
        await self._do("pause_recording")

    async def resume_recording(self, name: str) -> None:
        await self._do("resume_recording")

    async def answer(self, channel_id: str) -> None:
        await self._do("answer")

    async def play(self, channel_id: str, playback_id: str, sounds: Sequence[str]) -> None:
        await self._do("play")

    async def play_tone(self, channel_id: str, playback_id: str, tone: str) -> None:
        await self._do("play_tone")

    async def stop_playing(self, playback_id: str) -> None:
        await self._do("stop_playing")

    async def play_music(self, channel_id: str, music_class: str) -> None:
        await self._do("play_music")

    async def stop_music(self, channel_id: str) -> None:
        await self._do("stop_music")

    async def play_silence(self, channel_id: str) -> None:
        await self._do("play_silence")

    async def stop_silence(self, channel_id: str) -> None:
        await self._do("stop_silence")

    async def play_to_bridge(self, bridge_id: str, playback_id: str, sound: str) -> None:
        await self._do("play_to_bridge")

    async def beep(self, bridge_id: str, playback_id: str) -> None:
        await self._do("beep")

    async def hang_up(self, channel_id: str, reason: str) -> None:
        await self._do("hang_up")
        self.hangup_reasons.append(reason)
        self.deliver(ChannelDestroyed(channel_id, 16))

    async def send_to_dialplan(self, channel_id: str, place: DialplanPlace | None = None) -> None:
        await self._do("send_to_dialplan")
        self.deliver(ChannelLeft(channel_id))

    async def is_playing(self, playback_id: str) -> bool:
        await self._do("is_playing")
        return False

    async def subscribe(self, channel_id: str) -> None:
        await self._do("subscribe")

    async def unsubscribe(self, channel_id: str) -> None:
        await self._do("unsubscribe")

    async def contacts(self, channel_id: str, endpoint: str) -> tuple[str, ...]:
        await self._do("contacts")
        return tuple(f"PJSIP/{endpoint}/sip:{endpoint}@127.0.0.1:{5060 + n}" for n in range(self.contacts_each))

    def had_one_contact(self, endpoint: str) -> bool:
        return self.rings_and_asks

    async def create_leg(
        self, channel_id: str, dial_string: str, originator: str | None, variables: Mapping[str, str]
    ) -> None:
        await self._do("create_leg")
        self.variables[channel_id] |= variables
        self.deliver(entered(channel_id))

    async def dial(self, channel_id: str, caller: str | None, timeout_s: float) -> None:
        await self._do("dial")
        self.dialled.append(channel_id)

    async def create_bridge(self, bridge_id: str) -> None:
        await self._do("create_bridge")

    async def add_to_bridge(self, bridge_id: str, channel_ids: Sequence[str], *, introduce: bool = True) -> None:
        await self._do("add_to_bridge")

    async def remove_from_bridge(self, bridge_id: str, channel_id: str) -> None:
        await self._do("remove_from_bridge")

    async def tell_transferer(self, channel_id: str, outcome: TransferOutcome) -> None:
        await self._do(f"tell_transferer {outcome}")

    async def destroy_bridge(self, bridge_id: str) -> None:
        await self._do("destroy_bridge")

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        await self._do("set_variable")
        self.variables[channel_id][name] = value

    async def read_variable(self, channel_id: str, name: str) -> str:
        await self._do("read_variable")
        return self.taken_contact

    async def snapshot(self) -> Snapshot:
        await self._do("snapshot")
        return Snapshot(channels={channel.channel_id: channel for channel in self.present}, bridges={})


class Rings(Decider):
    """Decides at once, for each of these endpoints in turn; with `confirm` they have to confirm."""

    def __init__(self, *endpoints: str) -> None:
        self.endpoints = endpoints
        self.confirm = False
        self.timeout_s = 5.0
        self.treated = Treatment(recording=RecordingRule(mode=RecordingMode.ON_DEMAND))
        self.planned: PlannedCall | Failure = Failure("plan_none", "nothing is planned", "nothing")

    def needs(self, route_name: str) -> Needs:
        return Needs()

    def shown(self, info: CallInfo) -> Shown:
        return Shown()

    def treatment(self, route_name: str) -> Treatment:
        return self.treated

    async def route(self, info: CallInfo, on_progress: Callable[[LookupProgress], None]) -> Decision:
        return Decision(route=info.route_name, steps=self.fallback(info.route_name, info.at))

    async def guess(self, info: CallInfo) -> Step | None:
        return None

    def transfer_target(self, dialled: str) -> Step:
        return self._ringing(dialled)

    def plan(self, request: CallRequest) -> PlannedCall | Failure:
        return self.planned

    def route_of(self, called_number: str) -> str:
        return ""

    def user_of_endpoint(self, endpoint: str) -> str:
        return ""

    def is_phone(self, endpoint: str) -> bool:
        return endpoint in self.endpoints

    async def last_agent(self, caller_number: str, wanted: FindLastAgent) -> LastAgent | Failure:
        return Failure("last_agent_none", "nobody", "nothing")

    def fallback(self, route_name: str, at: datetime) -> tuple[Step, ...]:
        return tuple(self._ringing(name) for name in self.endpoints)

    def _ringing(self, endpoint: str) -> Step:
        action = Ring((Member("", (EndpointTarget(endpoint, confirm=self.confirm),)),))
        return Step(destination=EndpointDestination(endpoint), timeout_s=self.timeout_s, action=action)


class Told(CallReader):
    """What the calls put on record."""

    def __init__(self) -> None:
        self.events: list[e.CallEvent] = []
        self.calls: dict[str, list[e.CallEvent]] = defaultdict(list)
        self.read = asyncio.Event()  # the open calls were read ...
        self.handed_over = asyncio.Event()  # ... and are handed over when this is set
        self.handed_over.set()

    def write(self, call_id: str, event: e.CallEvent) -> None:
        self.events.append(event)
        self.calls[call_id].append(event)

    async def open_calls(self) -> Sequence[CallRecord]:
        as_read = [record for record in await self.recent(1000) if record.ended_at is None]
        self.read.set()
        await self.handed_over.wait()
        return as_read

    async def record(self, call_id: str) -> CallRecord | None:
        return fold(call_id, self.calls[call_id]) if call_id in self.calls else None

    async def trace(self, call_id: str) -> Sequence[e.CallEvent]:
        return self.calls[call_id]

    async def recent(self, limit: int) -> Sequence[CallRecord]:
        return [fold(call_id, happened) for call_id, happened in self.calls.items()][-limit:]


@dataclass(frozen=True, slots=True)
class Always:
    """Gives every call the same decider."""

    decider: Decider

    @asynccontextmanager
    async def for_a_call(self) -> AsyncIterator[Decider]:
        """The decider."""
        yield self.decider


class Exchange:
    """A switch and a supervisor of calls on it, running between `async with` and its end."""

    def __init__(self, *endpoints: str, key_rates: CallRates | None = None, crms: AskedCrms | None = None) -> None:
        self.switch = Switch()
        self.told = Told()
        self.contacts = None if crms is None else ContactSearch(crms, self.told)
        self.presence = Presence()
        self.rings = Rings(*endpoints)
        self.volume = Volume(UNLIMITED)
        self.supervisor = Supervisor(
            self.switch,
            Always(self.rings),
            self.told,
            self.presence,
            max_in_setup=10,
            volume=self.volume,
            key_rates=key_rates,
            contacts=self.contacts,
        )
        self.recovery = Recovery(self.switch, self.supervisor, self.told)
        self.switch.deliver = self.supervisor.deliver

    async def __aenter__(self) -> "Exchange":
        self._running = asyncio.create_task(self.supervisor.run())
        await asyncio.sleep(0)  # lets it start
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.supervisor.stop(0)
        await self._running
        if self.contacts is not None:
            await self.contacts.__aexit__(None, None, None)  # waits for the searches

    def arrive(self) -> None:
        """A caller enters."""
        self.switch.deliver(entered(CALLER))

    def pick_up(self, leg: str) -> None:
        """A phone is answered: its leg is up, and enters the application."""
        self.switch.deliver(ChannelUp(leg))
        self.switch.deliver(entered(leg))

    async def until(self, name: str) -> None:
        """Wait until this request is made."""
        async with asyncio.timeout(PATIENCE_S):
            await self.switch.asked[name].wait()

    async def over(self) -> list[e.CallEvent]:
        """Wait for the end of all calls; what is on record."""
        async with asyncio.timeout(PATIENCE_S):
            while self.supervisor.live:
                await asyncio.sleep(0.001)  # the supervisor tells nobody
        return self.told.events

    def ends(self) -> list[e.CallEnded | e.SentToDialplan]:
        """The ends on record: one, or something is wrong."""
        return [event for event in self.told.events if isinstance(event, e.CallEnded | e.SentToDialplan)]


def entered(channel_id: str) -> ChannelEntered:
    """A StasisStart."""
    return ChannelEntered(
        channel_id=channel_id, name=f"PJSIP/{channel_id}", up=False, args=("sales",), caller_number="", caller_name=""
    )
