"""What is to be told of a call after each of its events, to people outside: a fold beside those of record and parts.

Of one call they hear call.started first and call.ended last, each once; only what was left behind, as a recording, may
be ready later. Nothing follows from the moment or from who
listens, only from the events: a call that is folded again after a restart goes on where it was.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome
from ari_app.domain.notices import NoticeType
from ari_app.domain.parts import ANSWERED, CallPart, PartKind, Parts
from ari_app.domain.record import CallRecord, Direction

AGI: Final = "agi"
_HELD: Final = {"hold": NoticeType.CALL_HELD, "resume": NoticeType.CALL_RESUMED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing to tell: `data` is beside the call. It concerns all of the call, or this user or this part alone."""

    type: NoticeType
    data: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    part: CallPart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How far the telling of a call has come.

    `decided_by` is how it was found where the call goes; "" while it is not, or has been told. `rung` are those whose
    phones have rung in this step. `called` are the numbers of the parts of users who were called, and have neither
    spoken nor missed the call by now; of those in `given_up` nobody waits any more.
    """

    decided_by: str = ""
    transfer: str = ""
    rung: frozenset[str] = frozenset()
    called: tuple[int, ...] = ()
    given_up: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Folded:
    """A call as its record and its parts have it."""

    record: CallRecord
    parts: Parts


def told_after(
    telling: Telling, seq: int, before: Folded, event: e.CallEvent, now: Folded
) -> tuple[Telling, tuple[Said, ...]]:
    """What is to be told after the event with this number in its call, which counts from 1, in its order."""
    if before.record.ended_at is not None:
        return telling, tuple(_left_behind(event))
    said = [Said(type=NoticeType.CALL_STARTED)] if seq == 1 else []
    telling, of_event = _of(telling, event, now)
    said += of_event
    said += _of_groups(before.parts.rows, now.parts.rows)
    said += _left_behind(event)
    telling, missed = _missed(telling, now)
    said += missed
    if before.record.answered_at is None and now.record.answered_at is not None:
        said.append(_answered(event, now.record))
    if now.record.ended_at is not None:
        said.append(Said(type=NoticeType.CALL_ENDED))
    return telling, tuple(said)


def _of(telling: Telling, event: e.CallEvent, now: Folded) -> tuple[Telling, Sequence[Said]]:
    record = now.record
    match event:
        case e.CallArrived() | e.RouteEntered():
            return replace(telling, decided_by="route"), ()
        case e.OutsideHours():
            return replace(telling, decided_by="hours"), ()
        case e.LookupFailed():
            return replace(telling, decided_by="fallback"), ()
        case e.DestinationFound():
            return replace(telling, decided_by=event.source), ()
        case e.StepStarted():
            routed = [_routed(telling.decided_by, event)] if telling.decided_by else []
            return replace(telling, decided_by="", rung=frozenset()), routed
        case e.TransferAsked():
            return replace(telling, transfer=event.kind, rung=frozenset()), ()
        case e.LegDialled():
            telling = _called(telling, event, now)
            # What a Dial() of the dialplan does is told when it is over: its phones ring as it begins.
            return _ringing(telling, event.leg, record) if record.door == AGI else (telling, ())
        case e.LegRinging():
            return _ringing(telling, event.leg, record)
        case e.Held():
            return telling, [_holding(NoticeType.CALL_HELD, event.party, record)]
        case e.Resumed():
            return telling, [_holding(NoticeType.CALL_RESUMED, event.party, record)]
        case e.Steered() if event.action in _HELD:
            return telling, [_holding(_HELD[event.action], event.party, record)]
        case e.Transferred():
            return _nobody_waits(telling), [_transferred(telling, event, record)]
        case e.CallAnswered() | e.QueueAnswered() | e.StepEnded() | e.TransferFailed():
            return _nobody_waits(telling), ()
        case e.NumberRefused():
            return telling, [_refused(event)]
        case e.CallRequested() | e.FirstAnswered() | e.RequestSent() | e.AnswerReceived() | e.AttemptFailed():
            return telling, ()
        case e.CallerDescribed() | e.RecallFailed() | e.Guessed() | e.GuessJudged() | e.LastAgentFound():
            return telling, ()
        case e.MemberCalled() | e.MemberPassed() | e.DeviceUnavailable() | e.TrunkSkipped() | e.LimitNear():
            return telling, ()
        case e.LegProgressed() | e.LegAnswered() | e.ConfirmationAsked() | e.LegConfirmed() | e.LegRedirected():
            return telling, ()
        case e.LegEnded() | e.LegJoined() | e.AnsweredEarly() | e.Steered() | e.CallRecovered():
            return telling, ()
        case e.RecordingAnnounced() | e.RecordingStarted() | e.RecordingEnded():
            return telling, ()
        case e.RecordingStored() | e.RecordingFailed() | e.VoicemailLeft():  # see _left_behind
            return telling, ()
        case e.ContactFound() | e.ContactNotFound():  # see _left_behind
            return telling, ()
        case e.SentToDialplan() | e.CallEnded():
            return telling, ()
        case _:
            assert_never(event)


def _left_behind(event: e.CallEvent) -> Iterator[Said]:
    """What may also become known of a call that is over."""
    match event:
        case e.RecordingStored():
            file = {name: getattr(event, name) for name in ("media_type", "size", "sha256", "seconds")}
            yield Said(type=NoticeType.RECORDING_READY, data={"recording": {"id": event.name, **file}})
        case e.RecordingFailed():
            why = {name: getattr(event, name) for name in ("code", "detail", "remedy")}
            yield Said(type=NoticeType.RECORDING_FAILED, data={"recording": {"id": event.name}, **why})
        case e.VoicemailLeft():
            file = {name: getattr(event, name) for name in ("media_type", "size", "sha256", "seconds")}
            recording = {"id": event.recording, **file} if event.recording else None
            message = {name: getattr(event, name) for name in ("mailbox", "message_id", "seconds", "reason")}
            yield Said(type=NoticeType.VOICEMAIL_LEFT, data={**message, "recording": recording})
        case e.ContactFound():
            names = ("connector", "contact_id", "number", "name", "company", "kind", "owner", "url", "source")
            contact = {name: getattr(event, name) for name in names}
            yield Said(type=NoticeType.CONTACT_FOUND, data={"contact": contact, "number": event.number})


def _routed(decided_by: str, event: e.StepStarted) -> Said:
    data = {"by": decided_by, "destination_type": event.destination_type, "destination": event.destination}
    return Said(type=NoticeType.CALL_ROUTED, data=data)


def _ringing(telling: Telling, name: str, record: CallRecord) -> tuple[Telling, Sequence[Said]]:
    leg = record.leg(name)
    if leg is None or (who := leg.user or leg.endpoint) in telling.rung:
        return telling, ()
    data = {"user": leg.user, "endpoint": leg.endpoint, "step": record.step}
    said = Said(type=NoticeType.CALL_RINGING, data=data, user=leg.user)
    return replace(telling, rung=telling.rung | {who}), [said]


def _holding(kind: NoticeType, party: str, record: CallRecord) -> Said:
    leg = record.leg(party)
    return Said(type=kind, data={"party": party, "user": leg.user if leg else ""})


def _transferred(telling: Telling, event: e.Transferred, record: CallRecord) -> Said:
    by, to = record.leg(event.by), record.leg(event.leg)
    data = {
        "kind": telling.transfer,
        "by": event.by,
        "by_user": by.user if by else "",
        "user": to.user if to else "",
        "endpoint": to.endpoint if to else "",
    }
    return Said(type=NoticeType.CALL_TRANSFERRED, data=data)


def _refused(event: e.NumberRefused) -> Said:
    names = ("number", "trunk", "user", "code", "detail", "remedy")
    return Said(type=NoticeType.POLICY_REFUSED, data={name: getattr(event, name) for name in names})


def _answered(event: e.CallEvent, record: CallRecord) -> Said:
    leg = record.leg(event.leg) if isinstance(event, e.CallAnswered) else None
    user = leg.user if leg else event.user if isinstance(event, e.QueueAnswered) else ""
    return Said(type=NoticeType.CALL_ANSWERED, data={"user": user or record.agent, "endpoint": record.answered_by})


def _called(telling: Telling, event: e.LegDialled, now: Folded) -> Telling:
    """Whoever is called by a colleague's click has not missed a call of his own when he does not pick up."""
    if now.record.direction is Direction.OUTBOUND and now.record.answered_at is None:
        return telling
    part = now.parts.legs[event.leg].part
    if part is None or part in telling.called:
        return telling
    return replace(telling, called=(*telling.called, part), given_up=telling.given_up - {part})


def _nobody_waits(telling: Telling) -> Telling:
    return replace(telling, given_up=frozenset(telling.called))


def _missed(telling: Telling, now: Folded) -> tuple[Telling, Sequence[Said]]:
    """Those who have missed the call by now: they ring no more, and somebody else has answered, or nobody."""
    if not telling.called:
        return telling, ()
    is_over = now.record.ended_at is not None
    said, left = list[Said](), []
    for number in telling.called:
        part = now.parts.rows[number]
        if part.answered_at is not None:
            continue
        if part.ended_at is None or not (is_over or number in telling.given_up):
            left.append(number)
            continue
        said += missed_by(part, now.record)
    return replace(telling, called=tuple(left), given_up=telling.given_up & set(left)), said


def missed_by(part: CallPart, record: CallRecord) -> Iterator[Said]:
    """A user was called, and has not taken it. Nothing where nobody has seen whether he did."""
    if part.outcome == LegOutcome.LOST:
        return
    data = {"user": part.name, "outcome": part.outcome, "waiting_s": _seconds(part), "step": record.step}
    yield Said(type=NoticeType.CALL_MISSED, data=data, user=part.name)


def _of_groups(before: Sequence[CallPart], now: Sequence[CallPart]) -> Iterator[Said]:
    """Queues and teams that the caller has begun to wait for, and those for which he waits no more."""
    if now is before:
        return
    for number, part in enumerate(now):
        if part.kind is PartKind.USER:
            continue
        is_new = number >= len(before)
        if is_new:
            yield of_group(NoticeType.QUEUE_JOINED, part)
        if _waits(part) is False and (is_new or _waits(before[number])):
            yield of_group(NoticeType.QUEUE_LEFT, part)


def _waits(part: CallPart) -> bool:
    return part.answered_at is None and part.ended_at is None


def of_group(kind: NoticeType, part: CallPart) -> Said:
    """The caller has begun to wait for a queue or a team, or waits no more; with how long, and what came of it."""
    data: dict[str, Any] = {part.kind.value: part.name}
    if kind is NoticeType.QUEUE_LEFT:
        outcome = ANSWERED if part.answered_at else part.outcome
        data |= {"outcome": outcome, "waiting_s": _seconds(part), "answered_by": part.answered_by}
    return Said(type=kind, data=data, part=part)


def _seconds(part: CallPart) -> float | None:
    return None if part.waiting_s is None else round(part.waiting_s, 3)


def names_of(rows: Iterable[CallPart], kind: PartKind) -> frozenset[str]:
    """Who took part, of this kind."""
    return frozenset(part.name for part in rows if part.kind is kind)
