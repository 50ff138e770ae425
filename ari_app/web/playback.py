"""A recording as an answer: whole or a part of it, as players ask for it when somebody seeks."""

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Final

import structlog
from fastapi import Request, Response
from starlette.types import Message, Send

from ari_app.domain.recordings import RecordingStore, StoredRecording, StoreError
from ari_app.web.problems import ProblemError
from ari_app.web.ranges import ByteRange, NotSatisfiableError, range_of
from ari_app.web.streaming import BoundedStream

log = structlog.get_logger("agi_router.web")

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]")
_ENDINGS: Final = {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg"}
_OF_A_PAGE: Final = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""A browser that opens a recording makes a page with a player around it, which is bound by this."""

Heard = Callable[[int, int], None]
"""Told of what was sent in the end: the first byte, and how many."""


async def playback(request: Request, store: RecordingStore, recording: StoredRecording, heard: Heard) -> Response:
    """The answer to GET or HEAD for this recording, which is in the store. Raises ProblemError.

    `heard` is called when bytes were sent, also to somebody who left in the middle.
    """
    etag = f'"{recording.sha256}"'
    headers = {
        "accept-ranges": "bytes",
        "etag": etag,
        "content-disposition": f'inline; filename="{file_name(recording)}"',
        "content-security-policy": _OF_A_PAGE,
        "cache-control": "private, no-store",
        "x-accel-buffering": "no",  # nginx would take it all in at once, and tell nothing of a listener who leaves
    }
    part = _wanted(request, recording.size, etag)
    status, sent = 200, ByteRange(0, recording.size - 1)
    if part is not None:
        status, sent = 206, part
        headers["content-range"] = f"bytes {part.first}-{part.last}/{recording.size}"
    headers["content-length"] = str(sent.length)
    if request.method == "HEAD" or not sent.length:
        return Response(status_code=status, headers=headers, media_type=recording.media_type)
    sound = store.read(recording.place, sent.first, sent.last)
    try:
        begin = await anext(sound)
    except (StoreError, StopAsyncIteration) as error:
        raise store_unavailable(recording, error) from error
    counted = partial(heard, sent.first)
    return _Playback(_continued(begin, sound), counted, status, headers, recording.media_type)


def _wanted(request: Request, size: int, etag: str) -> ByteRange | None:
    given = request.headers.getlist("range")
    # A validator that is no strong one of this very file, a date among them, makes it the whole (section 13.1.5).
    if len(given) != 1 or request.headers.get("if-range", etag) != etag:
        return None
    try:
        return range_of(given[0], size)
    except NotSatisfiableError:
        raise ProblemError(
            416,
            "range_not_satisfiable",
            f"the recording has {size} bytes, and none in this range",
            "Ask for a part of it, or without Range for all.",
            headers={"content-range": f"bytes */{size}", "accept-ranges": "bytes"},
        ) from None


def store_unavailable(recording: StoredRecording, error: Exception) -> ProblemError:
    """What is said of a store that fails; why it does stands in the log, for it names folders and disks."""
    reason, remedy = str(error) or "it is shorter than it was", getattr(error, "remedy", "")
    log.error("the file of a recording cannot be used", recording=recording.id, reason=reason, remedy=remedy)
    return ProblemError(
        503,
        "store_unavailable",
        "the store of recordings cannot be used at the moment",
        "Ask again later; the reason is in the router's log.",
        headers={"retry-after": "5"},
    )


class _Playback(BoundedStream):
    """Sends a part of the file, and tells how much of it came to be sent."""

    def __init__(
        self,
        sound: AsyncGenerator[bytes],
        sent: Callable[[int], None],
        status: int,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        self._sound = sound
        self._sent = sent
        super().__init__(sound, status, headers, media_type)

    async def stream_response(self, send: Send) -> None:
        """See BoundedStream."""
        count = 0

        async def counted(message: Message) -> None:
            nonlocal count
            await send(message)
            count += len(message.get("body", b""))

        try:
            async with aclosing(self._sound):
                await super().stream_response(counted)
        finally:
            if count:
                self._sent(count)


async def _continued(begin: bytes, sound: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(sound):
        yield begin
        async for chunk in sound:
            yield chunk


def file_name(recording: StoredRecording) -> str:
    """Under which a browser keeps it."""
    ending = _ENDINGS.get(recording.media_type, "bin")
    return f"{_UNSAFE.sub('_', recording.id)}.{ending}"
