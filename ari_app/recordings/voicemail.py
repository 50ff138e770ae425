"""Messages that callers have left in a mailbox: put on record, with a copy of the sound where this host has the spool.

The mailbox stays as it is: whoever listens by phone finds the message there, and what he does to it changes no copy.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from ari_app.calls.clock import now
from ari_app.calls.voicemail import MessageLeft
from ari_app.domain import events as e
from ari_app.domain.call_log import CallWriter
from ari_app.domain.recordings import RecordingStore, StoreError
from ari_app.recordings.spooled import (
    ENDING,
    MEDIA_TYPE,
    MessagePlace,
    NoMessageError,
    Spooled,
    seconds_of,
    sound_of,
)

MOST_AT_ONCE: Final = 100
CLOSE_S: Final = 5.0
COPY_FAILED: Final = "its sound could not be copied into the store; the router's log tells why"
"""What people outside are told: the reason names folders of this host."""

log = structlog.get_logger("agi_router.recordings")


class Voicemail:
    """Takes the messages. Made by `taking_voicemail`."""

    def __init__(self, spool: Path, store: RecordingStore, writer: CallWriter) -> None:
        self._spool = spool
        self._store = store
        self._writer = writer
        self.tasks: set[asyncio.Task[None]] = set()

    def take(self, left: MessageLeft) -> None:
        """This message was left. Returns at once; never raises."""
        if len(self.tasks) >= MOST_AT_ONCE:
            log.error("a message of a caller is not put on record: too many come at once", call=left.call_id)
            return
        task = asyncio.create_task(self._take(left), name=f"voicemail {left.call_id}")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def settle(self) -> None:
        """Wait for those that were left by now."""
        await asyncio.gather(*self.tasks)

    async def _take(self, left: MessageLeft) -> None:
        try:
            event = await self._event(left)
        except Exception:
            log.exception("a message of a caller is not put on record", call=left.call_id)
            return
        if event is None:
            return
        self._writer.write(left.call_id, event)
        log.info(
            "a caller has left a message",
            call=left.call_id,
            mailbox=event.mailbox,
            recording=event.recording,
            reason=event.reason,
        )

    async def _event(self, left: MessageLeft) -> e.VoicemailLeft | None:
        """None when he has said nothing: app_voicemail keeps that as well, as a message of no length."""
        place = MessagePlace.parse(left.file)
        if place is None:
            reason = f"Asterisk keeps its messages in no folder: {left.file}"
            return e.VoicemailLeft(at=now(), mailbox=left.mailbox, reason=reason)
        try:
            spooled = await asyncio.to_thread(Spooled.read, self._spool, place)
        except NoMessageError as error:
            return e.VoicemailLeft(at=now(), mailbox=left.mailbox, reason=str(error))
        if spooled.channel != left.channel:  # messages are numbered anew when some are deleted
            reason = f"{place.path} is another caller's message by now"
            return e.VoicemailLeft(at=now(), mailbox=left.mailbox, reason=reason)
        if spooled.duration_s == 0:
            return None
        return await self._kept(left, place, spooled)

    async def _kept(self, left: MessageLeft, place: MessagePlace, spooled: Spooled) -> e.VoicemailLeft:
        at, name = now(), f"{left.call_id}-voicemail"
        try:
            seconds = await asyncio.to_thread(seconds_of, self._spool, place)
            kept_at = f"{at:%Y/%m/%d}/{name}.{ENDING}"
            async with aclosing(sound_of(self._spool, place)) as pieces:
                size, digest = await self._store.put(kept_at, pieces)
        except (NoMessageError, StoreError) as error:
            log.warning("the message of a caller is not stored", call=left.call_id, reason=str(error))
            return e.VoicemailLeft(
                at=at,
                mailbox=left.mailbox,
                message_id=spooled.message_id,
                seconds=spooled.duration_s,
                reason=str(error) if isinstance(error, NoMessageError) else COPY_FAILED,
            )
        return e.VoicemailLeft(
            at=at,
            mailbox=left.mailbox,
            message_id=spooled.message_id,
            seconds=seconds,
            recording=name,
            place=kept_at,
            size=size,
            sha256=digest,
            media_type=MEDIA_TYPE,
        )


@asynccontextmanager
async def taking_voicemail(spool: Path, store: RecordingStore, writer: CallWriter) -> AsyncIterator[Voicemail]:
    """Take messages until the block ends; those that are being copied then have a moment for it."""
    voicemail = Voicemail(spool, store, writer)
    try:
        yield voicemail
    finally:
        if voicemail.tasks:
            await asyncio.wait(voicemail.tasks, timeout=CLOSE_S)
        for task in voicemail.tasks:
            task.cancel()
        await asyncio.gather(*voicemail.tasks, return_exceptions=True)
