"""All calls of this process: one guarded task each, under one TaskGroup."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from agi_router.routing.click_to_dial import CallRequest, PlannedCall, Refusal
from agi_router.routing.decider import Decider
from agi_router.routing.errors import Failure
from agi_router.routing.volume import Volume
from ari_app.access.rates import CallRates
from ari_app.calls.agents import agent_unready
from ari_app.calls.arrival import Arrival, read_arrival
from ari_app.calls.call import Call, Caller, CallerGoneError
from ari_app.calls.click_to_dial import begin, click_to_dial, refused
from ari_app.calls.clock import now
from ari_app.calls.contacts import ContactSearch
from ari_app.calls.ids import new_call_id
from ari_app.calls.inbound import inbound
from ari_app.calls.inbox import Switchboard
from ari_app.calls.leaving import back_to_dialplan, give_back
from ari_app.calls.outgoing import without_room
from ari_app.calls.ports import (
    ChannelDestroyed,
    ChannelEntered,
    ChannelEvent,
    Deciders,
    NotFoundError,
    PresentChannel,
    RefusedError,
    Telephony,
    TelephonyError,
)
from ari_app.calls.presence import Presence, Witnessed
from ari_app.calls.queueing import status_of
from ari_app.calls.steering_request import Action, CancelTransfer, Consult, SteeringRequested
from ari_app.calls.taking_back import hangup_reason
from ari_app.calls.voicemail import MessageLeft, is_over, message_of
from ari_app.domain import events as e
from ari_app.domain.call_log import CallWriter
from ari_app.domain.causes import LegOutcome

log = structlog.get_logger(__name__)

_STOPS: Final = Failure("router_stops", "the router is stopping", "ask again when it runs")

MESSAGE: Final = "Message/"
"""So begins the name of Asterisk's one channel for text messages, where its dialplan takes them for calls. While that
waits for us no other message is handed over to anybody.
"""

GIVE_BACK_S: Final = 5.0
"""How long a call whose story broke off may take to be given back to the dialplan."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request for a call that was understood, and must not be granted: it is on record as this call."""

    call_id: str
    why: Failure


class Supervisor:
    """Starts a story for each caller and stands behind it: a story that breaks never takes the caller with it.

    `max_in_setup` bounds the calls that are not yet bridged, and may be set anew at any moment. Above it a caller goes
    to the static fallback at once: Asterisk under overload leaks channels, so it must not come to that.
    `carries_out_transfers` (else Asterisk does) may be set anew too, for the calls that follow.
    """

    def __init__(
        self,
        telephony: Telephony,
        deciders: Deciders,
        writer: CallWriter,
        presence: Presence,
        max_in_setup: int,
        *,
        volume: Volume,
        key_rates: CallRates | None = None,
        contacts: ContactSearch | None = None,
    ) -> None:
        self._telephony = telephony
        self._deciders = deciders
        self.writer = Witnessed(writer, presence)
        self._presence = presence
        self.volume = volume
        self._key_rates = key_rates
        self._contacts = contacts
        self.max_in_setup = max_in_setup
        self.carries_out_transfers = True
        self.on_message: Callable[[MessageLeft], None] = lambda _: None
        """Told of each message that a caller has left; neither waits nor raises."""
        self._takes_calls = True
        self._tasks: asyncio.TaskGroup | None = None
        self._stories: dict[str, asyncio.Task[None]] = {}
        self.live: dict[str, Call] = {}
        self._witnesses: list[set[str]] = []
        self.switchboard = Switchboard(self.take_caller, self._end_orphan)
        self._stopping = asyncio.Event()
        self.held: dict[str, ChannelEntered] = {}  # who came back from queues before it is known who they are
        self._holds = True

    async def run(self) -> None:
        """Carry the calls until `stop()`; then wait for none."""
        async with asyncio.TaskGroup() as self._tasks:
            await self._stopping.wait()
            for story in self._stories.values():
                story.cancel()

    async def stop(self, drain_s: float) -> None:
        """Take no more calls; let those in setup come to their end for at most `drain_s`, then give them back.

        Calls that are talking, or wait in a queue, go on without us: the next start finds them. Who consults somebody
        speaks with the other one again before, who else would hear music until then.
        """
        self._takes_calls = False
        try:
            async with asyncio.timeout(drain_s):
                consulting = [i for i, call in self.live.items() if call.consultation is not None]
                await asyncio.gather(*(self.steer(call_id, CancelTransfer()) for call_id in consulting))
                while setup := [self._stories[i] for i, call in self.live.items() if not call.goes_on_alone]:
                    await asyncio.wait(setup, return_when=asyncio.FIRST_COMPLETED, timeout=0.2)
        except TimeoutError:
            log.warning("calls in setup are given back to the dialplan", calls=self.in_setup)
        self._stopping.set()

    @property
    def in_setup(self) -> int:
        """How many calls nobody has answered yet, and that do not wait in a queue."""
        return sum(not call.goes_on_alone for call in self.live.values())

    @property
    def _is_full(self) -> bool:
        """Whether no more calls may be set up. While few calls live none are counted: that would cost each new one."""
        return len(self.live) >= self.max_in_setup and self.in_setup >= self.max_in_setup

    def deliver(self, event: ChannelEvent) -> None:
        """Take one event from the switch; never waits.

        A leg's place among the calls outside is free with its channel's end, also when no call watches it any more.
        """
        if isinstance(event, ChannelDestroyed):
            self.volume.ended(event.channel_id, now())
        if isinstance(event, ChannelEntered) and is_over(event):
            if (left := message_of(event)) is not None:
                self.on_message(left)
            return
        self.switchboard.deliver(event)

    def take_caller(self, entered: ChannelEntered | PresentChannel) -> None:
        """Begin the story of a caller who entered the application.

        Until the first reconciliation, who comes back from a queue is held: his call is on record.
        """
        if entered.name.startswith(MESSAGE):
            assert self._tasks is not None
            self._tasks.create_task(self._turn_away(entered.channel_id))
            return
        if self._holds and isinstance(entered, ChannelEntered) and status_of(entered.args) is not None:
            self.held[entered.channel_id] = entered
            return
        arrival = read_arrival(entered)
        call = self.new_call(new_call_id(), Caller(entered.channel_id, entered.name, entered.up))
        if not self._takes_calls or self._is_full:
            self.start(call, _shed(call, arrival))
        else:
            self.start_deciding(call, lambda decider: inbound(call, arrival, decider))

    async def place(self, request: CallRequest, call_id: str = "") -> str | Rejected | Failure:
        """Begin the call that somebody asks for; its id, or why nothing rings. After a Failure nothing is on record.

        `call_id` is a new one, chosen before: of "" one is chosen here.
        """
        async with self._deciders.for_a_call() as decider:
            planned = decider.plan(request)
        if isinstance(planned, Failure):
            return planned
        unready = await agent_unready(self._presence, planned)
        if not self._takes_calls:
            return _STOPS
        if not self._telephony.is_connected:
            return Failure(
                "asterisk_unreachable",
                "there is no connection to Asterisk",
                "ask again when it is back; agi-router doctor tells what is wrong with it",
            )
        if self._is_full:
            return Failure(
                "overload",
                f"{self.in_setup} calls are being set up, and calls.max_in_setup allows no more",
                "ask again in a few seconds",
            )
        if (too_many := self._beyond_key(planned.key)) is not None:
            return too_many
        call_id = call_id or new_call_id()
        if (refusal := planned.refusal or self._beyond_limits(planned) or unready) is not None:
            for event in refused(planned, refusal, now()):
                self.writer.write(call_id, event)
            return Rejected(call_id, refusal.why)
        call = self.new_call(call_id, Caller.to_come(call_id))
        call.key = planned.key
        begin(call, planned)
        self.start_deciding(call, lambda _: click_to_dial(call, planned))
        return call_id

    async def steer(self, call_id: str, action: Action) -> Failure | None:
        """Have this done to a live call; why it could not be. `call_id` may be a part of it that fits only one."""
        if isinstance(action, Consult) and not self._takes_calls:
            return _STOPS
        fitting = [call for live_id, call in self.live.items() if call_id and call_id in live_id]
        if len(fitting) != 1:
            return _unknown(call_id, len(fitting))
        call, request = fitting[0], SteeringRequested.of(action)
        call.inbox.put(request)
        return await request.outcome(call.ended, self._stories[call.call_id])

    def _beyond_key(self, key: str) -> Failure | None:
        """A program that asks too often is not on record each time: it would fill the log."""
        if not key or self._key_rates is None:
            return None
        return self._key_rates.refusal(key, sum(call.key == key for call in self.live.values()))

    async def until_answered(self, call_id: str) -> None:
        """Return when both sides of this call speak, or nothing more of it is to be seen here: it may be over."""
        call, story = self.live.get(call_id), self._stories.get(call_id)
        if call is None or story is None or call.talking:
            return
        answered = asyncio.ensure_future(call.answered.wait())
        try:
            await asyncio.wait((answered, story), return_when=asyncio.FIRST_COMPLETED)
        finally:
            answered.cancel()

    async def until_over(self, call_id: str) -> None:
        """Return when all that will be on record of this call is, or the router stops and leaves it to itself."""
        if (story := self._stories.get(call_id)) is not None:
            await asyncio.wait((story,))

    def _beyond_limits(self, planned: PlannedCall) -> Refusal | None:
        whys = ((step, without_room(self.volume, step, planned.key)) for step in planned.steps)
        return next((Refusal(step, why) for step, why in whys if why is not None), None)

    def take_held(self) -> None:
        """After a reconciliation: whoever was held, and is on no record, is a new caller."""
        self._holds = False
        for entered in self.held.values():
            if not self.switchboard.watches(entered.channel_id):
                self.take_caller(entered)
        self.held.clear()

    def new_call(self, call_id: str, caller: Caller) -> Call:
        """A call, watched by its inbox from now on."""
        call = Call(
            call_id,
            caller,
            self._telephony,
            self.switchboard,
            self.writer,
            presence=self._presence,
            volume=self.volume,
            contacts=self._contacts,
        )
        call.carries_out_transfers = self.carries_out_transfers
        return call

    @contextmanager
    def witnessed(self) -> Iterator[Set[str]]:
        """The ids of the calls that live at any moment of this block, also of those that begin and end in it."""
        witnessed = set(self.live)
        self._witnesses.append(witnessed)
        try:
            yield witnessed
        finally:
            # By identity: two blocks may have seen the same calls.
            self._witnesses = [other for other in self._witnesses if other is not witnessed]

    def start(self, call: Call, story: Coroutine[Any, Any, None]) -> None:
        """Run a story under guard."""
        assert self._tasks is not None, "calls are started while the supervisor runs"
        for witnessed in self._witnesses:
            witnessed.add(call.call_id)
        self.live[call.call_id] = call
        self._stories[call.call_id] = self._tasks.create_task(self._guarded(call, story), name=call.call_id)

    def start_deciding(self, call: Call, story: Callable[[Decider], Coroutine[Any, Any, None]]) -> None:
        """Run a story that decides, under guard: by the configuration that is in force as it begins, to its end."""
        self.start(call, self._deciding(call, story))

    async def _deciding(self, call: Call, story: Callable[[Decider], Coroutine[Any, Any, None]]) -> None:
        async with self._deciders.for_a_call() as call.decider:
            await story(call.decider)

    async def _guarded(self, call: Call, story: Coroutine[Any, Any, None]) -> None:
        try:
            await call.tell_story(story)
        except asyncio.CancelledError:
            if not call.goes_on_alone:
                await self._give_back(call, "the router stops")
        except Exception as error:
            call.log.exception("a call's story broke off; the caller goes on to the dialplan's fallback")
            if not call.away:  # he comes back by himself, and is found
                await self._give_back(call, f"internal error: {_kind(error)}")
        finally:
            del self.live[call.call_id], self._stories[call.call_id]

    async def _give_back(self, call: Call, reason: str) -> None:
        """Leave nothing of ours behind, and the caller with the dialplan. What fails here, recovery finds."""
        try:
            async with asyncio.timeout(GIVE_BACK_S):
                channel = call.caller.channel_id
                alive = [leg.channel_id for leg in call.legs.alive if leg.channel_id != channel]
                why = hangup_reason(call, LegOutcome.CANCELLED)
                await asyncio.gather(*(self._despite(self._telephony.hang_up(leg, why)) for leg in alive))
                call.legs.give_up()
                await self._despite(self._telephony.destroy_bridge(call.bridge_id))
                if call.talking and not call.is_over:
                    await self._telephony.hang_up(call.caller.channel_id, "failure")
                    call.tell(e.CallEnded(at=now(), by="router", cause=0, reason=reason))
                elif not call.is_over:
                    await give_back(call, reason)
        except NotFoundError:
            call.tell(e.CallEnded(at=now(), by="caller", cause=16, reason=reason))
        except (TelephonyError, TimeoutError) as error:
            call.log.warning("a call could not be given back; it is looked for at the next reconnect", error=str(error))

    async def _despite(self, request: Awaitable[None]) -> None:
        """What Asterisk refuses here must not keep the caller from the dialplan."""
        try:
            await request
        except RefusedError as error:
            log.warning("not all of a call could be cleared; the next reconnect tries again", error=str(error))

    async def _turn_away(self, channel_id: str) -> None:
        """End what is no call. The channel of messages hears of its end only when it is let go as well."""
        log.warning(
            "the dialplan takes a text message for a call; nobody is rung",
            remedy="set message_context in pjsip.conf, as agi-router dialplan pjsip.conf shows",
        )
        try:
            await self._telephony.hang_up(channel_id, "normal")
            await self._telephony.send_to_dialplan(channel_id)
        except TelephonyError as error:
            log.warning("a text message could not be turned away", channel=channel_id, error=str(error))

    def _end_orphan(self, channel_id: str) -> None:
        assert self._tasks is not None
        self._tasks.create_task(self._hang_up_orphan(channel_id))

    async def _hang_up_orphan(self, channel_id: str) -> None:
        try:
            await self._telephony.hang_up(channel_id, "normal")
        except TelephonyError as error:
            log.warning("an orphaned leg could not be hung up", channel=channel_id, error=str(error))


def _unknown(call_id: str, fitting: int) -> Failure:
    if fitting:
        return Failure("ambiguous_call", f"{call_id} fits {fitting} live calls", "give more of the id")
    return Failure(
        "unknown_call", f"no live call has the id {call_id or '(none)'}", "agi-router live lists those there are"
    )


async def _shed(call: Call, arrival: Arrival) -> None:
    """Too many calls are being set up: the caller goes to the static fallback at once, and is on record."""
    call.log.warning("too many calls in setup: a caller goes straight to the dialplan's fallback")
    call.tell_arrival(arrival)
    try:
        await back_to_dialplan(call, "overload")
    except CallerGoneError:
        call.tell(e.CallEnded(at=now(), by="caller", cause=call.caller_cause))


def _kind(error: BaseException) -> str:
    """The name of what broke a story. Its text is for the log: the dialplan's expressions shall not have to read it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
