"""What the control socket can be asked about recordings: to hear one, for a link to it, to delete it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, assert_never

from pydantic import BaseModel, ConfigDict, Field

from ari_app.control.settings import ControlError
from ari_app.domain.recordings import RecordingState, StoredRecording
from ari_app.live.forms import Command, read_form, telling
from ari_app.live.recordings import RecordingDesk
from ari_app.live.webhook_forms import STORABLE
from ari_app.recordings.links import DEFAULT_LIFE, LONGEST_LIFE, LONGEST_NAME, NAME


class RecordingForm(BaseModel):
    """One recording, and who on the router's host asks for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=128, pattern=STORABLE)]
    by: Annotated[str, Field(min_length=1, max_length=64, pattern=STORABLE)]


class LinkForm(RecordingForm):
    """For how long it opens, and what stands in it."""

    expires_s: int = Field(default=int(DEFAULT_LIFE.total_seconds()), ge=1, le=int(LONGEST_LIFE.total_seconds()))
    name: str = Field(default="", max_length=LONGEST_NAME, pattern=NAME)


def recording_commands(desk: RecordingDesk, links_below: Callable[[], str | None]) -> Mapping[str, Command]:
    """By their names. They raise ControlError with what is wrong.

    `links_below` is the address below which links are opened, None where no web listens.
    """

    async def hear(given: Mapping[str, Any]) -> Mapping[str, Any]:
        form = read_form(RecordingForm, given)
        recording = await _stored(desk, form.id)
        desk.listening(recording, _who(form))(0, recording.size)
        await desk.listenings.flush()  # what is not on record is heard by nobody
        return {**recording_as_json(recording), "place": recording.place}

    async def link(given: Mapping[str, Any]) -> Mapping[str, Any]:
        form, below = read_form(LinkForm, given), links_below()
        if below is None:
            raise ControlError(
                "nobody would answer the link: the router has no web server [web_off]",
                "Configure the section web, and restart the router: see docs/recording-links.md.",
            )
        recording = await _stored(desk, form.id)
        made = desk.link(recording, timedelta(seconds=form.expires_s), form.name, _who(form))
        url = desk.links.url(below, made)
        return {"url": url, "link": made.link, "expires_at": made.expires_at.isoformat()}

    async def delete(given: Mapping[str, Any]) -> Mapping[str, Any]:
        form = read_form(RecordingForm, given)
        recording = await _known(desk, form.id)
        if recording.state in {RecordingState.RUNNING, RecordingState.ENDED}:
            raise _not_stored(recording)
        await desk.delete(recording, _who(form))
        return recording_as_json(await _known(desk, form.id))

    commands = {"hear_recording": hear, "link_recording": link, "delete_recording": delete}
    return {name: telling(command) for name, command in commands.items()}


def recording_as_json(recording: StoredRecording) -> Mapping[str, Any]:
    """As programs get it, by the REST API too: times in ISO 8601; not where the store has it."""
    ended_at = recording.ended_at
    return {
        "id": recording.id,
        "call_id": recording.call_id,
        "kind": recording.kind.value,
        "state": recording.state.value,
        "started_at": recording.started_at.isoformat(),
        "ended_at": None if ended_at is None else ended_at.isoformat(),
        "seconds": recording.seconds,
        "media_type": recording.media_type,
        "size": recording.size,
        "sha256": recording.sha256,
        "mailbox": recording.mailbox,
        "reason": recording.reason,
    }


def _who(form: RecordingForm) -> str:
    """As it is put on record."""
    return f"the command of {form.by}"


async def _known(desk: RecordingDesk, recording_id: str) -> StoredRecording:
    recording = await desk.archive.get(recording_id)
    if recording is None:
        raise ControlError(
            f"no recording on record has the id {recording_id} [unknown_recording]",
            "agi-router recordings list shows those there are.",
        )
    return recording


async def _stored(desk: RecordingDesk, recording_id: str) -> StoredRecording:
    recording = await _known(desk, recording_id)
    match recording.state:
        case RecordingState.STORED:
            return recording
        case RecordingState.RUNNING | RecordingState.ENDED:
            raise _not_stored(recording)
        case RecordingState.LOST | RecordingState.DELETED:
            raise ControlError(
                f"the recording {recording.id} is {recording.state}: {recording.reason} [recording_{recording.state}]",
                f"agi-router calls {recording.call_id} tells of its call.",
            )
        case _:
            assert_never(recording.state)


def _not_stored(recording: StoredRecording) -> ControlError:
    return ControlError(
        f"the recording {recording.id} is not in the store yet: it is {recording.state} [recording_not_stored]",
        "Try again when its call is over; agi-router recordings list shows when it is stored.",
    )
