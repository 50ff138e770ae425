"""After a start, and after every reconnect: bring what Asterisk holds, what the log says and what runs here together.

What becomes of all that no running call owns is decided by `ari_app.calls.survey`, and carried out here.
"""

import asyncio
from collections.abc import Coroutine, Sequence, Set
from typing import Any, Final, TypeVar

import structlog

from agi_router.routing.click_to_dial import First
from agi_router.routing.decider import Decider
from agi_router.routing.destination import AnnouncementDestination
from agi_router.routing.recorded import RecordingRule
from agi_router.routing.treatment import Treatment
from ari_app.calls.arrival import arrival_on_record, read_arrival
from ari_app.calls.call import Call, Caller
from ari_app.calls.click_to_dial import end_alone
from ari_app.calls.clock import now
from ari_app.calls.holding import on_record
from ari_app.calls.ids import leg_channel_id, new_call_id, owner
from ari_app.calls.inbound import resume_fallback, resume_queue, resume_talk
from ari_app.calls.leaving import give_back
from ari_app.calls.leg import Leg
from ari_app.calls.ports import (
    ChannelDestroyed,
    ChannelEntered,
    ChannelUp,
    NotFoundError,
    PresentChannel,
    Snapshot,
    Telephony,
    TelephonyError,
)
from ari_app.calls.queueing import status_of
from ari_app.calls.supervisor import Supervisor
from ari_app.calls.survey import Survey, survey
from ari_app.calls.taking_back import NOT_MISSED
from ari_app.domain import events as e
from ari_app.domain.call_log import CallReader
from ari_app.domain.causes import NORMAL_CLEARING, LegOutcome
from ari_app.domain.record import CALLER, CallRecord, LegRecord, highest_leg

log = structlog.get_logger(__name__)

LOG_DEADLINE_S: Final = 2.0

E = TypeVar("E", bound=e.CallEvent)


class Recovery:
    """Carries out a survey."""

    def __init__(
        self,
        telephony: Telephony,
        supervisor: Supervisor,
        reader: CallReader,
    ) -> None:
        self._telephony = telephony
        self._supervisor = supervisor
        self._writer = supervisor.writer
        self._reader = reader

    async def reconcile(self) -> None:
        """Leave nothing half-made and no record open, as far as can be known. Raises a TelephonyError when cut off."""
        with self._supervisor.switchboard.departures() as departed, self._supervisor.witnessed() as witnessed:
            await self._reconcile(departed, witnessed)

    async def _reconcile(self, departed: Set[str], witnessed: Set[str]) -> None:
        calls_before = dict(self._supervisor.live)
        records = await self._open_records()
        expected = {call.call_id: _expected(call) for call in calls_before.values()}
        snapshot = _without(departed, await self._telephony.snapshot())
        live_calls = frozenset(witnessed)
        for call in calls_before.values():
            self._replay(call, expected[call.call_id] - departed, snapshot)
        found = survey(snapshot, records, live_calls)
        log.info(
            "reconciled with Asterisk",
            live=len(live_calls),
            talks=len(found.talks),
            waiting=len(found.waiting) + len(found.unknown_callers),
            queued=len(found.queued),
            ended=len(found.end_channels),
            closed=len(found.close),
        )
        await self._clear(found)
        self._count_on(found, snapshot)
        by_id = {record.call_id: record for record in records}
        traces = await asyncio.gather(*(self._trace(call_id) for call_id, _, _ in found.talks))
        for (call_id, caller, leg), trace in zip(found.talks, traces, strict=True):
            self._resume_talk(by_id.get(call_id), call_id, caller, leg, trace)
            for gone in departed & {caller.channel_id, leg.channel_id}:  # since the snapshot: nobody was told
                self._supervisor.switchboard.deliver(ChannelDestroyed(gone, 0))
        for record, channel in found.alone:
            self._end_alone(record, channel)
        known = (*found.waiting, *found.queued)
        described = await asyncio.gather(*(self._told(record, e.CallerDescribed) for record, _ in known))
        for (record, caller), carried in zip(known, described, strict=True):
            if (record, caller) in found.queued:
                self._resume_queue(record, caller, carried)
            elif caller.channel_id in departed:
                self._close(record, "the caller hung up while the router came back")
            else:
                self._resume_waiting(record, caller, carried)
        for channel in found.unknown_callers:
            if channel.channel_id not in departed and not self._supervisor.switchboard.watches(channel.channel_id):
                self._supervisor.take_caller(channel)
        for record in found.close:
            self._close(record, "ended while the router was away")
        self._supervisor.take_held()

    def _count_on(self, found: Survey, snapshot: Snapshot) -> None:
        """Calls to numbers outside count on whose channels are there; all others have ended while nobody looked.

        The legs of calls that run here count until their calls hear of their ends, also those on their way to Asterisk.
        """
        live = (leg.channel_id for call in self._supervisor.live.values() for leg in call.legs.alive)
        present = {*snapshot.channels, *snapshot.elsewhere}.difference(found.end_channels).union(live)
        self._supervisor.volume.lose_all_but(present, now())

    async def release(self) -> None:
        """At the end, when Asterisk sends no more callers: those who came in the last moment go to the dialplan.

        Nobody would hear of them, and they would wait in silence. Raises a TelephonyError.
        """
        found = survey(await self._telephony.snapshot(), await self._open_records(), frozenset())
        late = [(new_call_id(), channel) for channel in found.unknown_callers]
        known = [(record.call_id, channel) for record, channel in found.waiting]
        for call_id, channel in late + known:
            call = self._supervisor.new_call(call_id, Caller(channel.channel_id, channel.name, channel.up))
            if (call_id, channel) in late:
                call.tell_arrival(read_arrival(channel))
            try:
                await give_back(call, "the router stops")
            except NotFoundError:
                call.tell(e.CallEnded(at=now(), by="caller", cause=NORMAL_CLEARING))

    async def _open_records(self) -> Sequence[CallRecord]:
        """The log's open calls, but for those that the dialplan dials: of these Asterisk tells nothing by ARI.

        Callers must not wait for a database that is down: without it they begin anew.
        """
        try:
            async with asyncio.timeout(LOG_DEADLINE_S):
                return [record for record in await self._reader.open_calls() if record.door == "ari"]
        except Exception:
            log.exception("the call log can't be read; callers who waited are routed anew")
            return []

    async def _told(self, record: CallRecord, kind: type[E]) -> E | None:
        """What was told last of this kind; None where that can't be known, for somebody waits."""
        return _last(await self._trace(record.call_id), kind)

    async def _trace(self, call_id: str) -> Sequence[e.CallEvent]:
        try:
            async with asyncio.timeout(LOG_DEADLINE_S):
                return await self._reader.trace(call_id)
        except Exception:
            log.exception("the call log can't be read; a call goes on without what happened to it before")
            return ()

    def _replay(self, call: Call, expected: Set[str], snapshot: Snapshot) -> None:
        """Tell a running call what it missed: channels that are gone, legs that came up, a caller back from a queue.

        `expected` has none whose leaving was told. The snapshot may still show a caller in the application by whom he
        has just been lent to a queue: only the arguments of his return say that he is back.
        """
        for channel_id in expected:
            channel = snapshot.channels.get(channel_id)
            if channel is None:
                call.inbox.put(ChannelDestroyed(channel_id, 0))
            elif call.away and channel_id == call.caller.channel_id and status_of(channel.args) is not None:
                call.inbox.put(_entered(channel))
            elif channel_id in call.legs and channel.up:
                call.inbox.put(_entered(channel) if channel.entered else ChannelUp(channel_id))

    async def _clear(self, found: Survey) -> None:
        try:
            ends = [(channel, "normal") for channel in found.end_channels]
            ends += [(channel, NOT_MISSED) for channel in found.end_unnoticed]
            await asyncio.gather(*(self._telephony.hang_up(*end) for end in ends))
            await asyncio.gather(*(self._telephony.destroy_bridge(bridge) for bridge in found.drop_bridges))
        except TelephonyError as error:
            log.warning("not everything could be cleared; the next reconnect tries again", error=str(error))

    def _resume_talk(
        self,
        record: CallRecord | None,
        call_id: str,
        caller: PresentChannel,
        present: PresentChannel,
        trace: Sequence[e.CallEvent],
    ) -> None:
        call = self._supervisor.new_call(call_id, Caller(caller.channel_id, caller.name, caller.up))
        call.bridge.found()
        if record is not None:
            call.step, call.legs.count = record.step, highest_leg(record)
            call.known_as(arrival_on_record(record))
            call.first, call.key = First(record.first) if record.first else None, record.key
            if (stands_in := _leg_of(record, caller.channel_id)) is not None:
                call.legs.adopt(_talking_leg(stands_in.leg, caller, stands_in))
        known = _leg_of(record, present.channel_id) if record else None
        role = known.leg if known else call.legs.next_role()
        leg = _talking_leg(role, present, known)
        call.legs.adopt(leg)
        if record is not None:
            self._lose_legs(record, keep={leg.role for leg in call.legs.values()})
        if record is None or record.answered_at is None:
            if known is not None and known.answered_at is None:
                call.tell(e.LegAnswered(at=now(), leg=role))
            call.tell(e.CallAnswered(at=now(), leg=role))
        for channel in (caller, present):  # perhaps nobody heard that it was
            self._supervisor.volume.answered(channel.channel_id, now())
        channels = {CALLER: caller.channel_id, call.party(caller.channel_id): caller.channel_id, role: leg.channel_id}
        sets = ({channels[party] for party in who if party in channels} for who in on_record(trace))
        held_by, muted, aside = sets
        call.recording.found(trace)
        call.holding.found(held_by, muted, aside, caller.channel_id, leg.channel_id)
        since, requested = record.answered_at if record else None, _last(trace, e.CallRequested)

        def story(decider: Decider) -> Coroutine[Any, Any, None]:
            if requested is not None:
                call.record = requested.record
                limited = Treatment(
                    talk_s=requested.talk_s,
                    warn_s=requested.warn_s,
                    recording=RecordingRule.from_json(requested.recording),
                )
                return resume_talk(call, leg, since=since, treatment=limited)
            return resume_talk(call, leg, since=since, treatment=decider.treatment(call.route))

        self._supervisor.start_deciding(call, story)

    def _end_alone(self, record: CallRecord, channel: PresentChannel) -> None:
        call = self._supervisor.new_call(record.call_id, Caller(channel.channel_id, channel.name, channel.up))
        call.step, call.legs.count = record.step, highest_leg(record)
        known = _leg_of(record, channel.channel_id)
        if known is not None:
            call.legs.adopt(_talking_leg(known.leg, channel, known))
        self._lose_legs(record, keep={leg.role for leg in call.legs.values()})
        self._supervisor.start(call, end_alone(call))

    def _resume_waiting(self, record: CallRecord, channel: PresentChannel, described: e.CallerDescribed | None) -> None:
        self._lose_legs(record, keep=set())
        call = self._supervisor.new_call(record.call_id, Caller(channel.channel_id, channel.name, channel.up))
        call.step, call.legs.count = record.step, highest_leg(record)
        call.known_as(arrival_on_record(record))
        sounds = len(record.destination.split(",")) if record.destination_type == AnnouncementDestination.type else 0
        self._supervisor.start_deciding(call, lambda decider: resume_fallback(call, record, described, decider, sounds))

    def _resume_queue(self, record: CallRecord, channel: PresentChannel, described: e.CallerDescribed | None) -> None:
        held = self._supervisor.held.pop(channel.channel_id, None)
        call = self._supervisor.new_call(record.call_id, Caller(channel.channel_id, channel.name, channel.up))
        call.step, call.legs.count = record.step, highest_leg(record)
        call.known_as(arrival_on_record(record))
        call.away = call.inbox.caller_away = True
        if held is not None or channel.entered:
            call.inbox.put(held or _entered(channel))
        self._supervisor.start_deciding(call, lambda decider: resume_queue(call, record, described, decider))

    def _close(self, record: CallRecord, reason: str) -> None:
        self._lose_legs(record, keep=set())
        self._writer.write(record.call_id, e.CallEnded(at=now(), by="unknown", cause=0, reason=reason))

    def _lose_legs(self, record: CallRecord, keep: Set[str]) -> None:
        for leg in record.legs:
            if leg.ended_at is None and leg.leg not in keep:
                ended = e.LegEnded(at=now(), leg=leg.leg, outcome=LegOutcome.LOST.value, cause=0)
                self._writer.write(record.call_id, ended)


def _talking_leg(role: str, channel: PresentChannel, known: LegRecord | None) -> Leg:
    leg = Leg.arrived(role, channel.channel_id, channel.name)
    leg.newcomer = owner(channel.channel_id) is None
    if known is not None:
        leg.endpoint, leg.user = known.endpoint, known.user
    return leg


def _leg_of(record: CallRecord, channel_id: str) -> LegRecord | None:
    """The leg that this channel is."""
    ids = {leg.channel_id or leg_channel_id(record.call_id, leg.leg): leg for leg in record.legs}
    return ids.get(channel_id)


def _without(departed: Set[str], snapshot: Snapshot) -> Snapshot:
    """What is still true of a snapshot: a caller who came and went meanwhile must not be taken for a new one."""
    present = {name: channel for name, channel in snapshot.channels.items() if name not in departed}
    return Snapshot(channels=present, bridges=snapshot.bridges, elsewhere=snapshot.elsewhere)


def _expected(call: Call) -> frozenset[str]:
    """The channels that must be there if nothing was missed."""
    legs = frozenset(leg.channel_id for leg in call.legs.alive if leg.exists.is_set())
    return legs | {call.caller.channel_id} if call.caller.is_there else legs


def _entered(channel: PresentChannel) -> ChannelEntered:
    return ChannelEntered(
        channel_id=channel.channel_id,
        name=channel.name,
        up=channel.up,
        args=channel.args,
        caller_number=channel.caller_number,
        caller_name=channel.caller_name,
    )


def _last(trace: Sequence[e.CallEvent], kind: type[E]) -> E | None:
    return next((event for event in reversed(trace) if isinstance(event, kind)), None)
