"""Answers the AGI door's requests: one for a new call, one for each step after it, and one at its end.

AGI(agi://host/ROUTE[,CALLED])              a caller: what is to be done with him first
AGI(agi://host/ROUTE,next,ID,...)           that came to nothing: what comes after it
AGI(agi://host/ROUTE,answered,ID,CHANNEL)   somebody outside has picked up
AGI(agi://host/ROUTE,report,ID,...)         the caller's channel is gone
AGI(agi://host/ROUTE,message,ID,MAILBOX,FILE)   so it is, and he has left a message there
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Final, Protocol

import structlog

from agi_router.fastagi import AgiRequest, HangUpError
from agi_router.fastagi import answer as answers
from agi_router.routing.decider import Decider
from agi_router.routing.volume import Volume
from ari_app.agi.asking import Channel, ask
from ari_app.agi.call import LONGEST_S, Dialling, DialplanCall
from ari_app.agi.ending import answered, take_in, tell_end
from ari_app.agi.report import Report
from ari_app.agi.restoring import restore, trace_of
from ari_app.agi.steps import Variables, go_on
from ari_app.calls.arrival import Arrival
from ari_app.calls.clock import now
from ari_app.calls.contacts import ContactSearch
from ari_app.calls.ids import leg_channel_id, new_call_id
from ari_app.calls.ports import Snapshot
from ari_app.calls.presence import Presence, Witnessed
from ari_app.calls.voicemail import MessageLeft, message_left
from ari_app.domain import events as e
from ari_app.domain.call_log import CallReader, CallWriter
from ari_app.domain.causes import NORMAL_CLEARING
from ari_app.domain.record import CallRecord, fold

log = structlog.get_logger(__name__)

MOST_CALLS: Final = 10_000
EXPIRES_EACH_S: Final = 600.0
MOST_ENDED: Final = 1000

STOPPED: Final = "the router stops"
BROKEN: Final = "the router failed"

NEXT: Final = "next"
ANSWERED: Final = "answered"
REPORT: Final = "report"
MESSAGE: Final = "message"


class Deciders(Protocol):
    """Has the decider of the configuration in force."""

    def for_a_call(self) -> AbstractAsyncContextManager[Decider]:
        """It stays usable until the block ends."""
        ...


class Switch(Protocol):
    """Knows which channels there are."""

    async def snapshot(self) -> Snapshot:
        """Raises a TelephonyError."""
        ...


class CallerSession(Channel, Protocol):
    """An AGI session, as `agi_router.fastagi.Session` is one."""

    @property
    def request(self) -> AgiRequest:
        """What was asked."""
        ...

    async def set_variables(self, variables: Mapping[str, str]) -> None:
        """Set variables of the channel."""
        ...


class DialplanCalls:
    """All calls that the dialplan dials; at most `most_calls` are remembered."""

    def __init__(
        self,
        deciders: Deciders,
        writer: CallWriter,
        presence: Presence,
        reader: CallReader,
        volume: Volume,
        *,
        contacts: ContactSearch | None = None,
        most_calls: int = MOST_CALLS,
    ) -> None:
        self._deciders = deciders
        self._reader = reader
        self._volume = volume
        self._writer = Witnessed(writer, presence)
        self._presence = presence
        self._contacts = contacts
        self._most_calls = most_calls
        self.on_message: Callable[[MessageLeft], None] = lambda _: None
        """Told of each message that a caller has left; neither waits nor raises."""
        self._calls: dict[str, DialplanCall] = {}
        self._ended: deque[str] = deque(maxlen=MOST_ENDED)  # whose end may still be on its way into the log

    @property
    def count(self) -> int:
        """How many calls are known whose end was not reported."""
        return len(self._calls)

    async def handle(self, session: CallerSession) -> None:
        """Answer one request. Raises HangUpError."""
        async with self._deciders.for_a_call() as decider:
            match session.request.arguments:
                case (word, *told) if word == MESSAGE and told:
                    left = message_left(told, session.request.channel)
                    if left is not None:
                        self.on_message(left)
                case (word, call_id, *told) if word in (NEXT, ANSWERED, REPORT):
                    await self._continue(word, call_id, told, session, decider)
                case arguments:
                    await self._begin(arguments, session, decider)

    def _call(self, call_id: str, channel: str) -> DialplanCall:
        return DialplanCall(call_id, channel, self._writer, presence=self._presence, volume=self._volume)

    async def _begin(self, arguments: Sequence[str], session: CallerSession, decider: Decider) -> None:
        request = session.request
        arrival = _arrival(request, arguments, decider.route_of)
        call = self._call(new_call_id(), request.channel)
        call.tell_arrival(arrival, request.unique_id)
        self._make_room()
        self._calls[call.call_id] = call
        async with self._answering(call):
            call.treat(decider.treatment(call.route))
            if self._contacts is not None:
                self._contacts.begin(call.call_id, arrival.caller_number, call.name_contact)
            decision = await ask(call, call.route, session, decider)
            call.steps = list(decision.steps)
            reason = {"ROUTE_REASON": decision.error.code} if decision.error else {}
            variables = answers.reception(call.treatment) | await go_on(call, session, decider) | reason
            await self._answer(call, variables, session)

    def _make_room(self) -> None:
        """Forget who was not heard of for the longest time; should he come back, the log knows him."""
        while len(self._calls) >= self._most_calls:
            oldest = next((call for call in self._calls.values() if not call.is_busy), None)
            if oldest is None:
                return  # the door bounds how many ask at once
            del self._calls[oldest.call_id]
            oldest.fall_silent()

    async def _continue(
        self, word: str, call_id: str, told: Sequence[str], session: CallerSession, decider: Decider
    ) -> None:
        call = self._calls.get(call_id) or await self._known_by_log(call_id, session, decider)
        if call is None or call.is_busy:
            if word == NEXT:
                await session.set_variables(answers.failed("unknown"))
            return
        if word == ANSWERED:
            answered(call, *told)
            return
        report = Report.parse(told)
        call.channel = session.request.channel  # `answered` of before came by another one, and a transfer renames it
        async with self._answering(call):
            is_over = word == REPORT
            served = await take_in(call, report, session, decider.user_of_endpoint, is_over=is_over)
            if (is_over or served) and not call.is_over:
                tell_end(call, report, was_answered=served)
            if not is_over:
                variables = answers.hangup(NORMAL_CLEARING) if served else await go_on(call, session, decider)
                await self._answer(call, variables, session)

    async def _known_by_log(self, call_id: str, session: CallerSession, decider: Decider) -> DialplanCall | None:
        """A call of before a restart; None when the log has none of this id that is open."""
        if call_id in self._ended:
            return None
        trace = await trace_of(self._reader, call_id)
        record = fold(call_id, trace)
        if call_id in self._calls:  # another request was faster
            return self._calls[call_id]
        if not trace or record.door != "agi" or record.ended_at is not None:
            return None
        call = self._calls[call_id] = self._call(call_id, session.request.channel)
        call.showing.contact_name = "" if self._contacts is None else self._contacts.name_on(record)
        restore(call, record, trace, decider)
        return call

    async def _answer(self, call: DialplanCall, variables: Variables, session: CallerSession) -> None:
        """Tell the dialplan; what it was told before and does not hold any more is emptied."""
        where = call.destination
        told = {
            "__ROUTE_ID": call.call_id,
            "ROUTE_TYPE": where.type if where else "",
            "ROUTE_DESTINATION": where.value if where else "",
            **{f"__{name}": value for name, value in call.screen_pop.variables.items()},
            **variables,
        }
        stale = dict.fromkeys(call.variables - told.keys(), "")
        await session.set_variables(stale | told)
        call.variables = frozenset(told)
        if isinstance(call.doing, Dialling):
            call.tell_dialled(call.doing.legs)

    @asynccontextmanager
    async def _answering(self, call: DialplanCall) -> AsyncIterator[None]:
        """While the block runs nobody else is told what this call does.

        Whoever hangs up meanwhile has ended it. Where the block breaks, the door closes the connection, and the caller
        goes on with his fallback.
        """
        call.is_busy = True
        call.asked_at = time.monotonic()
        try:
            yield
        except HangUpError:
            _break_off(call, e.CallEnded(at=now(), by="caller", cause=NORMAL_CLEARING))
            raise
        except asyncio.CancelledError:
            _break_off(call, e.SentToDialplan(at=now(), reason=STOPPED))
            raise
        except Exception:
            _break_off(call, e.SentToDialplan(at=now(), reason=BROKEN))
            raise
        finally:
            call.is_busy = False
            if call.is_over:
                self._calls.pop(call.call_id, None)
                self._ended.append(call.call_id)

    async def run(self) -> None:
        """Give up the calls of which nothing was heard for too long, those of before a restart too; until cancelled."""
        while True:
            await self.expire()
            await asyncio.sleep(EXPIRES_EACH_S)

    async def expire(self) -> None:
        """Give them up now."""
        latest = now() - timedelta(seconds=LONGEST_S)
        for record in await self._open():
            if record.started_at is not None and record.started_at < latest:
                self._lose(record)

    async def lose_gone(self, switch: Switch) -> None:
        """Give up the calls whose callers' channels are gone: Asterisk was restarted, or told so while nobody listened.

        Only for a switch that has the channels of all these calls. Raises a TelephonyError.
        """
        known = await self._open()  # before the channels: those of all of them had begun then
        if known:
            snapshot = await switch.snapshot()
            present = {*snapshot.channels, *snapshot.elsewhere}
            for record in known:
                call = self._calls.get(record.call_id)
                if record.channel_id not in present and not (call is not None and call.is_busy):
                    self._lose(record)

    async def _open(self) -> Sequence[CallRecord]:
        """The calls of the dialplan that are open in the log, but for those whose end is on its way into it."""
        try:
            known = await self._reader.open_calls()
        except Exception:
            log.exception("the call log can't be read; calls without a report stay open")
            return ()
        return [record for record in known if record.door == "agi" and record.call_id not in self._ended]

    def _lose(self, record: CallRecord) -> None:
        """This call is over, and nobody told when."""
        call = self._calls.pop(record.call_id, None)
        if call is not None:
            call.fall_silent()
        for leg in record.legs:
            self._volume.lost(leg_channel_id(record.call_id, leg.leg), now())
        self._ended.append(record.call_id)
        reason = "the dialplan did not report its end"
        self._writer.write(record.call_id, e.CallEnded(at=now(), by="unknown", cause=0, reason=reason))


def _break_off(call: DialplanCall, end: e.CallEvent) -> None:
    """The call ends so in the middle of a request, unless it has ended before."""
    if call.is_over:
        return
    if isinstance(call.doing, Dialling):
        call.give_up(call.doing.legs)
    if call.step and (call.doing is not None or call.hunt is not None):
        call.tell_step_end("cancelled")
    call.tell(end)


def _arrival(request: AgiRequest, arguments: Sequence[str], route_of: Callable[[str], str]) -> Arrival:
    """A caller as AGI(agi://host/ROUTE,CALLED) hands him over; without CALLED it is the extension."""
    called = arguments[0] if arguments else request.called_number
    withheld = request.caller_withheld or request.caller_number.lower() == "anonymous"
    return Arrival(
        route=request.script or route_of(called),
        called_number=called,
        caller_number="" if withheld else request.caller_number,
        caller_name="" if withheld else request.caller_name,
        caller_withheld=withheld,
    )
