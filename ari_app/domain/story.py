"""The call told in sentences, one per event: the trace of `agi-router calls ID`, and of whoever shows a call live.

line = sentence(record, event)      # `record` is the fold before this event
record = after(record, event)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from ari_app.domain import events as e
from ari_app.domain.call_log import StoredEvent
from ari_app.domain.record import CallRecord, after
from ari_app.domain.story_left_behind import also_later, of_recording
from ari_app.domain.story_of_legs import (
    GIVEN_UP,
    after_ringing,
    before_answer,
    cause_of,
    confirms,
    device,
    leg_ended,
    leg_of,
)
from ari_app.domain.wording import ago, capitalised, cut, day_and_time, printable

_DIALS = {"ari": "", "agi": "; the dialplan dials"}
_AHEAD = {
    "create": "its legs are created meanwhile, and nothing rings",
    "ring": "its devices ring meanwhile",
}
_JUDGED = {
    "right": "right",
    "partly": "partly right: what is not called is taken back",
    "wrong": "wrong: it is taken back",
}
_STEP_ENDED = {
    "answered": "was answered",
    "no_answer": "was not answered in time",
    "played": "was played",
    "busy": "came to nothing: busy",
    "declined": "came to nothing: declined",
    "unconfirmed": "came to nothing: picked up, but not confirmed",
    "redirected": "came to nothing: redirected elsewhere",
    "unavailable": "came to nothing: nobody can be reached",
    "not_found": "came to nothing: not found",
    "refused": "was refused",
    "skipped": "was left out: the steps have reached the limit of their time",
    "cancelled": "was cancelled: the caller gave up",
    "failed": "came to nothing: failed",
    "gone": "came to nothing: the other one hung up",
    "taken_back": "was taken back",
}
_FOUND = {
    "talking": "found the call again, its talk going on",
    "waiting": "found the call again, the caller waiting",
    "queue": "found the call again, the caller in the queue",
    "dialled": "found the call again, which the dialplan dials",
}
_TIMELESS = frozenset({"hangup", "voicemail", "dialplan", "announcement"})
BUSY = {"in_call": "in a call", "wrap_up": "in wrap-up", "dnd": "on DND"}
"""Why somebody is busy, in words."""
_STEERED = {
    "hang_up": "is hung up",
    "record_pause": "is not recorded for a while",
    "record_resume": "is recorded again",
    "hold": "holds the call; the other one hears music",
    "resume": "goes on with the talk after a hold",
    "mute": "is muted",
    "unmute": "is heard again",
}
_ENDED_BY = {
    "caller": "the caller hung up",
    "callee": "the called party hung up",
    "requester": "whoever asked for the call took it back",
    "command": "the call was hung up by request",
    "router": "the router ended the call",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story; `offset_s` counts from the call's first event."""

    at: datetime
    offset_s: float
    text: str

    def __str__(self) -> str:
        return f"{self.offset_s:+8.3f} s  {self.text}"


def story(call_id: str, happened: Iterable[e.CallEvent]) -> Iterator[Line]:
    """All lines of a call, given its events in their order, one as soon as each event comes."""
    record = CallRecord(call_id=call_id)
    first_at: datetime | None = None
    for event in happened:
        first_at = first_at or event.at
        yield Line(event.at, (event.at - first_at).total_seconds(), sentence(record, event))
        record = after(record, event)


def told(call_id: str, history: Sequence[StoredEvent]) -> Iterator[tuple[StoredEvent, Line]]:
    """Every stored event with its line; one that only a newer version understands is shown as it is stored."""
    lines = story(call_id, (stored.event for stored in history if stored.event is not None))
    for stored in history:
        if stored.event is not None:
            yield stored, next(lines)
        else:
            text = printable(f"{stored.type} (of a newer version): {dict(stored.data)}")
            yield stored, Line(stored.at, (stored.at - history[0].at).total_seconds(), text)


def sentence(record: CallRecord, event: e.CallEvent) -> str:
    """What happened, on one line without control characters; `record` is the call before it."""
    return printable(_sentence(record, event))


def outside_hours_sentence(event: e.OutsideHours) -> str:
    """Why the route is closed and when it opens: a sentence for the trace and the dry run."""
    why = f'is the holiday {event.holiday} of "{event.calendar}"' if event.holiday else f'is outside "{event.calendar}"'
    opens = "it does not open within 400 days"
    if event.opens:
        opens = f"it opens {day_and_time(datetime.fromisoformat(event.opens))}"
    return f"closed: {day_and_time(datetime.fromisoformat(event.local_time))} in {event.zone} {why}; {opens}"


def _sentence(record: CallRecord, event: e.CallEvent) -> str:
    match event:
        case e.CallArrived():
            called = f" for {event.called_number}" if event.called_number else ""
            return f"{_caller(event)} called{called}: route {event.route or '(none)'}{_DIALS.get(event.door, '')}"
        case e.CallRequested() | e.FirstAnswered():
            return _requested(record, event)
        case e.OutsideHours():
            return outside_hours_sentence(event)
        case e.RouteEntered():
            return f"goes on by the route {event.route}"
        case e.RequestSent():
            body = f" with {cut(event.body)}" if event.body else ""
            return f"asked {event.method} {event.url}{body}"
        case e.AnswerReceived():
            return f"the API answered {event.status} in {event.elapsed_ms:.0f} ms: {cut(event.body) or '(empty)'}"
        case e.AttemptFailed():
            return f"failed, the next URL is asked: {event.message} [{event.code}]. {capitalised(event.remedy)}"
        case e.CallerDescribed():
            return f"goes with the call: {cut('; '.join(_carried(event)))}"
        case e.DestinationFound():
            return _found(event)
        case e.LookupFailed():
            found = "" if event.value is None else f' (found "{cut(event.value)}")'
            return f"no destination{found}: {event.message} [{event.code}]. {capitalised(event.remedy)}"
        case e.RecallFailed():
            last_good = f"the caller's last good answer, from {ago(event.age_s)}, leads nowhere by now"
            return f"{last_good}: {event.message} [{event.code}]. {capitalised(event.remedy)}"
        case e.Guessed():
            return f"guessed {_destination(event)}, the last good answer for this caller: {_AHEAD[event.ahead]}"
        case e.GuessJudged():
            late = (
                f"; for phones that ring already, {', '.join(event.too_late)} came too late" if event.too_late else ""
            )
            return f"the guess was {_JUDGED[event.outcome]}{late}"
        case e.StepStarted():
            how_long = "" if event.destination_type in _TIMELESS else f", for at most {event.timeout_s:g} s"
            order = f", {event.order.replace('_', ' ')}" if event.order else ""
            return f"step {event.step}: {_destination(event)}{order}{how_long}"
        case e.StepEnded():
            why = f": {event.detail} [{event.code}]. {capitalised(event.remedy)}" if event.code else ""
            return f"step {event.step} {_step_ended(record, event)}{why}"
        case e.MemberCalled():
            return f"rings {event.name}, for at most {event.ring_s:g} s"
        case e.MemberPassed():
            return f"{event.name} is {'waited for' if event.is_awaited else 'left out'}: {_why_passed(event)}"
        case e.LastAgentFound():
            return f"last agent: {event.name}, {ago(event.age_s)}"
        case e.DeviceUnavailable() | e.TrunkSkipped() | e.NumberRefused() | e.LimitNear():
            return _before_dialling(event)
        case e.LegDialled():
            return f"dialled {device(event.endpoint, event.contact)}"
        case e.LegRinging() | e.LegProgressed() | e.LegRedirected():
            return f"{leg_of(record, event.leg)} {before_answer(event)}"
        case e.LegAnswered():
            return f"{leg_of(record, event.leg)} was picked up{after_ringing(record, event)}"
        case e.ConfirmationAsked() | e.LegConfirmed():
            return f"{leg_of(record, event.leg)} {confirms(event)}"
        case e.LegEnded():
            return f"{_party(record, event.leg)} {leg_ended(record, event)} ({cause_of(event.cause, event.tech_cause)})"
        case e.CallAnswered():
            return f"{_first(record)} speaks with {leg_of(record, event.leg)}"
        case e.QueueAnswered():
            return f"{_first(record)} speaks with {event.member}, a member of the queue"
        case e.AnsweredEarly():
            return _answered_early(event)
        case e.Held() | e.Resumed():
            held = "put the call on" if isinstance(event, e.Held) else "took the call off"
            return f"{_party(record, event.party)} {held} hold"
        case e.Steered():
            return _steered(record, event)
        case (
            e.RecordingAnnounced()
            | e.RecordingStarted()
            | e.RecordingEnded()
            | e.RecordingStored()
            | e.RecordingFailed()
        ):
            return of_recording(record, event)
        case e.TransferAsked() | e.TransferFailed():
            return _transfer(record, event)
        case e.LegJoined():
            source = f"call {event.call_id}" if event.call_id else "a call that the router did not place"
            return f"{device(event.endpoint, event.contact)} comes from {source}"
        case e.Transferred():
            return f"{leg_of(record, event.leg)} speaks in the place of {_party(record, event.by)}"
        case e.CallRecovered():
            return _FOUND.get(event.found, f"found the call again: {event.found}")
        case e.SentToDialplan():
            return _left(event)
        case e.VoicemailLeft() | e.ContactFound() | e.ContactNotFound():
            return also_later(event)
        case e.CallEnded():
            return _ended(record, event)
        case _:
            assert_never(event)


def _requested(record: CallRecord, event: e.CallRequested | e.FirstAnswered) -> str:
    match event:
        case e.CallRequested():
            who = event.user_name or "anybody of the team"
            customer = f"{event.number} ({event.name})" if event.name else event.number
            campaign = f", campaign {event.campaign}" if event.campaign else ""
            recorded = {None: "", True: ", recorded", False: ", not recorded"}[event.record]
            return f"{who} is to speak with {customer}{recorded}: the {event.first} is rung first{campaign}"
        case e.FirstAnswered():
            other = "customer" if record.first == "agent" else "agent"
            return f"the {record.first} has picked up, and the {other} is rung"
        case _:
            assert_never(event)


def _transfer(record: CallRecord, event: e.TransferAsked | e.TransferFailed) -> str:
    match event:
        case e.TransferAsked():
            meant = f", {_destination(event)}" if event.destination_type else ""
            target = event.target or "(nobody)"
            by_request = ", by request" if event.by_command else ""
            return f"{_party(record, event.by)} transfers the call to {target} ({event.kind}{by_request}){meant}"
        case e.TransferFailed():
            why = f": {event.detail} [{event.code}]. {capitalised(event.remedy)}" if event.code else ""
            return f"the transfer {_STEP_ENDED.get(event.outcome, event.outcome)}{why}"
        case _:
            assert_never(event)


def _steered(record: CallRecord, event: e.Steered) -> str:
    match event:
        case e.Steered(action="dtmf", party=party, value=keys):
            return f"by request: {_party(record, party)} sends {keys} {'key' if keys == '1' else 'keys'} (DTMF)"
        case e.Steered(action=action, party=party):
            who = _party(record, party) if party else "the call"
            return f"by request: {who} {_STEERED.get(action, action)}"
        case _:
            assert_never(event)


def _answered_early(event: e.AnsweredEarly) -> str:
    if event.answer == "step":
        return "answered the caller, who is to hear this step"
    return f"answered the caller, who waits (answer: {event.answer})"


def _left(event: e.SentToDialplan) -> str:
    if event.mailbox:
        return f"on to the mailbox {event.mailbox}"
    return f"on to the dialplan at {event.where}" if event.where else f"back to the dialplan: {event.reason}"


def _before_dialling(event: e.DeviceUnavailable | e.TrunkSkipped | e.NumberRefused | e.LimitNear) -> str:
    match event:
        case e.DeviceUnavailable(endpoint=endpoint, reason=reason):
            return f"{endpoint} cannot ring: {reason}"
        case e.TrunkSkipped(trunk=trunk, endpoint=endpoint):
            return f"trunk {trunk} is passed over: {endpoint} is down"
        case e.LimitNear(limit=limit, scope=scope, detail=detail):
            return f"{limit} is near for {scope}: {detail}"
        case e.NumberRefused(number=number, code=code, detail=detail, remedy=remedy):
            return f"{number} is not dialled: {detail} [{code}]. {capitalised(remedy)}"


def _found(event: e.DestinationFound) -> str:
    value = f'"{cut(event.value)}"'
    match event.source:
        case "cache":
            where = f"took {value} from the answer of {ago(event.age_s)}, without asking again"
        case "last_good":
            where = f"took {value} from the caller's last good answer, of {ago(event.age_s)}, as the API is down"
        case _:
            where = f"found {value} in the answer"
    return f"{where}: {_destination(event)}"


def _caller(event: e.CallArrived) -> str:
    if event.caller_withheld:
        return "a withheld number"
    number = event.caller_number or "a caller without a number"
    return f"{number} ({event.caller_name})" if event.caller_name else number


def _carried(event: e.CallerDescribed) -> Iterator[str]:
    if event.caller_name:
        yield f'the name "{event.caller_name}"'
    if event.ring_s is not None:
        yield f"a ring timeout of {event.ring_s:g} s"
    if event.record is not None:
        yield "to be recorded" if event.record else "not to be recorded"
    for name, value in event.headers.items():
        yield f"{name}: {value}"
    for name, value in event.variables.items():
        yield f"{name}={value}"
    yield from event.notes


def _why_passed(event: e.MemberPassed) -> str:
    if event.for_s is not None:
        return f"in wrap-up for {event.for_s:.0f} s more"
    return event.detail or BUSY.get(event.why, event.why)


def _party(record: CallRecord, name: str) -> str:
    return _first(record) if name == "caller" else leg_of(record, name)


def _first(record: CallRecord) -> str:
    """Who was in the call first: nobody has called in one that was asked for."""
    return f"the {record.first}" if record.first else "the caller"


def _step_ended(record: CallRecord, event: e.StepEnded) -> str:
    if event.outcome == "cancelled" and record.first:
        return f"was cancelled: {GIVEN_UP}"
    return _STEP_ENDED.get(event.outcome, event.outcome)


def _destination(event: e.DestinationFound | e.Guessed | e.StepStarted | e.TransferAsked) -> str:
    return f"{event.destination_type} {event.destination}"


def _ended(record: CallRecord, event: e.CallEnded) -> str:
    who = _ENDED_BY.get(event.by, "the call ended unseen")
    if event.by == "caller" and record.first:
        who = f"the {record.first} hung up"
    reason = f": {event.reason}" if event.reason and event.reason != "hangup" else ""
    talk = ""
    if record.answered_at is not None:
        limit = "at most " if event.by == "unknown" else ""
        talk = f" after {limit}{(event.at - record.answered_at).total_seconds():.1f} s of talk"
    return f"{who}{talk}{reason} ({cause_of(event.cause, None)})"
