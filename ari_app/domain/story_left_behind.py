"""The sentences of the trace on what a call leaves behind: recordings, messages, and whom CRMs say it was with."""

from typing import assert_never

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from ari_app.domain.wording import capitalised

_WANTS_RECORDING = {
    "command": "by request",
    "request": "as it was asked for",
    "route": "as the route says",
    "answer": "as the API says",
}
_CONTACT_SOURCES = {
    "phone_book": ", by the phone book",
    "created": ", who was unknown and is a contact now",
    "chosen": ", as somebody has chosen",
}


def of_recording(
    record: CallRecord,
    event: e.RecordingAnnounced | e.RecordingStarted | e.RecordingEnded | e.RecordingStored | e.RecordingFailed,
) -> str:
    """Who was told of a recording, where it began, and what became of it."""
    match event:
        case e.RecordingAnnounced(sounds=sounds, to=to):
            who = "both sides" if to == "both" else f"the {'customer' if record.first else 'caller'}"
            return f"{who} heard that they are recorded: {sounds}"
        case e.RecordingStarted(file=file, by=by):
            return f"{_WANTS_RECORDING.get(by, by)}: both sides are recorded, into {file}"
        case e.RecordingEnded(name=name):
            return f"the recording {name} ends"
        case e.RecordingStored(place=place, size=size, seconds=seconds):
            length = "" if seconds is None else f"{seconds:.1f} s, "
            return f"the recording is stored as {place} ({length}{size} bytes)"
        case e.RecordingFailed(name=name, code=code, detail=detail, remedy=remedy):
            what = f"the recording {name} is lost" if name else "the call is not recorded"
            return f"{what}: {detail} [{code}]. {capitalised(remedy)}"
        case _:
            assert_never(event)


def also_later(event: e.VoicemailLeft | e.ContactFound | e.ContactNotFound) -> str:
    """What may become known when the call is over."""
    match event:
        case e.VoicemailLeft():
            return _message(event)
        case e.ContactFound():
            of = f" of {event.company}" if event.company and event.kind == "person" else ""
            who = f"{event.number} is {event.name or event.contact_id}{of}"
            return f"{event.connector}: {who}{_CONTACT_SOURCES.get(event.source, '')}"
        case e.ContactNotFound(outcome="several"):
            names = ", ".join(each.get("name") or each.get("id", "") for each in event.candidates)
            return f"{event.connector}: {event.number} belongs to several: {names}"
        case e.ContactNotFound(outcome="failed"):
            return f"{event.connector} can't be asked: {event.message} [{event.code}]. {capitalised(event.remedy)}"
        case e.ContactNotFound():
            return f"{event.connector} does not know {event.number}"


def _message(event: e.VoicemailLeft) -> str:
    length = "" if event.seconds is None else f" of {event.seconds:.1f} s"
    kept = f"it is stored as {event.place}" if event.recording else f"it is not stored: {event.reason}"
    return f"the caller has left a message{length} in the mailbox {event.mailbox}; {kept}"
