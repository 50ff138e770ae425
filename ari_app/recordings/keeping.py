"""Recordings in the store: deleted when their time is over, with their call, or on request."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ari_app.calls.ports import TelephonyError
from ari_app.domain.recordings import RecordingKind, RecordingStore, StoredRecording
from ari_app.domain.spool import Spool
from ari_app.domain.unavailable import UnavailableError
from ari_app.recordings.journal import RecordingJournal

EVERY_S: Final = 3600.0
BATCH: Final = 100

log = structlog.get_logger("agi_router.recordings")


async def delete_file(
    store: RecordingStore,
    mark_deleted: Callable[[str, str], Awaitable[None]],
    recording: StoredRecording,
    reason: str,
) -> None:
    """Delete the file of a recording; its row stays, marked with the reason. Raises an UnavailableError.

    The row first would leave a file of which nobody knows.
    """
    if recording.place:
        await store.delete(recording.place)
    await mark_deleted(recording.id, reason)


class Keeping:
    """Keeps recordings for `keep_days` at most (None: as long as their calls)."""

    def __init__(
        self, journal: RecordingJournal, store: RecordingStore, spool: Spool, *, keep_days: int | None = None
    ) -> None:
        self._journal = journal
        self._store = store
        self._spool = spool
        self._keep_days = keep_days

    async def run(self) -> None:
        """Delete what is due, again and again, until cancelled."""
        while True:
            try:
                await self.once(datetime.now(UTC))
            except UnavailableError as error:
                log.warning(
                    "old recordings can't be deleted; it is tried again in an hour",
                    error=str(error),
                    remedy=error.remedy,
                )
            await asyncio.sleep(EVERY_S)

    async def once(self, at: datetime) -> None:
        """Delete all that is due. Raises an UnavailableError."""
        deleted = await self._delete_old(at) if self._keep_days else 0
        orphans = await self.forget_orphans()
        if deleted or orphans:
            log.info("recordings were deleted", for_their_age=deleted, with_their_calls=orphans)

    async def forget_orphans(self) -> int:
        """Delete files and rows of calls that are on record no more; how many. Raises an UnavailableError.

        What Asterisk can't delete now, as it is away, is looked after the next time.
        """
        forgotten = 0
        while orphans := await self._journal.without_call(BATCH):
            gone = [orphan.id for orphan in orphans if await self._delete_everywhere(orphan)]
            await self._journal.forget(gone)
            forgotten += len(gone)
            if len(gone) < len(orphans):
                break
        return forgotten

    async def _delete_old(self, at: datetime) -> int:
        deleted = 0
        before = at - timedelta(days=self._keep_days or 0)
        while old := await self._journal.stored_before(before, BATCH):
            for recording in old:
                await delete_file(
                    self._store, self._journal.mark_deleted, recording, f"older than {self._keep_days} days"
                )
            deleted += len(old)
        return deleted

    async def _delete_everywhere(self, recording: StoredRecording) -> bool:
        if recording.place:
            await self._store.delete(recording.place)
        try:
            await self._spool.delete(recording.id)
        except TelephonyError as error:
            log.warning("Asterisk's copy of a recording can't be deleted now", recording=recording.id, error=str(error))
            return recording.kind is not RecordingKind.CALL  # of others Asterisk has no recording
        return True
