"""After a start, and after every reconnect: bring what Asterisk holds, what the log says and what runs here together.

`survey` decides, purely; `Recovery` acts. Missed events are not sent again, so the ids and the log must tell what
happened: a bridge of two is a talk that went on; a bridge of one ends, for the other side is gone, but a caller who was
in it before anybody had answered waits on; a leg without a call ends; a caller who waits goes on to his fallback; a
record without channels is closed.
"""

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Final

import structlog

from agi_router.routing.click_to_dial import First
from agi_router.routing.destination import AnnouncementDestination, QueueDestination
from ari_app.calls.arrival import arrival_on_record, read_arrival
from ari_app.calls.call import Call, Caller
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
from ari_app.domain import events as e
from ari_app.domain.call_log import CallReader, CallWriter
from ari_app.domain.causes import NORMAL_CLEARING, LegOutcome
from ari_app.domain.record import CALLER, CallRecord, LegRecord

log = structlog.get_logger(__name__)

LOG_DEADLINE_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is to be done. Calls that run here are not in it: they only get the events that they missed."""

    end_channels: tuple[str, ...] = ()
    drop_bridges: tuple[str, ...] = ()
    talks: tuple[tuple[str, PresentChannel, PresentChannel], ...] = ()  # call id, caller, leg
    waiting: tuple[tuple[CallRecord, PresentChannel], ...] = ()
    queued: tuple[tuple[CallRecord, PresentChannel], ...] = ()  # in a queue, or just back from it
    unknown_callers: tuple[PresentChannel, ...] = ()
    close: tuple[CallRecord, ...] = ()


def survey(snapshot: Snapshot, records: Sequence[CallRecord], live_calls: frozenset[str]) -> Survey:
    """Decide what becomes of everything that no running call owns.

    `records` are the open ones of the log; the callers' channels of `live_calls` are found by them or by the bridges.
    """
    by_channel = {record.channel_id: record for record in records}
    by_call = {record.call_id: record for record in records}
    # By transfers: a caller who has left his call to others, or somebody whom nobody speaks with.
    left_over = {leg.channel_id for record in records if record.call_id not in live_calls for leg in record.legs}
    ending: list[str] = []
    dropping: list[str] = []
    talks: list[tuple[str, PresentChannel, PresentChannel]] = []
    settled: set[str] = set()
    for bridge, members in snapshot.bridges.items():
        bridge_owner = owner(bridge)
        if bridge_owner is None or bridge_owner.call_id in live_calls:
            settled |= members
            continue
        present = [snapshot.channels[member] for member in members if member in snapshot.channels]
        callers = [channel for channel in present if _is_caller(channel, by_call.get(bridge_owner.call_id))]
        legs = [channel for channel in present if channel not in callers]
        if len(callers) == 1 and _is_early(legs, by_call.get(bridge_owner.call_id)):
            settled |= members - {callers[0].channel_id}  # he waits
            ending += (leg.channel_id for leg in legs)
            dropping.append(bridge)
            continue
        settled |= members
        if len(callers) == 1 and len(legs) == 1:
            talks.append((bridge_owner.call_id, callers[0], legs[0]))
        else:
            ending += members
            dropping.append(bridge)
    queued = [
        (record, channel)
        for record in records
        if record.call_id not in live_calls and (channel := _in_queue(record, snapshot)) is not None
    ]
    settled |= {channel.channel_id for _, channel in queued}
    waiting: list[tuple[CallRecord, PresentChannel]] = []
    unknown: list[PresentChannel] = []
    for channel in snapshot.channels.values():
        leg_owner = owner(channel.channel_id)
        record = by_channel.get(channel.channel_id)
        if channel.channel_id in settled:
            continue
        if leg_owner is not None or channel.channel_id in left_over:
            if leg_owner is None or leg_owner.call_id not in live_calls:
                ending.append(channel.channel_id)
        elif record is None:
            unknown.append(channel)
        elif record.call_id not in live_calls:
            waiting.append((record, channel))
    found = {call_id for call_id, _, _ in talks} | {record.call_id for record, _ in (*waiting, *queued)}
    going_on = found | live_calls
    return Survey(
        end_channels=tuple(ending),
        drop_bridges=tuple(dropping),
        talks=tuple(talks),
        waiting=tuple(waiting),
        queued=tuple(queued),
        unknown_callers=tuple(unknown),
        close=tuple(record for record in records if record.call_id not in going_on),
    )


class Recovery:
    """Carries out a survey."""

    def __init__(
        self,
        telephony: Telephony,
        supervisor: Supervisor,
        writer: CallWriter,
        reader: CallReader,
    ) -> None:
        self._telephony = telephony
        self._supervisor = supervisor
        self._writer = writer
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
        known = (*found.waiting, *found.queued)
        described = await asyncio.gather(*(self._described(record) for record, _ in known))
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
        """Calls to numbers outside count on whose channels are there; all others have ended while nobody looked."""
        expected = (_expected(call) for call in self._supervisor.live.values())
        present = {*snapshot.channels, *snapshot.elsewhere}.difference(found.end_channels).union(*expected)
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

    async def _described(self, record: CallRecord) -> e.CallerDescribed | None:
        """What the answer carried for a call; nothing where that can't be known, for its caller waits."""
        for event in reversed(await self._trace(record.call_id)):
            if isinstance(event, e.CallerDescribed):
                return event
        return None

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
            await asyncio.gather(*(self._telephony.hang_up(channel, "normal") for channel in found.end_channels))
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
            call.step, call.leg_count = record.step, _highest(record)
            call.known_as(arrival_on_record(record))
            call.first = First(record.first) if record.first else None
            if (stands_in := _leg_of(record, caller.channel_id)) is not None:
                call.adopt(_talking_leg(stands_in.leg, caller, stands_in))
        known = _leg_of(record, present.channel_id) if record else None
        role = known.leg if known else call.next_role()
        leg = _talking_leg(role, present, known)
        call.adopt(leg)
        if record is not None:
            self._lose_legs(record, keep={leg.role for leg in call.legs.values()})
        if record is None or record.answered_at is None:
            if known is not None and known.answered_at is None:
                call.tell(e.LegAnswered(at=now(), leg=role))
            call.tell(e.CallAnswered(at=now(), leg=role))
        for channel in (caller, present):  # perhaps nobody heard that it was
            self._supervisor.volume.answered(channel.channel_id, now())
        channels = {CALLER: caller.channel_id, call.party(caller.channel_id): caller.channel_id, role: leg.channel_id}
        held_by, muted = ({channels[party] for party in who if party in channels} for who in on_record(trace))
        call.recording.found(trace)
        call.holding.found(held_by, muted, caller.channel_id, leg.channel_id)
        since, route = (record.answered_at, record.route) if record else (None, "")
        self._supervisor.start_deciding(
            call, lambda decider: resume_talk(call, leg, since=since, route=route, decider=decider)
        )

    def _resume_waiting(self, record: CallRecord, channel: PresentChannel, described: e.CallerDescribed | None) -> None:
        self._lose_legs(record, keep=set())
        call = self._supervisor.new_call(record.call_id, Caller(channel.channel_id, channel.name, channel.up))
        call.step, call.leg_count = record.step, _highest(record)
        call.known_as(arrival_on_record(record))
        sounds = len(record.destination.split(",")) if record.destination_type == AnnouncementDestination.type else 0
        self._supervisor.start_deciding(call, lambda decider: resume_fallback(call, record, described, decider, sounds))

    def _resume_queue(self, record: CallRecord, channel: PresentChannel, described: e.CallerDescribed | None) -> None:
        held = self._supervisor.held.pop(channel.channel_id, None)
        call = self._supervisor.new_call(record.call_id, Caller(channel.channel_id, channel.name, channel.up))
        call.step, call.leg_count = record.step, _highest(record)
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


def _in_queue(record: CallRecord, snapshot: Snapshot) -> PresentChannel | None:
    """The caller's channel when a step has lent it to a queue, also if it comes back from there just now."""
    if record.destination_type != QueueDestination.type:
        return None
    channel = snapshot.channels.get(record.channel_id) or snapshot.elsewhere.get(record.channel_id)
    if channel is None or (channel.entered and status_of(channel.args) is None):
        return None
    return channel


def _is_caller(channel: PresentChannel, record: CallRecord | None) -> bool:
    """Transfers leave calls in which the caller's channel is a leg's, or the leg's channel is none of ours."""
    return owner(channel.channel_id) is None if record is None else channel.channel_id == record.channel_id


def _talking_leg(role: str, channel: PresentChannel, known: LegRecord | None) -> Leg:
    leg = Leg.arrived(role, channel.channel_id, channel.name)
    leg.newcomer = owner(channel.channel_id) is None
    if known is not None:
        leg.endpoint, leg.user = known.endpoint, known.user
    return leg


def _is_early(legs: Sequence[PresentChannel], record: CallRecord | None) -> bool:
    """Whether the caller was in the bridge for a trunk's early media: its leg is not answered, or is gone again.

    Of a talk whose one side is gone, the guard has ended the other, or there is an answer on record.
    """
    if legs:
        return not any(leg.up for leg in legs)
    return record is not None and record.answered_at is None


def _leg_of(record: CallRecord, channel_id: str) -> LegRecord | None:
    """The leg that this channel is."""
    ids = {leg.channel_id or leg_channel_id(record.call_id, leg.leg): leg for leg in record.legs}
    return ids.get(channel_id)


def _highest(record: CallRecord) -> int:
    """The number of the last leg that is known: its successors' ids are free."""
    return max((int(leg.leg.rpartition("-")[2]) for leg in record.legs if leg.leg != CALLER), default=0)


def _without(departed: Set[str], snapshot: Snapshot) -> Snapshot:
    """What is still true of a snapshot: a caller who came and went meanwhile must not be taken for a new one."""
    present = {name: channel for name, channel in snapshot.channels.items() if name not in departed}
    return Snapshot(channels=present, bridges=snapshot.bridges, elsewhere=snapshot.elsewhere)


def _expected(call: Call) -> frozenset[str]:
    """The channels that must be there if nothing was missed."""
    legs = frozenset(leg.channel_id for leg in call.legs.values() if leg.alive and leg.exists.is_set())
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
