"""A call in the variables of hooks: the names are those of `ari_app.crm.document.variables`, all values are texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agi_router.routing.numbers import normalise
from ari_app.domain.record import CallRecord, Direction
from ari_app.domain.recordings import StoredRecording


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user as a CRM may know him: `crm_id` is its own id of him. What is not known is ""."""

    crm_id: str = ""
    name: str = ""
    email: str = ""
    extension: str = ""


People = Callable[[str, str], Person]
"""Who has this id in the directory, for the CRM of this name; nothing is known of who is not in there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """A call for one CRM: `reference` is the call's id there, `user` the one who speaks, or is to.

    Numbers without a plus are read as those of `region`.
    """

    connector: str
    reference: str
    record: CallRecord
    user: Person
    region: str


def call_values(call: CallFacts, now: datetime) -> Mapping[str, str]:
    """What every hook of a call takes."""
    record, contact = call.record, call.record.contact(call.connector)
    # Of a call from one phone to another the other side is the one that was called.
    is_inbound = record.direction is Direction.INBOUND
    caller = "" if record.caller_withheld else _e164(record.caller_number, call.region)
    called = _e164(record.called_number, call.region)
    is_organization = contact is not None and contact.kind == "organization"
    return {
        "call_id": call.reference,
        "idempotency_key": f"{call.connector}-{call.reference}",
        "direction": "inbound" if is_inbound else "outbound",
        "activity_type": "inbound" if is_inbound else "outbound",
        "number": caller if is_inbound else called,
        "caller_number": caller,
        "called_number": called,
        "extension": call.user.extension,
        "user_id": call.user.crm_id,
        "user_name": call.user.name,
        "user_email": call.user.email,
        "route": record.route,
        "call_start": _milliseconds(record.started_at),
        "started_at": _iso(record.started_at),
        "now": _iso(now),
        "contact_id": contact.contact_id if contact else "",
        "contact_kind": contact.kind if contact else "",
        "contact_name": contact.name if contact else "",
        "company_name": contact.company if contact else "",
        "company_id": contact.contact_id if contact and is_organization else "",
    }


def talk_values(call: CallFacts, state: str) -> Mapping[str, str]:
    """What hooks take that tell how a call stands: ringing, talking, transferred or ended."""
    record = call.record
    return {
        "state": state,
        "answered_at": _iso(record.answered_at),
        "call_answered": _milliseconds(record.answered_at),
        "transferred_to": (call.user.name or record.answered_by) if state == "transferred" else "",
    }


def end_values(call: CallFacts) -> Mapping[str, str]:
    """What hooks take that tell of the end: times in whole seconds, the cause by Q.850."""
    record = call.record
    return {
        "call_end": _milliseconds(record.ended_at),
        "ended_at": _iso(record.ended_at),
        "call_duration": str(round(record.talk_s or 0.0)),
        "ring_duration": "" if record.ring_s is None else str(round(record.ring_s)),
        "call_cause": "" if record.cause is None else str(record.cause),
        "disposition": record.disposition.value,
    }


def recording_values(call: CallFacts, recording: StoredRecording, file_name: str, url: str) -> Mapping[str, str]:
    """What the hook of a recording takes. Its key is the file's own: the activity's would mean another request."""
    return {
        "idempotency_key": f"{call.connector}-{recording.id}",
        "recording_id": recording.id,
        "file_name": file_name,
        "media_type": recording.media_type,
        "file_size": str(recording.size),
        "recording_url": url,
    }


def user_of(record: CallRecord) -> str:
    """Whose call it is, by the directory's id: who speaks; before that the one who is rung alone. "" for nobody's."""
    if record.agent:
        return record.agent
    if record.destination_type == "user":
        return record.destination
    rung = {leg.user for leg in record.legs if leg.user}
    return rung.pop() if len(rung) == 1 else ""


def _e164(number: str, region: str) -> str:
    """As the CRM is to have it; what is no number of that region stays as it is: an extension."""
    return normalise(number, region) or number


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _milliseconds(at: datetime | None) -> str:
    return "" if at is None else str(round(at.timestamp() * 1000))
