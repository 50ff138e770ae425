"""What a call of the PBX comes to: its row of the history, and its parts, as those of the router's own calls."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from ari_app.domain.causes import ANSWERED_ELSEWHERE, CALL_REJECTED, NORMAL_CLEARING, USER_BUSY, LegOutcome, leg_outcome
from ari_app.domain.parts import ABANDONED, ANSWERED, CallPart, PartKind
from ari_app.domain.pbx_call import Party, PbxCall, Visit
from ari_app.domain.pbx_names import Names, endpoint_of, is_party
from ari_app.domain.record import CallRecord, Direction, Disposition, LegRecord

AT_ONCE: Final = timedelta(seconds=0.5)
"""Between whoever hangs up, and what ends by it, where nothing but time tells that it does.

Of what AMI tells that is the moment in which it was told: a machine that is busy lets more go by.
"""
WHOLE_SECONDS: Final = timedelta(seconds=1.5)
"""The same where times have whole seconds; and what two sources tell of one moment."""
STILL_WAITING: Final = timedelta(seconds=3)
"""Between the moment in which a queue has told that its caller is gone, and his end, where he did nothing in between.

Longer than AT_ONCE, since both tell it; short, since a queue tells the same when his time there is up while a member
rings: who then hears a sentence, and hangs up, has been served by nobody.
"""
VOICEMAIL: Final = "VoiceMail"
CANCEL: Final = "CANCEL"
"""The DIALSTATUS of a caller who hung up while somebody was called for him."""
NOT_EXTENSIONS: Final = frozenset({"s", "h", "t", "i", "T", "o", "a"})
_BY_QUEUE: Final = "AppQueue"


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxRecord:
    """One call: `record.source` is cel or cdr, `record.recovered` that a part of it may not have been seen.

    `channels` are Asterisk's ids of all its channels: they tell whether it is a call of the router's.
    """

    record: CallRecord
    parts: tuple[CallPart, ...]
    channels: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    """Whoever was called: `owner` is a user's id or the endpoint. Over by `ended_at`, of an open call None."""

    party: Party
    endpoint: str
    owner: str
    is_trunk: bool
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str

    @property
    def has_spoken(self) -> bool:
        return self.outcome == ANSWERED or self.answered_at is not None

    @property
    def rang_until(self) -> datetime | None:
        return self.answered_at or self.ended_at


def describe(
    call: PbxCall, names: Names, *, ended: Literal["open", "seen", "lost"], lost_at: datetime | None = None
) -> PbxRecord | None:
    """The record of a call, None when no phone and no line was in it.

    It is still `open`, its end was `seen`, or it is known to be over since `lost_at` and nobody has seen how.
    """
    parties = sorted((p for p in call.parties.values() if is_party(p.channel)), key=lambda p: (p.began_at, p.channel))
    if not parties:
        return None
    return _Story(call, names, parties, ended, lost_at).tell()


class _Story:
    """What is derived from a call, each thing once."""

    def __init__(
        self, call: PbxCall, names: Names, parties: Sequence[Party], ended: str, lost_at: datetime | None
    ) -> None:
        self.call = call
        self.names = names
        self.parties = parties
        self.caller = next((party for party in parties if party.uniqueid == call.linkedid), parties[0])
        self.is_open, self.is_lost = ended == "open", ended == "lost"
        ends = [party.ended_at for party in parties if party.ended_at is not None]
        self.ended_at = None if self.is_open else max([*ends, call.began_at, *([lost_at] if lost_at else [])])
        if not self.is_open and not ends:
            self.ended_at = max(lost_at or call.last_at, call.began_at)
        self.knows_bridges = any(party.spoke for party in parties)
        self.caller_gave_up = bool(self.caller.source) and self.caller.source == self.caller.channel
        self.legs = [self._leg(party) for party in parties if party is not self.caller]
        self.direction = self._direction()

    def tell(self) -> PbxRecord:
        caller, call = self.caller, self.call
        spoken = [leg for leg in self.legs if leg.has_spoken]
        answers = [leg.answered_at for leg in spoken if leg.answered_at]
        last = max(spoken, key=lambda leg: leg.answered_at or leg.party.began_at, default=None)
        kind, destination = self._destination(last)
        parts = self.parts(min(answers, default=None), last)
        disposition = self._disposition(bool(spoken))
        agent = last.owner if last and last.endpoint in self.names.users else ""
        if self.direction is Direction.OUTBOUND:
            agent = self.names.users.get(endpoint_of(caller.channel), agent)
        record = CallRecord(
            call_id=f"pbx-{call.linkedid}",
            called_number=_extension(caller.exten) or _extension(caller.dialled) or caller.exten,
            caller_number=caller.number,
            caller_name=caller.name,
            channel_id=caller.uniqueid,
            started_at=min(call.began_at, caller.began_at),
            answered_at=min(answers, default=None),
            ended_at=self.ended_at,
            disposition=disposition,
            destination_type=kind,
            destination=destination,
            answered_by=last.endpoint if last else "",
            agent=agent,
            door="",
            ended_by=self._ended_by(),
            cause=caller.cause,
            reason=self._why() if disposition in {Disposition.UNANSWERED, Disposition.CUSTOMER_UNREACHED} else "",
            recovered=not call.whole,
            direction=self.direction,
            source="cel" if call.has_cel else "cdr",
            linkedid=call.linkedid,
            legs=tuple(self._leg_record(number, leg) for number, leg in enumerate(self.legs, start=1)),
        )
        channels = frozenset(party.uniqueid for party in call.parties.values() if party.uniqueid) | {call.linkedid}
        return PbxRecord(record=record, parts=parts, channels=channels)

    def _leg(self, party: Party) -> _Leg:
        endpoint = endpoint_of(party.channel)
        answered_at = (party.bridged_at if self.knows_bridges else None) or (
            party.answered_at if party.spoke or not self.knows_bridges else None
        )
        ended_at = party.ended_at or (
            party.left_at if party.left_at and party.left_at >= (answered_at or party.left_at) else None
        )
        over_at = ended_at or self.ended_at
        return _Leg(
            party=party,
            endpoint=endpoint,
            owner=self.names.owner(endpoint),
            is_trunk=endpoint in self.names.trunks or self._is_dialled_through(endpoint),
            answered_at=answered_at,
            ended_at=over_at,
            outcome=self._outcome(party, answered_at, over_at),
        )

    def _outcome(self, party: Party, answered_at: datetime | None, ended_at: datetime | None) -> str:
        if party.spoke or answered_at is not None:
            return "" if ended_at is None else ANSWERED
        if ended_at is None:
            return ""
        if party.ended_at is None:
            return LegOutcome.LOST.value
        match party.cause:
            case cause if cause == ANSWERED_ELSEWHERE:
                return LegOutcome.ANSWERED_ELSEWHERE.value
            case cause if cause in {USER_BUSY, CALL_REJECTED}:
                return leg_outcome(cause or 0, None).value
            case None | 0 | 16 | 19 | 127:  # Asterisk itself gave it up: its caller had hung up, or the time was over
                went_on = any(other.began_at >= ended_at for other in self.parties)
                was_left = self.caller.dialled_status == CANCEL or self._ends_with_caller(ended_at)
                is_cancelled = self.caller_gave_up and was_left and not went_on
                return (LegOutcome.CANCELLED if is_cancelled else LegOutcome.NO_ANSWER).value
            case cause:
                return leg_outcome(cause, None).value

    def _ends_with_caller(self, at: datetime) -> bool:
        gone_at = self.caller.ended_at
        return gone_at is not None and abs(gone_at - at) <= (AT_ONCE if self.call.has_cel else WHOLE_SECONDS)

    def _is_dialled_through(self, endpoint: str) -> bool:
        """Whether Dial() had PJSIP/NUMBER@endpoint: that is a line, and nobody's phone."""
        name = endpoint.partition("/")[2]
        return any(
            part.partition("@")[2].partition("/")[0] == name
            for dialled in self.call.dials
            for part in dialled.data.partition(",")[0].split("&")
            if is_party(part)
        )

    def _direction(self) -> Direction:
        goes_out = any(leg.is_trunk for leg in self.legs)
        match self.names.is_inside(endpoint_of(self.caller.channel), self.caller.context):
            case True:
                return Direction.OUTBOUND if goes_out else Direction.INTERNAL
            case False:
                return Direction.INBOUND
            case None:
                return Direction.OUTBOUND if goes_out else Direction.INBOUND

    def _disposition(self, was_answered: bool) -> Disposition:
        if self.is_open:
            return Disposition.IN_PROGRESS
        if was_answered:
            return Disposition.ANSWERED
        if self.is_lost:
            return Disposition.INTERRUPTED
        if VOICEMAIL in self.caller.applications:
            return Disposition.TO_VOICEMAIL
        if self.caller_gave_up and (self._was_waiting() or self.caller.answered_at is None):
            return Disposition.ABANDONED
        if self.caller.answered_at is not None and not self.call.visits and not self.legs:
            return Disposition.TO_DIALPLAN
        if not self.call.has_cel and self.call.visits and self.call.visits[-1].abandoned:
            return Disposition.ABANDONED
        return Disposition.CUSTOMER_UNREACHED if self.direction is Direction.OUTBOUND else Disposition.UNANSWERED

    def _was_waiting(self) -> bool:
        """Whether somebody was being called for the caller, or he stood in a queue, when he hung up."""
        waits = [leg.ended_at for leg in self.legs] + [visit.ended_at for visit in self.call.visits]
        return any(until is not None and self._ends_with_caller(until) for until in waits)

    def _ended_by(self) -> str:
        source = self.caller.source
        if self.is_open:
            return ""
        if self.is_lost:
            return "unknown"
        if self.caller_gave_up:
            return "caller"
        if any(leg.party.channel == source for leg in self.legs):
            return "callee"
        return "dialplan" if source.startswith("dialplan/") else ""

    def _why(self) -> str:
        outcomes = [leg.outcome for leg in self.legs]
        if outcomes:
            return outcomes[-1]
        cause = self.caller.cause
        return "" if cause in {None, 0, NORMAL_CLEARING} else leg_outcome(cause or 0, None).value

    def _destination(self, last: _Leg | None) -> tuple[str, str]:
        """What the call was for: the last queue, else whom it reached or tried last."""
        if self.call.visits:
            return "queue", self.names.queue(self.call.visits[-1].queue)
        leg = last or (self.legs[-1] if self.legs else None)
        if leg is None:
            return "", ""
        if leg.is_trunk:
            return "number", _extension(self.caller.exten) or self.caller.dialled
        return ("user", leg.owner) if leg.endpoint in self.names.users else ("endpoint", leg.endpoint)

    def _leg_record(self, number: int, leg: _Leg) -> LegRecord:
        return LegRecord(
            leg=f"leg-{number}",
            endpoint=leg.endpoint,
            contact="",
            dialled_at=leg.party.began_at,
            answered_at=leg.answered_at,
            ended_at=leg.ended_at,
            outcome=LegOutcome.TRANSFERRED.value if leg.party.transferred and leg.ended_at else leg.outcome,
            cause=leg.party.cause,
            user=self.names.users.get(leg.endpoint, ""),
            channel_id=leg.party.uniqueid,
        )

    def parts(self, answered_at: datetime | None, last: _Leg | None) -> tuple[CallPart, ...]:
        """In the order in which they began."""
        parts = [*self._of_caller(answered_at, last), *self._of_queues(), *self._of_teams(), *self._of_users()]
        return tuple(sorted(map(_in_order, parts), key=lambda part: (part.began_at, part.kind, part.name)))

    def _of_caller(self, answered_at: datetime | None, last: _Leg | None) -> Iterator[CallPart]:
        if self.direction is Direction.INBOUND:
            return
        outcome = ANSWERED if last else ABANDONED if self.caller_gave_up else self._why() or LegOutcome.FAILED.value
        ended_at = self.caller.ended_at or self.ended_at
        yield CallPart(
            kind=PartKind.USER,
            name=self.names.owner(endpoint_of(self.caller.channel)),
            began_at=self.caller.began_at,
            answered_at=answered_at,
            ended_at=ended_at,
            outcome="" if ended_at is None else outcome,
            answered_by="" if last is None else last.owner,
            direction=Direction.OUTBOUND,
        )

    def _of_queues(self) -> Iterator[CallPart]:
        for visit in self.call.visits:
            waited_until = visit.answered_at or visit.left_at or visit.ended_at
            leg = self._served_in(visit)
            answered_at = visit.answered_at or (leg.answered_at if leg and not visit.told else None)
            ended_at = visit.ended_at or self.caller.ended_at or self.ended_at
            if ended_at is not None and waited_until is not None:
                ended_at = max(ended_at, waited_until)
            who = leg.owner if leg else self.names.member(visit.member) if visit.member else ""
            outcome = ANSWERED if answered_at else ABANDONED if self._gave_up_in(visit) else LegOutcome.NO_ANSWER.value
            yield CallPart(
                kind=PartKind.QUEUE,
                name=self.names.queue(visit.queue),
                began_at=visit.began_at,
                answered_at=answered_at,
                ended_at=ended_at,
                outcome="" if ended_at is None else outcome,
                answered_by=who if answered_at else "",
            )

    def _gave_up_in(self, visit: Visit) -> bool:
        """Whether the caller hung up while he waited. The queue says so also when his time there was up."""
        if visit.abandoned and not self.call.has_cel:
            return True
        left_at, gone_at = visit.ended_at, self.caller.ended_at
        if not self.caller_gave_up or gone_at is None:
            return False
        if left_at is None or self._ends_with_caller(left_at):
            return True
        begun = [party.began_at for party in self.parties] + [dialled.at for dialled in self.call.dials]
        went_on = any(began_at >= left_at for began_at in begun + [each.began_at for each in self.call.visits])
        return visit.abandoned and gone_at - left_at <= STILL_WAITING and not went_on

    def _served_in(self, visit: Visit) -> _Leg | None:
        """The phone that served this visit: picked up while it lasted."""
        until = visit.ended_at or self.ended_at
        by_phone = [
            leg
            for leg in self.legs
            if leg.answered_at
            and leg.party.began_at >= visit.began_at - WHOLE_SECONDS
            and (until is None or leg.answered_at <= until)
        ]
        return min(by_phone, key=lambda leg: leg.answered_at or leg.party.began_at, default=None)

    def _of_teams(self) -> Iterator[CallPart]:
        """Dial() of several at a time: legs of different owners that rang together."""
        legs = [leg for leg in self.legs if not leg.is_trunk and self._visit_of(leg) is None]
        for group in _by_dial(legs) if self.call.has_cdr else _together(legs):
            owners = sorted({leg.owner for leg in group})
            if len(owners) < 2:
                continue
            began_at = min(leg.party.began_at for leg in group)
            speaker = min(
                (leg for leg in group if leg.has_spoken),
                key=lambda leg: leg.answered_at or leg.party.began_at,
                default=None,
            )
            ends = [leg.ended_at for leg in ([speaker] if speaker else group)]
            ended_at = None if None in ends else max(end for end in ends if end)
            outcome = ANSWERED if speaker else _most_telling([leg.outcome for leg in group])
            yield CallPart(
                kind=PartKind.TEAM,
                name=self.names.team(owners, self._dialled_for(began_at)),
                began_at=began_at,
                answered_at=speaker.answered_at if speaker else None,
                ended_at=ended_at,
                outcome="" if ended_at is None else outcome,
                answered_by=speaker.owner if speaker else "",
            )

    def _dialled_for(self, at: datetime) -> str:
        """The number by which a group was dialled: where the caller stood then, else what he had dialled."""
        dials = [
            dialled for dialled in self.call.dials if dialled.at <= at + WHOLE_SECONDS and is_party(dialled.channel)
        ]
        exten = _extension(dials[-1].exten) if dials else ""
        return exten or _extension(self.caller.exten) or _extension(self.caller.dialled) or "group"

    def _of_users(self) -> Iterator[CallPart]:
        """One part for whoever is rung on several phones, or again and again by the same queue."""
        attempts: dict[str, list[list[_Leg]]] = {}
        for leg in self.legs:
            if leg.is_trunk:
                continue
            own = attempts.setdefault(leg.owner, [])
            if own and self._goes_on(own[-1], leg):
                own[-1].append(leg)
            else:
                own.append([leg])
        for owner, rounds in attempts.items():
            for legs in rounds:
                yield _user_part(owner, legs)

    def _goes_on(self, before: Sequence[_Leg], leg: _Leg) -> bool:
        if any(other.has_spoken and other.rang_until and other.rang_until <= leg.party.began_at for other in before):
            return False
        visit = self._visit_of(leg)
        if visit is not None and visit is self._visit_of(before[-1]):
            return True
        return any(other.rang_until is None or leg.party.began_at < other.rang_until for other in before)

    def _visit_of(self, leg: _Leg) -> Visit | None:
        """The queue that rang it, by itself or through a Local channel."""
        for visit in self.call.visits:
            until = visit.answered_at or visit.left_at or visit.ended_at
            in_time = visit.began_at - WHOLE_SECONDS <= leg.party.began_at and (
                until is None or leg.party.began_at <= until + WHOLE_SECONDS
            )
            if in_time and (_BY_QUEUE in leg.party.applications or not self.call.has_cdr):
                return visit
        return None


def _together(legs: Iterable[_Leg]) -> Iterator[list[_Leg]]:
    """Legs that rang at the same time, in the order in which they began."""
    group: list[_Leg] = []
    for leg in legs:
        still = [other for other in group if other.rang_until is None or leg.party.began_at < other.rang_until]
        if group and not still:
            yield group
            group = []
        group.append(leg)
    if group:
        yield group


def _by_dial(legs: Iterable[_Leg]) -> Iterator[list[_Leg]]:
    """Legs that one Dial() rang, as a Cdr tells it: its whole seconds do not tell what was at the same time."""
    dials: dict[tuple[datetime, str], list[_Leg]] = {}
    for leg in legs:
        if "&" in leg.party.dialled:
            dials.setdefault((leg.party.began_at, leg.party.dialled), []).append(leg)
    yield from dials.values()


def _in_order(part: CallPart) -> CallPart:
    """Nothing ends before it begins, though whole seconds and events that came late say so."""
    answered_at = part.answered_at and max(part.answered_at, part.began_at)
    ended_at = part.ended_at and max(part.ended_at, answered_at or part.began_at)
    return replace(part, answered_at=answered_at, ended_at=ended_at)


def _user_part(owner: str, legs: Sequence[_Leg]) -> CallPart:
    speaker = next((leg for leg in legs if leg.has_spoken), None)
    ends = [leg.ended_at for leg in ([speaker] if speaker else legs)]
    ended_at = None if None in ends else max(end for end in ends if end)
    outcome = ANSWERED if speaker else _most_telling([leg.outcome for leg in legs])
    return CallPart(
        kind=PartKind.USER,
        name=owner,
        began_at=legs[0].party.began_at,
        answered_at=speaker.answered_at if speaker else None,
        ended_at=ended_at,
        outcome="" if ended_at is None else outcome,
        answered_by=owner if speaker else "",
    )


_TELLING: Final = (LegOutcome.DECLINED, LegOutcome.BUSY, LegOutcome.ANSWERED_ELSEWHERE, LegOutcome.CANCELLED)


def _most_telling(outcomes: Sequence[str]) -> str:
    told = next((outcome.value for outcome in _TELLING if outcome in outcomes), outcomes[-1] if outcomes else "")
    return ABANDONED if told == LegOutcome.CANCELLED else told


def _extension(exten: str) -> str:
    return "" if exten in NOT_EXTENSIONS else exten
