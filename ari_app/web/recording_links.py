"""A recording by a signed link, which people open in a browser: no key, and what is wrong is told as plain text."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from ari_app.calls.clock import now
from ari_app.domain.recordings import RecordingState, StoredRecording
from ari_app.web.links import RECORDINGS
from ari_app.web.playback import playback
from ari_app.web.problems import ProblemError
from ari_app.web.recordings import HEARD, address_of
from ari_app.web.services import Router, Services

resource = APIRouter(prefix=RECORDINGS, tags=["recordings"])

RecordingId = Annotated[str, Path(max_length=128)]


class Given(BaseModel):
    """What a link carries. Any text: what is not ours is refused as such, in words for people."""

    expires: str = Field("", description="seconds since the epoch")
    link: str = Field("", description="which link it is")
    signature: str = Field("", description="over all of it")


_TEXT: Final[dict[str, Any]] = {"text/plain": {"schema": {"type": "string"}}}
_REFUSED: Final[Mapping[int, str]] = {
    403: "The link is not whole, or was changed",
    404: "There is no such recording",
    410: "The time of the link is over, or the recording has been deleted",
    416: "There is nothing in this range",
    422: "The id is too long",
    503: "The recording cannot be read at the moment",
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = HEARD | {
    status: {"description": description, "content": _TEXT} for status, description in _REFUSED.items()
}
_ASK_AGAIN: Final = "Ask whoever sent it to you for a new one."


def as_text(error: ProblemError) -> Response:
    """What is wrong, for people."""
    problem = error.problem
    text = f"{problem.detail[:1].upper()}{problem.detail[1:].removesuffix('.')}.\n{problem.remedy}\n"
    return PlainTextResponse(text, problem.status, headers=error.headers)


@resource.head(
    "/{recording_id}", operation_id="lookAtLink", response_class=Response, responses=_RESPONSES, summary="Look At Link"
)
@resource.get("/{recording_id}", operation_id="openLink", response_class=Response, responses=_RESPONSES)
async def open_link(
    router: Router,
    request: Request,
    recording_id: RecordingId,
    given: Annotated[Given, Query()],
) -> Response:
    """The recording, or with the header Range a part of it, for whoever has a link whose time is not over."""
    # Before anything is looked for: a stranger costs one digest, and learns nothing.
    said = router.recordings.links.read(recording_id, given.link, given.expires, given.signature)
    if said is None:
        raise ProblemError(403, "link_not_valid", "this link is not whole, or it was changed", _ASK_AGAIN)
    if now() >= said.expires_at:
        over = f"this link was valid until {said.expires_at:%Y-%m-%d %H:%M} UTC"
        raise ProblemError(410, "link_expired", over, _ASK_AGAIN)
    recording = await _stored(router, recording_id)
    desk = router.recordings
    heard = desk.listening(recording, address_of(router, request), link=said.link)
    return await playback(request, desk.store, recording, heard)


async def _stored(router: Services, recording_id: str) -> StoredRecording:
    recording = await router.recordings.archive.get(recording_id)
    if recording is None or recording.state is RecordingState.LOST:
        raise ProblemError(
            404, "unknown_recording", "there is no such recording any more", "Ask whoever sent the link."
        )
    if recording.state is RecordingState.DELETED:
        raise ProblemError(410, "recording_deleted", "this recording has been deleted", "It cannot be brought back.")
    if recording.state is not RecordingState.STORED:
        raise ProblemError(404, "recording_not_stored", "this recording is not ready yet", "Try again in a minute.")
    return recording
