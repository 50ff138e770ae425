"""Recordings of calls and messages of callers: which there are, their sound, links to it, and who has heard it."""

from datetime import timedelta
from typing import Annotated, Any, Final, assert_never

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ari_app.access.networks import NoAddressError
from ari_app.access.scopes import Access, Scope
from ari_app.domain.history import LONGEST_PAGE, Order, Paging
from ari_app.domain.recordings import RecordingFilter, RecordingKind, RecordingState, StoredRecording, StoreError
from ari_app.recordings.links import DEFAULT_LIFE, LONGEST_LIFE, LONGEST_NAME, NAME, Link
from ari_app.web.access import require
from ari_app.web.call_filter import STORABLE, Name, WantedPeriod, user_ids
from ari_app.web.links import RECORDINGS, call_path
from ari_app.web.paging import Listed, PageWanted
from ari_app.web.playback import playback, store_unavailable
from ari_app.web.problems import ProblemError, problems
from ari_app.web.services import Router, Services
from ari_app.wire.calls import Moment, Shape

resource = APIRouter(prefix="/recordings", tags=["recordings"])

DEFAULT_LINK_S: Final = int(DEFAULT_LIFE.total_seconds())

Reading = Annotated[Access, require(Scope.RECORDINGS_READ)]
Hearing = Annotated[Access, require(Scope.RECORDINGS_LISTEN)]
Deleting = Annotated[Access, require(Scope.RECORDINGS_DELETE)]
RecordingId = Annotated[
    str, Path(min_length=1, max_length=128, pattern=STORABLE, examples=["20261121T012209-4a8f0c1e9b7d-1"])
]
SOUND: Final[dict[str, Any]] = {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}
HEARD: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The recording", "content": SOUND},
    206: {"description": "The part of it that the header Range asks for", "content": SOUND},
}


class Recording(Shape):
    """One recording, or what is left of it."""

    id: str
    call_id: str = Field(description="see GET /api/v1/calls/ID")
    kind: RecordingKind = Field(description="of a call, or the message that a caller left")
    state: RecordingState = Field(
        description="running; ended, and on its way from Asterisk; stored, only then it can be heard; lost; deleted"
    )
    started_at: Moment
    ended_at: Moment | None
    seconds: float | None = Field(description="of sound")
    media_type: str = Field(examples=["audio/wav"])
    size: int = Field(ge=0, description="in bytes")
    sha256: str = Field(description="of the file, in hex")
    mailbox: str = Field(description="in which the message was left", examples=["101@default"])
    reason: str = Field(description="why it was lost or deleted")


class WantedRecordings(WantedPeriod):
    """Which recordings: all that is given holds, of several values one."""

    call: list[Name] = Field([], max_length=100, description="of these calls, by id")
    user: list[Name] = Field([], max_length=100, description="who took part in the call: id, e-mail address, extension")
    kind: list[RecordingKind] = Field([], max_length=2)
    state: list[RecordingState] = Field([], max_length=5)
    sort: Order = Order.NEWEST_FIRST
    offset: int = Field(0, ge=0, le=1_000_000_000, description="how many to leave out; not beside a cursor")
    limit: int = Field(100, ge=1, le=LONGEST_PAGE, description="how many at most")
    cursor: str = Field("", max_length=512, description="`next` of the page before")


class WantedLink(BaseModel):
    """For how long, and for whom."""

    model_config = ConfigDict(extra="forbid")

    expires_s: int = Field(
        DEFAULT_LINK_S, ge=1, le=int(LONGEST_LIFE.total_seconds()), description="from now on, in seconds"
    )
    name: str = Field(
        "",
        max_length=LONGEST_NAME,
        pattern=NAME,
        description="stands in the link, and with it in the list of listenings",
        examples=["ticket-4711"],
    )


class RecordingLink(BaseModel):
    """A link that opens a recording without a key."""

    url: str = Field(examples=["https://pbx.example.com/recordings/20261121T012209-4a8f0c1e9b7d-1?expires=..."])
    link: str = Field(description="its name in the list of listenings", examples=["ticket-4711-9c3f2a10"])
    expires_at: Moment


class ListeningShown(Shape):
    """Somebody was sent a recording, or a part of it."""

    at: Moment = Field(description="when he asked for it")
    key: str = Field(description="the name of his key; empty: he had a link")
    link: str = Field(description="the name of his link")
    address: str = Field(description="where he asked from")
    first_byte: int = Field(ge=0)
    sent: int = Field(ge=0, description="how many bytes; fewer than he asked for when he left")


@resource.get("", operation_id="listRecordings", responses=problems(401, 403, 422))
async def list_recordings(router: Router, _: Reading, asked: Annotated[WantedRecordings, Query()]) -> Listed[Recording]:
    """Recordings of calls, and messages that callers left, by the moment at which they began."""
    await router.feed.flush()  # whoever has just ended a call looks for its recording
    wanted = RecordingFilter(
        period=asked.period,
        call_ids=tuple(asked.call),
        users=user_ids(asked.user, router.routing.in_force.user_called),
        kinds=tuple(asked.kind),
        states=tuple(asked.state),
    )
    paging = Paging(order=asked.sort, limit=asked.limit, offset=asked.offset, cursor=asked.cursor)
    page = await router.recordings.archive.page(wanted, paging)
    return Listed(items=[Recording.model_validate(each) for each in page.items], total=page.total, next=page.next)


@resource.get("/{recording_id}", operation_id="getRecording", responses=problems(401, 403, 404, 422))
async def get_recording(router: Router, recording_id: RecordingId, _: Reading) -> Recording:
    """What is known of one; its sound is at /audio."""
    return Recording.model_validate(await _known(router, recording_id))


@resource.get(
    "/{recording_id}/audio",
    operation_id="hearRecording",
    response_class=Response,
    responses=HEARD | problems(401, 403, 404, 409, 416, 422),
)
async def hear_recording(router: Router, request: Request, recording_id: RecordingId, access: Hearing) -> Response:
    """The file, or with the header Range a part of it. Each request that gets some of it is put on record."""
    desk, recording = router.recordings, _stored(await _known(router, recording_id))
    return await playback(
        request, desk.store, recording, desk.listening(recording, address_of(router, request), key=access.key)
    )


@resource.post(
    "/{recording_id}/links",
    operation_id="linkRecording",
    status_code=201,
    responses=problems(400, 401, 403, 404, 409, 422),
)
async def link_recording(
    router: Router, recording_id: RecordingId, access: Hearing, wanted: WantedLink | None = None
) -> RecordingLink:
    """A link for people: whoever has it hears the recording in a browser, without a key, until its time is over.

    It cannot be called back but by deleting the recording.
    """
    expires_s, name = (DEFAULT_LINK_S, "") if wanted is None else (wanted.expires_s, wanted.name)
    recording = _stored(await _known(router, recording_id))
    link = router.recordings.link(recording, timedelta(seconds=expires_s), name, access.key)
    return RecordingLink(url=url_of(router, link), link=link.link, expires_at=link.expires_at)


@resource.get("/{recording_id}/listenings", operation_id="listListenings", responses=problems(401, 403, 404, 422))
async def list_listenings(
    router: Router, recording_id: RecordingId, page: PageWanted, _: Reading
) -> Listed[ListeningShown]:
    """Who has heard it, the newest first: one entry for each request that got bytes. A player that seeks asks often."""
    await router.recordings.listenings.flush()
    recording = await _known(router, recording_id)
    found, total = await router.recordings.archive.listenings(recording.id, page.offset, page.limit)
    end = page.offset + len(found)
    return Listed(
        items=[ListeningShown.model_validate(each) for each in found],
        total=total,
        next=str(end) if found and end < total else None,
    )


@resource.delete(
    "/{recording_id}", operation_id="deleteRecording", status_code=204, responses=problems(401, 403, 404, 409, 422)
)
async def delete_recording(router: Router, recording_id: RecordingId, access: Deleting) -> None:
    """Delete its file for good, also for who has a link. What is known of it stays, and who has heard it."""
    recording = await _known(router, recording_id)
    if recording.state in {RecordingState.RUNNING, RecordingState.ENDED}:
        raise _not_stored(recording)
    try:
        await router.recordings.delete(recording, f"the key {access.key}")
    except StoreError as error:
        raise store_unavailable(recording, error) from error


def address_of(router: Services, request: Request) -> str:
    """Where a request comes from: behind a trusted proxy what that one says."""
    peer = request.client.host if request.client else ""
    try:
        return str(router.doorkeeper.address_of(peer, request.headers.getlist(router.doorkeeper.proxy_header)))
    except NoAddressError:
        return peer


def url_of(router: Services, link: Link) -> str:
    """As people open it. Where they reach us is configured: the header Host is what a stranger writes."""
    web = router.settings().web
    assert web is not None
    return router.recordings.links.url(web.public_url + RECORDINGS, link)


async def _known(router: Services, recording_id: str) -> StoredRecording:
    recording = await router.recordings.archive.get(recording_id)
    if recording is None:
        raise ProblemError(
            404,
            "unknown_recording",
            f"no recording on record has the id {recording_id}",
            "GET /api/v1/recordings lists those there are.",
        )
    return recording


def _stored(recording: StoredRecording) -> StoredRecording:
    match recording.state:
        case RecordingState.STORED:
            return recording
        case RecordingState.RUNNING | RecordingState.ENDED:
            raise _not_stored(recording)
        case RecordingState.LOST | RecordingState.DELETED:
            raise ProblemError(
                404,
                f"recording_{recording.state}",
                f"the recording {recording.id} is {recording.state}: {recording.reason}",
                f"GET {call_path(recording.call_id)} tells of its call.",
            )
        case _:
            assert_never(recording.state)


def _not_stored(recording: StoredRecording) -> ProblemError:
    return ProblemError(
        409,
        "recording_not_stored",
        f"the recording {recording.id} is not in the store yet: it is {recording.state}",
        "Ask again when it is over; the event recording.ready tells when.",
    )
