"""Who took part in a call: each user who was rung, each team and queue it waited for. A fold over the call's events.

A part is a row of the history: how long the caller waited for it, who answered, how long they spoke. A user who is rung
on several devices, or again and again within one step, has one part of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome
from ari_app.domain.record import UNREACHED, Direction

ANSWERED: Final = LegOutcome.ANSWERED.value
ABANDONED: Final = "abandoned"
"""The caller gave up while this part of the call was rung, or he waited for it."""

PBX_PARTS_FROM: Final = 1000
"""Parts that Asterisk's own record adds to a call of the router are numbered from here, the router's below."""

_MOST_TELLING: Final = (
    LegOutcome.DECLINED,
    LegOutcome.BUSY,
    LegOutcome.ANSWERED_ELSEWHERE,
    LegOutcome.CANCELLED,
    LegOutcome.NO_ANSWER,
    LegOutcome.UNCONFIRMED,
    LegOutcome.REDIRECTED,
    LegOutcome.REFUSED,
    LegOutcome.UNAVAILABLE,
    LegOutcome.NOT_FOUND,
)
"""Of a user's several devices, the outcome that tells most about him comes first."""


class PartKind(StrEnum):
    """Whose part it is."""

    USER = "user"
    QUEUE = "queue"
    TEAM = "team"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPart:
    """One user, queue or team in a call. Times are UTC; `name` is an id of the directory, else Asterisk's name.

    `outcome` is "" until the part is over; then a word of `LegOutcome`, or abandoned: the caller gave up.
    `answered_by` is the id of the user who spoke, or his endpoint when he is none of the directory.
    """

    kind: PartKind
    name: str
    began_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    answered_by: str = ""
    direction: Direction = Direction.INBOUND

    @property
    def waiting_s(self) -> float | None:
        """Seconds until somebody answered, or until the part was over; None while it is neither."""
        until = self.answered_at or self.ended_at
        return None if until is None else (until - self.began_at).total_seconds()

    @property
    def talk_s(self) -> float | None:
        """Seconds from the answer to the end; None while, and when, there is none."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.answered_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    """A leg as the parts see it: `part` is its user's, `group` the team's for which it was dialled."""

    endpoint: str
    user: str
    step: int
    part: int | None = None
    group: int | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a call so far, in the order in which they began; what else is here carries the fold on."""

    rows: tuple[CallPart, ...] = ()
    direction: Direction = Direction.INBOUND
    agent_is_first: bool = False
    step: int = 0
    group: int | None = None
    first: str = ""
    asker: int | None = None
    legs: Mapping[str, _Leg] = field(default_factory=dict)
    speakers: Mapping[int, str] = field(default_factory=dict)  # the leg that answered each part


def parts_of(happened: Iterable[e.CallEvent]) -> tuple[CallPart, ...]:
    """The parts of a call after all these events, which are in their order."""
    parts = Parts()
    for event in happened:
        parts = parts_after(parts, event)
    return parts.rows


def parts_after(parts: Parts, event: e.CallEvent) -> Parts:
    """The parts after one more event. Rows are only added and changed: the number of a part is its place for ever."""
    match event:
        case e.CallRequested():
            requested = replace(parts, direction=Direction.OUTBOUND, agent_is_first=event.first == "agent")
            return _requested(requested, event)
        case e.FirstAnswered():
            return replace(parts, first=event.leg)
        case e.StepStarted():
            started = replace(parts, step=event.step)
            if event.team:
                return _group_began(started, PartKind.TEAM, event.team, event.at)
            if event.destination_type == PartKind.QUEUE:
                return _group_began(started, PartKind.QUEUE, event.destination, event.at)
            return replace(started, group=None)
        case e.StepEnded():
            return parts if event.outcome == ANSWERED else _group_ended(parts, event.outcome, event.at)
        case e.TransferAsked() if event.kind == "blind" and event.destination_type == PartKind.TEAM:
            return _group_began(parts, PartKind.TEAM, event.destination, event.at)
        case e.TransferFailed():
            return _group_ended(parts, event.outcome, event.at)
        case e.LegDialled():
            return _dialled(parts, event)
        case e.LegJoined():
            return _joined(parts, event)
        case e.CallAnswered():
            parts = _answered(parts, event.leg, event.at)
            return _answered(parts, parts.first, event.at) if parts.first else parts
        case e.Transferred():
            return _answered(parts, event.leg, event.at)
        case e.QueueAnswered():
            return _queue_answered(parts, event)
        case e.LegEnded():
            return _leg_ended(parts, event)
        case e.CallEnded() | e.SentToDialplan():
            return _over(parts, event)
        case e.CallArrived() | e.RouteEntered() | e.OutsideHours() | e.CallRecovered() | e.TransferAsked():
            return parts
        case e.RequestSent() | e.AnswerReceived() | e.AttemptFailed() | e.CallerDescribed() | e.DestinationFound():
            return parts
        case e.LookupFailed() | e.RecallFailed() | e.Guessed() | e.GuessJudged() | e.LastAgentFound():
            return parts
        case e.MemberCalled() | e.MemberPassed() | e.DeviceUnavailable() | e.TrunkSkipped() | e.NumberRefused():
            return parts
        case e.LegRinging() | e.LegProgressed() | e.LegAnswered() | e.ConfirmationAsked() | e.LegConfirmed():
            return parts
        case e.LegRedirected() | e.AnsweredEarly() | e.LimitNear() | e.Held() | e.Resumed() | e.Steered():
            return parts
        case e.RecordingAnnounced() | e.RecordingStarted() | e.RecordingEnded():
            return parts
        case e.RecordingStored() | e.RecordingFailed() | e.VoicemailLeft() | e.ContactFound() | e.ContactNotFound():
            return parts
        case _:
            assert_never(event)


def _group_began(parts: Parts, kind: PartKind, name: str, at: datetime) -> Parts:
    part = CallPart(kind=kind, name=name, began_at=at, direction=_direction(parts))
    return replace(parts, rows=(*parts.rows, part), group=len(parts.rows))


def _direction(parts: Parts) -> Direction:
    """Of whoever is called now: of a requested call, those on the agent's side make it, and a colleague gets it."""
    is_agents_side = parts.agent_is_first == (not parts.first)
    return parts.direction if is_agents_side else Direction.INBOUND


def _group_ended(parts: Parts, outcome: str, at: datetime) -> Parts:
    if parts.group is None:
        return parts
    part = parts.rows[parts.group]
    if part.answered_at is not None or part.ended_at is not None:
        return parts
    # What failed without a word, or for whom nobody was heard to answer, is over all the same.
    told = LegOutcome.FAILED.value if outcome in {"", ANSWERED} else _of_part(outcome)
    return replace(_changed(parts, parts.group, ended_at=at, outcome=told), group=None)


def _requested(parts: Parts, event: e.CallRequested) -> Parts:
    """For whom a call is asked waits from then on, also when the dial policy refuses it."""
    if not event.user:
        return parts
    part = CallPart(kind=PartKind.USER, name=event.user, began_at=event.at, direction=parts.direction)
    return replace(parts, rows=(*parts.rows, part), asker=len(parts.rows))


def _dialled(parts: Parts, event: e.LegDialled) -> Parts:
    leg = _Leg(endpoint=event.endpoint, user=event.user, step=parts.step, group=parts.group)
    if event.user:
        part = _unanswered_of(parts, event.user)
        if part is None:
            part = len(parts.rows)
            new = CallPart(kind=PartKind.USER, name=event.user, began_at=event.at, direction=_direction(parts))
            parts = replace(parts, rows=(*parts.rows, new))
        else:  # another device of his, or he is rung again
            parts = _changed(parts, part, ended_at=None, outcome="")
        leg = replace(leg, part=part)
    return _with_leg(parts, event.leg, leg)


def _joined(parts: Parts, event: e.LegJoined) -> Parts:
    leg = _Leg(endpoint=event.endpoint, user=event.user, step=parts.step)
    if event.user:
        part = CallPart(
            kind=PartKind.USER,
            name=event.user,
            began_at=event.at,
            answered_at=event.at,
            answered_by=event.user,
            direction=_direction(parts),
        )
        leg = replace(leg, part=len(parts.rows))
        speakers = {**parts.speakers, len(parts.rows): event.leg}
        parts = replace(parts, rows=(*parts.rows, part), speakers=speakers)
    return _with_leg(parts, event.leg, leg)


def _answered(parts: Parts, name: str, at: datetime) -> Parts:
    leg = parts.legs.get(name)
    if leg is None:
        return parts
    who = leg.user or leg.endpoint
    for number in (leg.part, leg.group):
        if number is not None and parts.rows[number].answered_at is None:
            parts = _changed(parts, number, answered_at=at, answered_by=who, ended_at=None, outcome="")
            parts = replace(parts, speakers={**parts.speakers, number: name})
    return parts


def _queue_answered(parts: Parts, event: e.QueueAnswered) -> Parts:
    who = event.user or event.member
    if parts.group is not None and parts.rows[parts.group].answered_at is None:
        parts = _changed(parts, parts.group, answered_at=event.at, answered_by=who, ended_at=None, outcome="")
    if not event.user:
        return parts
    part = CallPart(
        kind=PartKind.USER,
        name=event.user,
        began_at=event.at,
        answered_at=event.at,
        answered_by=event.user,
        direction=_direction(parts),
    )
    return replace(parts, rows=(*parts.rows, part))


def _leg_ended(parts: Parts, event: e.LegEnded) -> Parts:
    leg = parts.legs.get(event.leg)
    if leg is None:
        return parts
    parts = _with_leg(parts, event.leg, replace(leg, outcome=event.outcome))
    for number, speaker in parts.speakers.items():
        if speaker == event.leg and parts.rows[number].ended_at is None:
            parts = _changed(parts, number, ended_at=event.at, outcome=ANSWERED)
    if leg.part is not None and parts.rows[leg.part].answered_at is None and (outcome := _of_all_legs(parts, leg.part)):
        parts = _changed(parts, leg.part, ended_at=event.at, outcome=outcome)
    return parts


def _over(parts: Parts, event: e.CallEnded | e.SentToDialplan) -> Parts:
    unanswered = _why_over(event)
    for number, part in enumerate(parts.rows):
        if part.ended_at is None:
            outcome = unanswered if part.answered_at is None else ANSWERED
            parts = _changed(parts, number, ended_at=event.at, outcome=outcome)
    return parts


def _why_over(event: e.CallEnded | e.SentToDialplan) -> str:
    match event:
        case e.CallEnded(by="caller" | "requester" | "command"):
            return ABANDONED
        case e.CallEnded(by="unknown"):
            return LegOutcome.LOST.value
        case e.CallEnded(reason=reason) if reason in UNREACHED:
            return reason
        case _:
            return LegOutcome.FAILED.value


def _of_all_legs(parts: Parts, number: int) -> str:
    """The outcome of a user who has not answered; "" while a leg of his lives."""
    outcomes = [leg.outcome for leg in parts.legs.values() if leg.part == number]
    if "" in outcomes:
        return ""
    told = next((outcome.value for outcome in _MOST_TELLING if outcome in outcomes), outcomes[-1])
    # A leg that was picked up although nobody spoke by it: of a requested call whose other side was not reached.
    return LegOutcome.NO_ANSWER.value if told == ANSWERED else _of_part(told)


def _unanswered_of(parts: Parts, user: str) -> int | None:
    """The part of a user who is rung already in this step, or for whom the call is asked."""
    rung = [leg.part for leg in parts.legs.values() if leg.user == user and leg.step == parts.step]
    if parts.asker is not None and parts.rows[parts.asker].name == user:
        rung.append(parts.asker)
    return next((part for part in rung if part is not None and parts.rows[part].answered_at is None), None)


def _of_part(outcome: str) -> str:
    return ABANDONED if outcome == LegOutcome.CANCELLED else outcome


def _changed(parts: Parts, number: int, **changes: object) -> Parts:
    part = replace(parts.rows[number], **changes)  # type: ignore[arg-type]
    return replace(parts, rows=(*parts.rows[:number], part, *parts.rows[number + 1 :]))


def _with_leg(parts: Parts, name: str, leg: _Leg) -> Parts:
    return replace(parts, legs={**parts.legs, name: leg})
