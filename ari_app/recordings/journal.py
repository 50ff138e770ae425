"""The rows of recordings, as the fetching and keeping of them needs them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from ari_app.domain.recordings import StoredRecording


class RecordingJournal(Protocol):
    """Implemented by storage. Everything raises an UnavailableError when it fails."""

    async def unfetched(self) -> Sequence[StoredRecording]:
        """Those that run, or wait in Asterisk's spool, oldest first."""
        ...

    async def fetched(self, names: Collection[str]) -> Collection[str]:
        """Those of these ids that Asterisk need not have any more."""
        ...

    async def stored_before(self, moment: datetime, limit: int) -> Sequence[StoredRecording]:
        """Those in the store that were begun before this, oldest first."""
        ...

    async def without_call(self, limit: int) -> Sequence[StoredRecording]:
        """Those whose call is on record no more: it grew too old, or was erased."""
        ...

    async def mark_deleted(self, recording_id: str, reason: str) -> None:
        """Its file is gone from the store."""
        ...

    async def forget(self, recording_ids: Collection[str]) -> None:
        """Delete the rows, and who listened to them."""
        ...
