"""The record of a call: one fold over its events, for the row in the log, the head of the trace and every reader."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from ari_app.domain import events as e
from ari_app.domain.contacts import ContactSource

CALLER: Final = "caller"
"""What he who called first is called among the legs, once he has left the call to others."""


class Disposition(StrEnum):
    """How a call went, as a caller would tell it."""

    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    ABANDONED = "abandoned"  # the caller gave up before anyone answered
    REJECTED = "rejected"  # a step said: hang up; somebody had it hung up; or nothing was to ring in the first place
    TO_DIALPLAN = "to_dialplan"  # the dialplan went on with the caller: it was the destination, or all steps failed
    TO_VOICEMAIL = "to_voicemail"  # nobody spoke with the caller, who could leave a message
    FAILED = "failed"  # the router or Asterisk failed it
    INTERRUPTED = "interrupted"  # its end was not seen
    AGENT_UNREACHED = "agent_unreached"  # of a requested call: no phone of the agent was picked up
    CUSTOMER_UNREACHED = "customer_unreached"  # of a requested call: the customer did not answer
    UNANSWERED = "unanswered"  # of a call that Asterisk alone carried: nobody answered, and the dialplan ended it


class Direction(StrEnum):
    """Where a call comes from."""

    INBOUND = "inbound"  # the dialplan sent it
    OUTBOUND = "outbound"  # somebody asked for it, or dialled it
    INTERNAL = "internal"  # from one phone of the PBX to another; only of calls that Asterisk alone carried


UNREACHED: Final = frozenset(
    {"no_answer", "busy", "declined", "unconfirmed", "redirected", "unavailable", "not_found", "refused", "failed"}
)
"""Outcomes of a step by which a requested call ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRecord:
    """One contact that was rung: when, whose (`user`, an id), and how it ended (`outcome` is "" while it lives).

    One that was picked up and had to confirm it has `asked_at`, and `confirmed_at` if that was done.
    """

    leg: str
    endpoint: str
    contact: str
    dialled_at: datetime
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    asked_at: datetime | None = None
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    cause: int | None = None
    tech_cause: int | None = None
    user: str = ""
    channel_id: str = ""  # of a leg that came from another call; the others' follow from the call's id


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContact:
    """Whom a CRM says that the number outside belongs to; fields as in the events ContactFound and ContactNotFound.

    `state` is found, unknown, several or failed.
    """

    connector: str
    state: str
    number: str = ""
    contact_id: str = ""
    name: str = ""
    company: str = ""
    kind: str = ""
    owner: str = ""
    url: str = ""
    source: str = ""
    candidates: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call, answered or not. Times are UTC; `ring_s`, `talk_s` and `total_s` are None until they are known.

    `answered_by` is the endpoint that won, `agent` the id of the user whose it is ("" for nobody of the directory);
    after a transfer they are those of the last one who spoke. `channel_id` is the caller's channel.
    A call that was asked for is outbound: `first` tells which side was rung first (agent or customer), `called_number`
    is the customer's, `agent` the user for whom it was placed, `caller_name` his name, `caller_number` the number of
    ours that was shown. `campaign` is an id, `key` tells who asked.
    `closed_by` is the calendar outside of whose hours the call came, "" when its route was open. `door` is ari, or agi
    for a call that was decided here and dialled by the dialplan, "" for one of which only Asterisk's own record tells:
    then `source` is cel or cdr. `linkedid` is what Asterisk calls all channels of the call, "" while nobody has told.
    `contacts` has what each CRM that was asked knows of the other side, one of each.
    """

    call_id: str
    route: str = ""
    called_number: str = ""
    caller_number: str = ""
    caller_name: str = ""
    caller_withheld: bool = False
    channel_id: str = ""
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    disposition: Disposition = Disposition.IN_PROGRESS
    destination_type: str = ""
    destination: str = ""
    step: int = 0
    answered_by: str = ""
    agent: str = ""
    closed_by: str = ""
    door: str = "ari"
    error_code: str = ""
    ended_by: str = ""
    cause: int | None = None
    reason: str = ""
    recovered: bool = False
    direction: Direction = Direction.INBOUND
    first: str = ""
    campaign: str = ""
    key: str = ""
    source: str = "router"
    linkedid: str = ""
    legs: tuple[LegRecord, ...] = ()
    contacts: tuple[CallContact, ...] = ()

    @property
    def ring_s(self) -> float | None:
        """Seconds that the caller heard ringing: from the arrival to the answer, or to the end."""
        until = self.answered_at or self.ended_at
        return (until - self.started_at).total_seconds() if until and self.started_at else None

    @property
    def talk_s(self) -> float | None:
        """Seconds from the answer to the end; None also for a talk whose end nobody saw."""
        if self.answered_at is None or self.ended_at is None or self.ended_by == "unknown":
            return None
        return (self.ended_at - self.answered_at).total_seconds()

    @property
    def total_s(self) -> float | None:
        """Seconds from the arrival to the end."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    def contact(self, connector: str) -> CallContact | None:
        """What this CRM knows of the other side; None while it has not been asked, or not answered."""
        return next((contact for contact in self.contacts if contact.connector == connector), None)

    def leg(self, name: str) -> LegRecord | None:
        """The leg of this role, None when there is none."""
        return next((leg for leg in self.legs if leg.leg == name), None)


def fold(call_id: str, happened: Iterable[e.CallEvent]) -> CallRecord:
    """The record after all these events, which are in their order."""
    record = CallRecord(call_id=call_id)
    for event in happened:
        record = after(record, event)
    return record


def after(record: CallRecord, event: e.CallEvent) -> CallRecord:
    """The record after one more event."""
    match event:
        case e.CallArrived():
            return replace(
                record,
                route=event.route,
                called_number=event.called_number,
                caller_number=event.caller_number,
                caller_name=event.caller_name,
                caller_withheld=event.caller_withheld,
                channel_id=event.channel_id,
                started_at=event.at,
                door=event.door,
            )
        case e.CallRequested():
            return replace(
                record,
                direction=Direction.OUTBOUND,
                first=event.first,
                called_number=event.number,
                caller_number=event.caller_id,
                caller_name=event.user_name,
                agent=event.user,
                campaign=event.campaign,
                key=event.key,
                started_at=event.at,
            )
        case e.FirstAnswered():
            return replace(record, channel_id=event.channel_id)
        case e.RouteEntered():
            return replace(record, route=event.route)
        case e.CallerDescribed():
            # A withheld caller stays withheld in the log as well.
            name = "" if record.caller_withheld else event.caller_name
            return replace(record, caller_name=name or record.caller_name)
        case e.OutsideHours():
            return replace(record, closed_by=event.calendar)
        case e.LookupFailed():
            return replace(record, error_code=event.code)
        case e.StepEnded():  # a step that was refused; what went wrong first is the reason for all that followed
            return replace(record, error_code=record.error_code or event.code)
        case e.StepStarted():
            return replace(
                record,
                step=event.step,
                destination_type=event.destination_type,
                destination=event.destination,
            )
        case e.LegDialled():
            leg = LegRecord(
                leg=event.leg,
                endpoint=event.endpoint,
                contact=event.contact,
                dialled_at=event.at,
                user=event.user,
            )
            return replace(record, legs=(*record.legs, leg))
        case e.LegRinging():
            return _with_leg(record, event.leg, ringing_at=event.at)
        case e.LegAnswered():
            return _with_leg(record, event.leg, answered_at=event.at)
        case e.ConfirmationAsked():
            return _with_leg(record, event.leg, asked_at=event.at)
        case e.LegConfirmed():
            return _with_leg(record, event.leg, confirmed_at=event.at)
        case e.LegEnded():
            return _with_leg(
                record,
                event.leg,
                ended_at=event.at,
                outcome=event.outcome,
                cause=event.cause,
                tech_cause=event.tech_cause,
            )
        case e.CallAnswered():
            spoken = _spoken_with(record, event.leg)
            agent = _agent_of_request(record) or spoken.agent
            return replace(spoken, answered_at=record.answered_at or event.at, agent=agent)
        case e.LegJoined():
            joined = LegRecord(
                leg=event.leg,
                endpoint=event.endpoint,
                contact=event.contact,
                dialled_at=event.at,
                answered_at=event.at,
                user=event.user,
                channel_id=event.channel_id,
            )
            return replace(record, legs=(*record.legs, joined))
        case e.Transferred():
            moved = _caller_moved(record, event) if event.caller_channel_id else record
            return _spoken_with(moved, event.leg)
        case e.QueueAnswered():
            agent = _agent_of_request(record) or event.user
            return replace(record, answered_at=event.at, answered_by=event.member, agent=agent)
        case e.CallRecovered():
            return replace(record, recovered=True)
        case e.SentToDialplan():
            to = Disposition.TO_VOICEMAIL if event.mailbox else Disposition.TO_DIALPLAN
            return replace(record, ended_at=event.at, disposition=to, reason=event.reason)
        case e.CallEnded():
            return replace(
                record,
                ended_at=event.at,
                ended_by=event.by,
                cause=event.cause,
                reason=event.reason,
                disposition=_disposition(record, event),
            )
        case e.RequestSent() | e.AnswerReceived() | e.AttemptFailed() | e.DestinationFound() | e.RecallFailed():
            return record
        case e.Held() | e.Resumed() | e.Steered() | e.RecordingAnnounced() | e.RecordingStarted() | e.RecordingEnded():
            return record
        case e.RecordingStored() | e.RecordingFailed() | e.VoicemailLeft():
            return record
        case e.ContactFound() | e.ContactNotFound():
            return _with_contact(record, event)
        case e.DeviceUnavailable() | e.TransferAsked() | e.TransferFailed():
            return record
        case (
            e.LastAgentFound()
            | e.MemberCalled()
            | e.MemberPassed()
            | e.AnsweredEarly()
            | e.LegProgressed()
            | e.LegRedirected()
            | e.TrunkSkipped()
            | e.NumberRefused()
            | e.LimitNear()
        ):
            return record
        case e.Guessed() | e.GuessJudged():
            return record
        case _:
            assert_never(event)


def _with_contact(record: CallRecord, event: e.ContactFound | e.ContactNotFound) -> CallRecord:
    """With what this CRM says now, in the place of what it said before.

    A contact that was found stays found, and one whom somebody has chosen stays until another one is chosen.
    """
    known = record.contact(event.connector)
    is_chosen = known is not None and known.source == ContactSource.CHOSEN
    others = tuple(contact for contact in record.contacts if contact.connector != event.connector)
    match event:
        case e.ContactFound() if is_chosen and event.source != ContactSource.CHOSEN:
            return record
        case e.ContactFound():
            found = CallContact(
                connector=event.connector,
                state="found",
                number=event.number,
                contact_id=event.contact_id,
                name=event.name,
                company=event.company,
                kind=event.kind,
                owner=event.owner,
                url=event.url,
                source=event.source,
            )
        case e.ContactNotFound():
            if known is not None and known.state == "found":
                return record
            found = CallContact(
                connector=event.connector,
                state=event.outcome,
                number=event.number,
                candidates=tuple(event.candidates),
            )
    return replace(record, contacts=(*others, found))


def highest_leg(record: CallRecord) -> int:
    """The number of the last leg that is known: its successors' ids are free."""
    return max((int(leg.leg.rpartition("-")[2]) for leg in record.legs if leg.leg != CALLER), default=0)


def _disposition(record: CallRecord, ended: e.CallEnded) -> Disposition:
    if record.answered_at is not None:
        return Disposition.ANSWERED
    match ended.by:
        case "caller" | "requester":
            return Disposition.ABANDONED
        case "command":
            return Disposition.ABANDONED if record.direction is Direction.OUTBOUND else Disposition.REJECTED
        case "unknown":
            return Disposition.INTERRUPTED
        case "router" if ended.reason == "hangup" or (ended.reason == "refused" and not record.legs):
            return Disposition.REJECTED
        case "router" if record.direction is Direction.OUTBOUND and ended.reason in UNREACHED:
            reached_agent = bool(record.channel_id) == (record.first == "agent")
            return Disposition.CUSTOMER_UNREACHED if reached_agent else Disposition.AGENT_UNREACHED
        case _:
            return Disposition.FAILED


def _caller_moved(record: CallRecord, event: e.Transferred) -> CallRecord:
    """Another channel is the caller's from now on; he who called first is a leg that leaves."""
    legs = record.legs
    if event.by == CALLER:
        left = LegRecord(
            leg=CALLER,
            endpoint=record.caller_number or CALLER,
            contact="",
            dialled_at=record.started_at or event.at,
            answered_at=record.answered_at,
            channel_id=record.channel_id,
        )
        legs = (*legs, left)
    return replace(record, legs=legs, channel_id=event.caller_channel_id)


def _agent_of_request(record: CallRecord) -> str:
    """For whom the call was asked: who is called for him may be a colleague. Once they have spoken, it may change."""
    return record.agent if record.direction is Direction.OUTBOUND and record.answered_at is None else ""


def _spoken_with(record: CallRecord, leg: str) -> CallRecord:
    won = record.leg(leg)
    by, agent = (won.endpoint, won.user) if won else (leg, "")
    if record.direction is Direction.OUTBOUND:  # whom he speaks with may be nobody of ours
        agent = agent or record.agent
    return replace(record, answered_by=by, agent=agent)


def _with_leg(record: CallRecord, name: str, **changes: object) -> CallRecord:
    legs = tuple(replace(leg, **changes) if leg.leg == name else leg for leg in record.legs)  # type: ignore[arg-type]
    return replace(record, legs=legs)
