"""What becomes of everything that Asterisk holds and no running call owns: decided, purely, by the ids and the log.

Missed events are not sent again. So a bridge of two is a talk that went on; a bridge of one ends, for the other side is
gone, but a caller who was in it before anybody had answered waits on; a leg without a call ends; a caller who waits
goes on to his fallback; one who has picked up a call that was asked for, and spoke to nobody, is told so; a record
without channels is closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agi_router.routing.click_to_dial import First
from agi_router.routing.destination import QueueDestination
from ari_app.calls.ids import CONSULT, bridge_id, owner
from ari_app.calls.ports import PresentChannel, Snapshot
from ari_app.calls.queueing import status_of
from ari_app.domain.record import CallRecord, Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is to be done. Calls that run here are not in it: they only get the events that they missed."""

    end_channels: tuple[str, ...] = ()
    end_unnoticed: tuple[str, ...] = ()  # phones that ring, and nobody has called them
    drop_bridges: tuple[str, ...] = ()
    talks: tuple[tuple[str, PresentChannel, PresentChannel], ...] = ()  # call id, caller, leg
    waiting: tuple[tuple[CallRecord, PresentChannel], ...] = ()
    queued: tuple[tuple[CallRecord, PresentChannel], ...] = ()  # in a queue, or just back from it
    alone: tuple[tuple[CallRecord, PresentChannel], ...] = ()  # of a call that was asked for: picked up, and no more
    unknown_callers: tuple[PresentChannel, ...] = ()
    close: tuple[CallRecord, ...] = ()


def survey(snapshot: Snapshot, records: Sequence[CallRecord], live_calls: frozenset[str]) -> Survey:
    """Decide what becomes of everything that no running call owns.

    `records` are the open ones of the log; the callers' channels of `live_calls` are found by them or by the bridges.
    """
    sorting = _Sorting(snapshot, records, live_calls)
    sorting.bridges()
    sorting.queues()
    sorting.channels()
    return sorting.survey()


class _Sorting:
    """The things are taken one kind after the other: what a bridge or a queue has settled is no channel alone."""

    def __init__(self, snapshot: Snapshot, records: Sequence[CallRecord], live_calls: frozenset[str]) -> None:
        self._snapshot = snapshot
        self._records = records
        self._live_calls = live_calls
        self._by_channel = {record.channel_id: record for record in records}
        self._by_call = {record.call_id: record for record in records}
        self._settled: set[str] = set()
        self._ending: list[str] = []
        self._unnoticed: list[str] = []
        self._dropping: list[str] = []
        self._talks: list[tuple[str, PresentChannel, PresentChannel]] = []
        self._waiting: list[tuple[CallRecord, PresentChannel]] = []
        self._queued: list[tuple[CallRecord, PresentChannel]] = []
        self._alone: list[tuple[CallRecord, PresentChannel]] = []
        self._unknown: list[PresentChannel] = []

    def bridges(self) -> None:
        """Each bridge with those who are in it."""
        bridges, consulted = self._rejoined()
        self._settled |= consulted
        self._ending += consulted
        self._dropping += self._snapshot.bridges.keys() - bridges.keys()
        for bridge, members in bridges.items():
            bridge_owner = owner(bridge)
            if bridge_owner is None or bridge_owner.call_id in self._live_calls:
                self._settled |= members
                continue
            self._bridge(bridge, bridge_owner.call_id, members)

    def _rejoined(self) -> tuple[Mapping[str, frozenset[str]], frozenset[str]]:
        """The bridges as if nobody were consulted, and those who were: whoever did so goes back to the talk."""
        bridges = dict(self._snapshot.bridges)
        consulted: frozenset[str] = frozenset()
        for bridge, members in self._snapshot.bridges.items():
            aside = owner(bridge)
            if aside is not None and aside.role == CONSULT and aside.call_id not in self._live_calls:
                back = _who_consulted(members, self._by_call.get(aside.call_id))
                main = bridge_id(aside.call_id)
                bridges[main] = bridges.get(main, frozenset()) | back
                del bridges[bridge]
                consulted |= members - back
        return bridges, consulted

    def _bridge(self, bridge: str, call_id: str, members: frozenset[str]) -> None:
        record = self._by_call.get(call_id)
        present = [self._snapshot.channels[member] for member in members if member in self._snapshot.channels]
        callers = [channel for channel in present if _is_caller(channel, record)]
        legs = [channel for channel in present if channel not in callers]
        if len(callers) == 1 and _is_early(legs, record):
            self._settled |= members - {callers[0].channel_id}  # he waits
            self._ending += (leg.channel_id for leg in legs)
            self._dropping.append(bridge)
            return
        self._settled |= members
        if len(callers) == 1 and len(legs) == 1:
            self._talks.append((call_id, callers[0], legs[0]))
        else:
            self._ending += members
            self._dropping.append(bridge)

    def queues(self) -> None:
        """Callers who were lent to a queue."""
        for record in self._records:
            if record.call_id not in self._live_calls and (channel := _in_queue(record, self._snapshot)) is not None:
                self._queued.append((record, channel))
                self._settled.add(channel.channel_id)

    def channels(self) -> None:
        """Every channel by itself."""
        # By transfers: a caller who has left his call to others, or somebody whom nobody speaks with.
        others = (record for record in self._records if record.call_id not in self._live_calls)
        left_over = {leg.channel_id for record in others for leg in record.legs}
        for channel in self._snapshot.channels.values():
            if channel.channel_id not in self._settled:
                self._channel(channel, is_left_over=channel.channel_id in left_over)

    def _channel(self, channel: PresentChannel, *, is_left_over: bool) -> None:
        leg_owner, record = owner(channel.channel_id), self._by_channel.get(channel.channel_id)
        call_id = leg_owner.call_id if leg_owner else record.call_id if record else ""
        if call_id in self._live_calls:
            return
        if record is not None and record.direction is Direction.OUTBOUND and record.answered_at is None:
            self._alone.append((record, channel))
        elif leg_owner is not None and _is_unmade(self._by_call.get(call_id)):
            self._unnoticed.append(channel.channel_id)
        elif leg_owner is not None or is_left_over:
            self._ending.append(channel.channel_id)
        elif record is None:
            self._unknown.append(channel)
        else:
            self._waiting.append((record, channel))

    def survey(self) -> Survey:
        """The result; records of which nothing is left are closed."""
        found = {call_id for call_id, _, _ in self._talks}
        found |= {record.call_id for record, _ in (*self._waiting, *self._queued, *self._alone)}
        going_on = found | self._live_calls
        return Survey(
            end_channels=tuple(self._ending),
            end_unnoticed=tuple(self._unnoticed),
            drop_bridges=tuple(self._dropping),
            talks=tuple(self._talks),
            waiting=tuple(self._waiting),
            queued=tuple(self._queued),
            alone=tuple(self._alone),
            unknown_callers=tuple(self._unknown),
            close=tuple(record for record in self._records if record.call_id not in going_on),
        )


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


def _who_consulted(members: frozenset[str], record: CallRecord | None) -> frozenset[str]:
    """Of the members of a consult bridge the one who belongs to the talk: the caller, or the leg that came first."""
    if record is not None and record.channel_id in members:
        return frozenset({record.channel_id})
    return frozenset(sorted(members, key=lambda member: (len(member), member))[:1])


def _is_early(legs: Sequence[PresentChannel], record: CallRecord | None) -> bool:
    """Whether the caller was in the bridge for a trunk's early media: its leg is not answered, or is gone again.

    Of a talk whose one side is gone, the guard has ended the other, or there is an answer on record.
    """
    if legs:
        return not any(leg.up for leg in legs)
    return record is not None and record.answered_at is None


def _is_unmade(record: CallRecord | None) -> bool:
    """Whether this is a call that an agent was to make: it rings at his phones, and nobody has called him."""
    return record is not None and record.first == First.AGENT and not record.channel_id
