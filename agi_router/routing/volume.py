"""How much is dialled outside, counted in memory: asked before each call, so that it costs the caller no time.

    admission = volume.admit(OutgoingCall(channel_id, "+14155550177", "sales"), at)
    volume.answered(channel_id, at)
    volume.ended(channel_id, at)

Check and count are one step without a wait in between: of a hundred calls at one instant not one too many gets through.
"""

import heapq
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from agi_router.routing.errors import Failure
from agi_router.routing.outgoing import Journal, NoJournal, Outgoing, OutgoingCall
from agi_router.routing.volume_limits import HOUR, Count, Measure, Scope, VolumePolicy
from agi_router.routing.volume_windows import Tally

LONGEST_UNSEEN: Final = timedelta(hours=1)
"""Of the time in which nobody saw whether a talk goes on, at most this much counts: a router may be away for a day."""

_OF_NEXT_TRUNK: Final = (Measure.CONCURRENT, Measure.MINUTES_PER_DAY)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_NOTHING: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a call may be dialled: not, with a `refusal`, for the limit that is `reached`.

    `warnings` are limits that are near, or were reached just now; each is told again after an hour at the earliest.
    """

    refusal: Failure | None = None
    reached: Count | None = None
    warnings: tuple[Count, ...] = ()


class Volume:
    """All calls to numbers outside of the last day. `policy` may be set anew at any moment; what is counted stays.

    Moments are aware, and those of now: what is told of a clock that was put back counts as of now, and not for longer.
    """

    def __init__(self, policy: VolumePolicy, journal: Journal | None = None) -> None:
        self.policy = policy
        self._journal = journal or NoJournal()
        self._tallies: dict[Scope, Tally] = {}
        self._live: dict[str, Outgoing] = {}
        self._expired: dict[str, Outgoing] = {}  # reservations of which a report may come yet, the oldest first
        self._expiring: list[tuple[datetime, str]] = []  # a heap
        self._warned: dict[tuple[Scope, Measure, str], datetime] = {}
        self._seen_until = _LONG_AGO  # before the restart
        self._unseen: set[str] = set()  # those of before the restart, until it is known that they go on
        self._last_at = _LONG_AGO

    def admit(
        self, call: OutgoingCall, at: datetime, *, instead_of: str = "", expires_at: datetime | None = None
    ) -> Admission:
        """Whether this call may be dialled now; if so it counts from now on. One that is refused never counts.

        With `instead_of`, the id of one that has come to nothing, it is the same call by another trunk: it is not
        counted again, and only has to find room among those at a time and in the minutes of the day.
        With `expires_at` it is a reservation, which ends by itself then if `ended` was not told.
        An id that is live already is admitted, and counts once.
        """
        self._go_to(at)
        if call.id in self._live:
            return Admission()
        before = self._live.get(instead_of)
        counts = self._limited(call, at, _OF_NEXT_TRUNK if instead_of else Measure)
        reached = _longest_reached(counts, free_places=0 if before is None else 1)
        if reached is not None:
            return Admission(reached.failure(at), reached)
        if before is not None:
            self.ended(instead_of, at)
        outgoing = Outgoing(call=call, admitted_at=at, is_counted=not instead_of, expires_at=expires_at)
        self._count(outgoing, at)
        self._hold(outgoing)
        self._journal.keep(outgoing)
        return Admission(warnings=self._warnings(call, at))

    def check(self, call: OutgoingCall, at: datetime) -> Admission:
        """Whether `admit` would let this call through; nothing is counted."""
        self._go_to(at)
        reached = _longest_reached(self._limited(call, at, Measure))
        return Admission() if reached is None else Admission(reached.failure(at), reached)

    def answered(self, outgoing_id: str, at: datetime, *, expires_at: datetime | None = None) -> None:
        """This call speaks, and its minutes count; `at` may be a while ago. An id that is not live is no error.

        With `expires_at` a reservation ends then, and not when it would have without an answer, or has already.
        """
        self._go_to(max(at, self._last_at))  # one that is reported late is no clock that was put back
        outgoing = self._live.get(outgoing_id)
        if outgoing is not None and outgoing.answered_at is None:
            self._release(outgoing)
        elif outgoing is None and expires_at is not None and outgoing_id in self._expired:
            outgoing = replace(self._expired.pop(outgoing_id), ended_at=None)
        else:
            return
        outgoing = replace(outgoing, answered_at=at, expires_at=expires_at or outgoing.expires_at)
        self._hold(outgoing)
        self._journal.keep(outgoing)

    def ended(self, outgoing_id: str, at: datetime, talk_s: float | None = None) -> None:
        """This call is over. `talk_s` is how long it spoke; None: since `answered`, if that was told.

        A report that comes after the end of a reservation brings its minutes. An unknown id is no error.
        """
        self._go_to(at)
        outgoing = self._live.get(outgoing_id)
        if outgoing is not None:
            self._release(outgoing)
        else:
            outgoing = self._expired.pop(outgoing_id, None)
        if outgoing is not None:
            talk = _talked(outgoing, at) if talk_s is None else timedelta(seconds=max(0.0, talk_s))
            self._finish(outgoing, at, talk)

    def lost(self, outgoing_id: str, at: datetime) -> None:
        """This call is over, and nobody saw when it ended."""
        self._go_to(at)
        outgoing = self._live.get(outgoing_id)
        if outgoing is not None:
            self._release(outgoing)
            until = min(at, self._seen_until + LONGEST_UNSEEN) if outgoing_id in self._unseen else at
            self._unseen.discard(outgoing_id)
            self._finish(outgoing, at, _talked(outgoing, until))

    def lose_all_but(self, present: Set[str], at: datetime) -> None:
        """Every call is `lost` whose id is not among these. Reservations stay: they end by themselves."""
        self._go_to(at)
        for outgoing in list(self._live.values()):
            if outgoing.expires_at is None and outgoing.call.id not in present:
                self.lost(outgoing.call.id, at)
        self._unseen -= present

    def restore(self, kept: Iterable[Outgoing], at: datetime) -> None:
        """Count what a journal has kept, before anything else is counted here."""
        self._go_to(at)
        for outgoing in sorted(kept, key=lambda known: known.admitted_at):
            self._seen_until = max(self._seen_until, outgoing.last_at)
            if not outgoing.counts_at(at):
                continue
            self._count(outgoing, min(outgoing.admitted_at, at))
            if outgoing.ended_at is None:
                self._hold(_not_after(at, outgoing))
                self._unseen.add(outgoing.call.id)
            elif outgoing.talk_s is None:
                self._expired[outgoing.call.id] = outgoing
            else:
                self._count_talk(outgoing.call, timedelta(seconds=outgoing.talk_s), min(outgoing.ended_at, at))
        self._seen_until = min(self._seen_until, at)
        self._go_to(at)

    def counters(self, at: datetime) -> tuple[Count, ...]:
        """Every measure of every scope in which something counts, with its limit; all calls together come first."""
        self._go_to(at)
        for tally in list(self._tallies.values()):
            tally.slide(at)
            if tally.is_empty:
                del self._tallies[tally.scope]
        everything = self._of(OutgoingCall("", "", ""))
        own = sorted((tally for tally in self._tallies.values() if tally not in everything), key=_by_scope)
        return tuple(
            tally.count(measure, None, self.policy.limit(tally.scope, measure), at)
            for tally in (*everything, *own)
            for measure in Measure
        )

    def _go_to(self, at: datetime) -> None:
        """End the reservations that have come to their end."""
        is_back, self._last_at = at < self._last_at, at
        if is_back:
            self._go_back_to(at)
        while self._expiring and self._expiring[0][0] <= at:
            expires_at, outgoing_id = heapq.heappop(self._expiring)
            outgoing = self._live.get(outgoing_id)
            if outgoing is None or outgoing.expires_at is None or outgoing.expires_at > at:
                continue
            self._release(outgoing)
            if outgoing.answered_at is not None:
                self._finish(outgoing, expires_at, _talked(outgoing, expires_at))
            else:
                self._expired[outgoing_id] = replace(outgoing, ended_at=expires_at)
                self._journal.keep(self._expired[outgoing_id])
        while self._expired and not (oldest := next(iter(self._expired.values()))).counts_at(at):
            del self._expired[oldest.call.id]

    def _go_back_to(self, at: datetime) -> None:
        """The clock was put back: nobody can have spoken since a moment that is still to come."""
        for outgoing in list(self._live.values()):
            self._release(outgoing)
            self._hold(_not_after(at, outgoing))

    def _of(self, call: OutgoingCall) -> list[Tally]:
        """The tallies in which it counts, as of now."""
        tallies = [self._tallies.setdefault(scope, Tally(scope)) for scope in call.scopes]
        for tally in tallies:
            tally.slide(self._last_at)
        return tallies

    def _limited(self, call: OutgoingCall, at: datetime, measures: Iterable[Measure]) -> Sequence[Count]:
        """All that is limited for this call."""
        return [
            tally.count(measure, call.number, limit, at)
            for tally in self._of(call)
            for measure in measures
            if (limit := self.policy.limit(tally.scope, measure)) is not None
        ]

    def _warnings(self, call: OutgoingCall, at: datetime) -> tuple[Count, ...]:
        new = []
        for count in self._limited(call, at, Measure):
            told = (count.scope, count.measure, count.number)
            if count.is_near(self.policy.warn_at) and not _NOTHING <= at - self._warned.get(told, _LONG_AGO) < HOUR:
                self._warned = {key: when for key, when in self._warned.items() if _NOTHING <= at - when < HOUR}
                self._warned[told] = at
                new.append(count)
        return tuple(new)

    def _count(self, outgoing: Outgoing, at: datetime) -> None:
        if outgoing.is_counted:
            for tally in self._of(outgoing.call):
                tally.count_call(outgoing.call.number, at)

    def _hold(self, outgoing: Outgoing) -> None:
        self._live[outgoing.call.id] = outgoing
        if outgoing.expires_at is not None:
            heapq.heappush(self._expiring, (outgoing.expires_at, outgoing.call.id))
        for tally in self._of(outgoing.call):
            tally.live += 1
            if outgoing.answered_at is not None:
                tally.begin_talk(outgoing.answered_at)

    def _release(self, outgoing: Outgoing) -> None:
        del self._live[outgoing.call.id]
        for tally in self._of(outgoing.call):
            tally.live -= 1
            if outgoing.answered_at is not None:
                tally.end_talk(outgoing.answered_at)

    def _finish(self, outgoing: Outgoing, at: datetime, talk: timedelta) -> None:
        self._count_talk(outgoing.call, talk, at)
        self._journal.keep(replace(outgoing, ended_at=at, talk_s=talk.total_seconds()))

    def _count_talk(self, call: OutgoingCall, talk: timedelta, at: datetime) -> None:
        if talk:
            for tally in self._of(call):
                tally.count_talk(talk, at)


def _longest_reached(counts: Iterable[Count], free_places: int = 0) -> Count | None:
    """The limit that leaves no room, though so many places are given up; of several, the one that does for longest."""
    reached = [
        count
        for count in counts
        if (
            replace(count, value=count.value - free_places) if count.measure is Measure.CONCURRENT else count
        ).is_reached
    ]
    return max(reached, key=lambda count: count.room_at or _LONG_AGO, default=None)


def _talked(outgoing: Outgoing, until: datetime) -> timedelta:
    return max(_NOTHING, until - outgoing.answered_at) if outgoing.answered_at is not None else _NOTHING


def _not_after(at: datetime, outgoing: Outgoing) -> Outgoing:
    answered_at = outgoing.answered_at
    return outgoing if answered_at is None else replace(outgoing, answered_at=min(answered_at, at))


def _by_scope(tally: Tally) -> tuple[str, str]:
    return (tally.scope.kind.value, tally.scope.name)
