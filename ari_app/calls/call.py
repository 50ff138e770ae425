"""One call as its story sees it: the caller's channel, the legs, the inbox, and the record that it tells."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import structlog

from agi_router.routing.click_to_dial import First
from agi_router.routing.decider import Decider
from agi_router.routing.treatment import Treatment
from agi_router.routing.volume import Volume
from ari_app.calls.arrival import Arrival
from ari_app.calls.bridge import Bridge
from ari_app.calls.clock import now
from ari_app.calls.consultation import Consultation
from ari_app.calls.contacts import ContactSearch
from ari_app.calls.holding import Holding
from ari_app.calls.ids import bridge_id, owner, playback_id, requester_id
from ari_app.calls.inbox import Inbox, Notice, PartyWanted, Switchboard
from ari_app.calls.leg import Leg, LegState
from ari_app.calls.legs import Legs
from ari_app.calls.playbacks import Playbacks
from ari_app.calls.ports import (
    ChannelDestroyed,
    ChannelEntered,
    ChannelHangingUp,
    ChannelHeld,
    ChannelLeft,
    ChannelResumed,
    ChannelUp,
    DialAnswered,
    KeyPressed,
    LifeEvent,
    NotFoundError,
    PlaybackEnded,
    RecordingOver,
    Telephony,
    TelephonyError,
    TransferOutcome,
    TransferRequested,
)
from ari_app.calls.presence import Presence
from ari_app.calls.reception import Reception
from ari_app.calls.recording import Recording
from ari_app.calls.screen_pop import ScreenPop, Showing
from ari_app.calls.steering_request import IN_TRANSFER, NOT_TALKING, HangUp, SteeringRequested, refusal
from ari_app.domain import events as e
from ari_app.domain.call_log import CallWriter
from ari_app.domain.causes import INTERWORKING, NORMAL_CLEARING, UNKNOWN, LegOutcome
from ari_app.domain.record import CALLER

T = TypeVar("T")

LAST_EVENTS_S: Final = 5.0
"""How long a finished call waits for the last words of its legs; what has not come then is recorded as lost."""


@dataclass(frozen=True, slots=True)
class CutShort:
    """Who ends a call by a hangup that then looks like one of the two's own, and why."""

    by: str
    reason: str = ""


class CallerGoneError(Exception):
    """The caller hung up: whatever the story was waiting for does not matter any more."""


class GivenUpError(CallerGoneError):
    """Who rings is not wanted any more, though the caller is there: a consultation was taken back."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller's channel: its id, the name by which the hangup guard knows it, and whether it is answered already.

    Of a call that somebody asks for, the caller is whoever picks up first. Until then he `is_there` not, and no channel
    has the id.
    """

    channel_id: str
    name: str
    up: bool = False
    is_there: bool = True

    @classmethod
    def to_come(cls, call_id: str) -> Self:
        """Nobody yet."""
        return cls(requester_id(call_id), "", is_there=False)


class Call:
    """What a story holds in its hands.

    Its requests to the switch that nobody waits for run in `requests`, a TaskGroup of the call: it is not over before
    they are.
    """

    def __init__(
        self,
        call_id: str,
        caller: Caller,
        telephony: Telephony,
        switchboard: Switchboard,
        writer: CallWriter,
        *,
        presence: Presence,
        volume: Volume,
        contacts: ContactSearch | None = None,
    ) -> None:
        self.call_id = call_id
        self.caller = caller
        self.telephony = telephony
        self.presence = presence
        self.volume = volume
        self.contacts = contacts
        self.bridge_id = bridge_id(call_id)
        self.log = structlog.get_logger(__name__).bind(call=call_id)
        self.treatment = Treatment()  # that of the route, once it is known
        self.reception = self._new_reception(is_answered=caller.up)
        self._receptions = {caller.channel_id: self.reception}
        self.showing = Showing()
        self.talking = False
        self.transferring = False  # a phone's request is being carried out
        self.away = False  # lent to the dialplan, from which he comes back
        self.is_served = False  # by a member of a queue
        self.playbacks = Playbacks()
        self.first_to_hang_up: str | None = None  # a channel's id
        self.caller_hangs_up = False
        self.caller_cause = NORMAL_CLEARING
        self.cut_short: CutShort | None = None
        self.called_number = ""
        self.step = 0
        self.last_outcome = ""  # of the step before
        self.arrival = Arrival()
        self.first: First | None = None  # of a call that was asked for
        self.announcements: Mapping[str, tuple[str, ...]] = {}  # by the outcome that they tell
        self.auto_answers = False  # phones that can pick up by themselves: their user has asked for the call
        self.route = ""
        self.key = ""  # the name of the API key by which it was asked for
        self.record: bool | None = None  # whether it is to be recorded: by the API's answer, or who asked for the call
        self.routes_asked: list[str] = []
        self.decider: Decider | None = None
        self.carries_out_transfers = True  # else Asterisk does, by its dialplan
        self.is_over = False  # its end is on record
        self.ended = asyncio.Event()  # the same
        self.answered = asyncio.Event()  # both sides speak, or have spoken
        self.on_hold: set[str] = set()  # the channels whose phones hold
        self.consultation: Consultation | None = None
        self.holding = Holding(telephony)
        self.recording = Recording(telephony, call_id, self.bridge_id, self.tell)
        self.bridge = Bridge(telephony, self.bridge_id, self.request)
        self.inbox = Inbox(caller.channel_id)
        self.legs = Legs(call_id, self.inbox, switchboard, volume, self.tell)
        self._switchboard = switchboard
        self._writer = writer
        self._requests: asyncio.TaskGroup | None = None
        switchboard.watch(self.bridge_id, self.inbox)
        if caller.is_there:
            switchboard.watch(caller.channel_id, self.inbox)

    def _new_reception(self, *, is_answered: bool) -> Reception:
        return Reception(
            self.telephony,
            self.caller.channel_id,
            playback_id(self.call_id),
            is_answered=is_answered,
            on_early_answer=lambda answer: self.tell(e.AnsweredEarly(at=now(), answer=answer)),
        )

    @property
    def screen_pop(self) -> ScreenPop:
        """What goes to phones and dialplan with the call, as far as it is known by now."""
        return self.showing.pop

    @property
    def goes_on_alone(self) -> bool:
        """Whether the call is in a state that needs no router: it speaks, or waits in a queue."""
        return self.talking or self.away

    async def tell_story(self, story: Coroutine[Any, Any, None]) -> None:
        """Run the story to its end, and every request that it left behind."""
        try:
            async with asyncio.TaskGroup() as self._requests:
                await story
        finally:
            self._switchboard.forget([self.caller.channel_id, self.bridge_id, *self.legs], self.inbox)

    def tell(self, event: e.CallEvent) -> None:
        """Put a fact on record."""
        if isinstance(event, e.CallEnded | e.SentToDialplan):
            self.is_over = True
            self.ended.set()
        elif isinstance(event, e.QueueAnswered):
            self.answered.set()
        self._writer.write(self.call_id, event)

    def tell_caller_gone(self) -> None:
        """Put on record that the caller's channel is gone: he hung up, or the call was cut short."""
        self.tell_end("caller" if self.caller.is_there else "requester", self.caller_cause)

    def tell_end(self, by: str, cause: int) -> None:
        """Put on record that one of the two has ended the call, unless it was cut short."""
        cut = self.cut_short or CutShort(by)
        self.tell(e.CallEnded(at=now(), by=cut.by, cause=cause, reason=cut.reason))

    def tell_arrival(self, arrival: Arrival) -> None:
        """Begin the record."""
        self.known_as(arrival)
        self.tell(
            e.CallArrived(
                at=now(),
                route=arrival.route,
                called_number=arrival.called_number,
                caller_number=arrival.caller_number,
                caller_name=arrival.caller_name,
                caller_withheld=arrival.caller_withheld,
                channel_id=self.caller.channel_id,
            )
        )

    def known_as(self, arrival: Arrival) -> None:
        """Who calls, and by which route; that is on record."""
        self.arrival, self.route, self.called_number = arrival, arrival.route, arrival.called_number
        self.routes_asked = [arrival.route]

    def request(self, request: Coroutine[Any, Any, T]) -> asyncio.Task[T | None]:
        """Send a request that the story does not wait for; a failure is logged, its consequence arrives as an event."""
        assert self._requests is not None, "requests are sent from within the story"
        task = self._requests.create_task(self._logged(request))
        task.add_done_callback(lambda _: request.close())  # of a task that was cancelled before it began
        return task

    async def _logged(self, request: Coroutine[Any, Any, T]) -> T | None:
        try:
            return await request
        except TelephonyError as error:
            self.log.info("a request failed", error=str(error))
            return None

    def withdraw(self) -> None:
        """Whoever asked for the call does not want it any more. Once somebody has picked up, it is a call like any."""
        if not self.caller.is_there:
            self.inbox.put(ChannelDestroyed(self.caller.channel_id, NORMAL_CLEARING))

    def end_by_request(self) -> None:
        """Whatever ends the call from now on, it was asked for."""
        self.cut_short = self.cut_short or CutShort("command")

    async def _hang_up_as_requested(self, request: SteeringRequested) -> None:
        if self.is_over:
            return
        self.end_by_request()
        self.tell(e.Steered(at=now(), action="hang_up"))
        if not self.caller.is_there:
            self.withdraw()
            return
        reason = "normal" if self.reception.is_answered or self.talking else "rejected"
        try:
            await self.telephony.hang_up(self.caller.channel_id, reason)
        except TelephonyError as error:
            self.cut_short = None
            request.answer(refusal(error))

    @property
    def has_dialplan(self) -> bool:
        """Whether the caller came from the dialplan, which can go on with him; a channel of ours has nowhere to go."""
        return owner(self.caller.channel_id) is None and self.caller.is_there

    def begin_with(self, leg: Leg) -> None:
        """Nobody was the caller, and this leg is from now on: it has picked up.

        Raises CallerGoneError when the call was withdrawn in that instant, or he has hung up again.
        """
        if self.inbox.caller_gone.is_set():
            raise CallerGoneError
        self.caller = Caller(leg.channel_id, leg.name, up=True)
        self.reception = self._receptions[leg.channel_id] = self._new_reception(is_answered=True)
        self.inbox.is_of_caller(leg.channel_id)
        self.tell(e.FirstAnswered(at=now(), leg=leg.role, channel_id=leg.channel_id))
        if not leg.alive:
            raise CallerGoneError

    def put_in_callers_place(self, leg: Leg) -> Leg:
        """The caller leaves this leg to others: it is the caller from now on. Returns him, as a leg."""
        former = self.legs.get(self.caller.channel_id)
        if former is None:
            former = Leg.arrived(CALLER, self.caller.channel_id, self.caller.name)
            self.legs[former.channel_id] = former
        self.caller = Caller(leg.channel_id, leg.name, up=True)
        if leg.channel_id not in self._receptions:
            self._receptions[leg.channel_id] = self._new_reception(is_answered=True)
        self.reception = self._receptions[leg.channel_id]
        if leg.role == CALLER:
            del self.legs[leg.channel_id]
        self.showing.forget_caller()
        self.inbox.is_of_caller(leg.channel_id)
        return former

    def caller_left(self) -> None:
        """The dialplan has the caller now: a leg of ours that stood in his place is none any more."""
        leg = self.legs.get(self.caller.channel_id)
        if leg is not None and leg.alive:
            self.legs.end(leg)

    def party(self, channel_id: str) -> str:
        """What the record calls this channel: a leg's role, or "caller"."""
        leg = self.legs.get(channel_id)
        return CALLER if leg is None else leg.role

    def has(self, channel_id: str | None) -> bool:
        """Whether this channel is the caller's, or a leg's."""
        return channel_id in self.legs or channel_id == self.caller.channel_id

    def pass_on(self, notice: PartyWanted | TransferRequested) -> bool:
        """Put this into the inbox of the other call whose channel it names; False when no call has it."""
        return not self.has(notice.channel_id) and self._switchboard.pass_on(notice)

    async def hear_until(self, work: asyncio.Task[T]) -> T:
        """The work's result; events are noted meanwhile.

        Raises CallerGoneError as soon as the caller is gone; the work is cancelled then.
        """
        try:
            while (event := await self.inbox.get_until(work)) is not None:
                self._note(event)
            if self.inbox.caller_gone.is_set():
                raise CallerGoneError
            return work.result()
        except NotFoundError as error:
            await self.missed_caller(error)
            raise
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    async def missed_caller(self, error: NotFoundError) -> None:
        """Raise CallerGoneError: a request missed the caller's channel, a moment before its end is told.

        Return when that is not told: then he is there, and the error means something else.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_EVENTS_S):
                await self.inbox.caller_gone.wait()
        if self.inbox.caller_gone.is_set():
            raise CallerGoneError from error

    async def next_event(self) -> Notice:
        """The next event, already noted on its leg. Raises CallerGoneError when it is the caller's end."""
        event = await self.inbox.get()
        self._note(event)
        return event

    async def next_event_until(self, work: asyncio.Task[Any]) -> None:
        """The same, or return when the work is done and no event has come before."""
        event = await self.inbox.get_until(work)
        if event is not None:
            self._note(event)

    def _note(self, event: Notice) -> None:
        match event:
            case PartyWanted():
                if not self.talking or self.transferring:
                    event.refuse()
            case SteeringRequested(HangUp(party="")):
                self.request(self._hang_up_as_requested(event))
            case SteeringRequested() if self.consultation is not None:
                self.consultation.take(event)
            case SteeringRequested():
                if not self.talking or self.transferring:
                    event.answer(IN_TRANSFER if self.transferring else NOT_TALKING)
            case TransferRequested():
                if not self.talking or self.transferring:  # one at a time
                    self.request(self.telephony.tell_transferer(event.waiting, TransferOutcome.DECLINED))
            case KeyPressed():
                leg = self.legs.get(event.channel_id)
                if leg is not None:
                    self.legs.press(leg, event.digit, self.treatment.confirmation.digit)
            case ChannelHeld():
                self.on_hold.add(event.channel_id)
                self.tell(e.Held(at=now(), party=self.party(event.channel_id)))
            case ChannelResumed():
                self.on_hold.discard(event.channel_id)
                self.tell(e.Resumed(at=now(), party=self.party(event.channel_id)))
            case DialAnswered():
                pass  # of interest in a queue only
            case RecordingOver(name=name):
                self.recording.over(name)
            case PlaybackEnded():
                self.playbacks.note(event)
            case _:
                self._note_life(event)
        if self.consultation is not None and self.consultation.is_given_up:
            raise GivenUpError

    def _note_life(self, event: LifeEvent) -> None:
        leg = self.legs.get(event.channel_id)
        if isinstance(event, ChannelHangingUp) and (leg is None or (leg.ending is None and leg.state is LegState.UP)):
            self.first_to_hang_up = self.first_to_hang_up or event.channel_id
        if leg is not None:
            self._note_on(leg, event)
        if event.channel_id == self.caller.channel_id:
            if isinstance(event, ChannelDestroyed) or (isinstance(event, ChannelLeft) and not self.away):
                raise CallerGoneError
            if isinstance(event, ChannelHangingUp):
                self.caller_hangs_up = True
                if event.cause not in (UNKNOWN, INTERWORKING):
                    self.caller_cause = event.cause

    def _note_on(self, leg: Leg, event: LifeEvent) -> None:
        picked_up = isinstance(event, ChannelUp) or (isinstance(event, ChannelEntered) and (event.up or not leg.alive))
        if picked_up and not leg.alive:  # its hangup failed, or it was given up while it was placed
            self.request(self.telephony.hang_up(leg.channel_id, "normal"))
        if isinstance(event, ChannelDestroyed) and leg.alive:
            self._blame_caller(leg)
        self.legs.hear(leg, event)

    def _blame_caller(self, leg: Leg) -> None:
        """A leg that he heard before its answer is ended by his guard, and not by itself."""
        if leg.is_bridged and leg.state is not LegState.UP and self.caller_hangs_up:
            leg.ending = leg.ending or LegOutcome.CANCELLED

    async def last_events(self) -> None:
        """After the end: read on until every leg is known to be gone, so that the record has its cause."""
        try:
            async with asyncio.timeout(LAST_EVENTS_S):
                while self.legs.alive:
                    try:
                        await self.next_event()
                    except CallerGoneError:
                        continue
        except TimeoutError:
            self.legs.lose()
