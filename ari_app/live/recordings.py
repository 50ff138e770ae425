"""Recordings as they are asked for: which there are, their sound, links to it, who has heard it, and their deletion."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import structlog

from ari_app.calls.clock import now
from ari_app.domain.recordings import (
    Listening,
    RecordingArchive,
    RecordingState,
    RecordingStore,
    StoredRecording,
)
from ari_app.recordings.folder import FolderStore
from ari_app.recordings.keeping import delete_file
from ari_app.recordings.links import Link, Links, link_name
from ari_app.storage.listenings import writing_listenings
from ari_app.storage.recording_reader import RecordingPages
from ari_app.storage.recordings import RecordingRows
from ari_app.storage.secret_key import secret_key
from ari_app.storage.serving import Database

log = structlog.get_logger("agi_router.recordings")


class ListeningLog(Protocol):
    """Keeps who was sent a recording."""

    def note(self, listening: Listening) -> None:
        """Returns at once; never raises."""
        ...

    async def flush(self) -> None:
        """Wait until all of it is on record."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingDesk:
    """What the REST API and the command need of them.

    `mark_deleted` puts on record that a file is gone, and raises StorageError.
    """

    archive: RecordingArchive
    store: RecordingStore
    links: Links
    listenings: ListeningLog
    mark_deleted: Callable[[str, str], Awaitable[None]]

    async def delete(self, recording: StoredRecording, by: str) -> None:
        """Delete the file of one that is over; its row stays, and says so. Raises StoreError and StorageError."""
        if recording.state is RecordingState.DELETED:
            return
        await delete_file(self.store, self.mark_deleted, recording, f"by {by}")
        log.info("a recording was deleted on request", recording=recording.id, call=recording.call_id, by=by)

    def link(self, recording: StoredRecording, life: timedelta, name: str, by: str) -> Link:
        """A new link that opens it for so long; the name stands in it, with something random behind."""
        link = Link(recording.id, link_name(name), (now() + life).replace(microsecond=0))
        log.info("a link to a recording was made", recording=recording.id, link=link.link, until=link.expires_at, by=by)
        return link

    def listening(
        self, recording: StoredRecording, address: str, *, key: str = "", link: str = ""
    ) -> Callable[[int, int], None]:
        """Somebody begins to listen; to be called with the first byte and the number of those that he was sent."""
        began = now()

        def note(first: int, count: int) -> None:
            self.listenings.note(
                Listening(
                    recording_id=recording.id,
                    at=began,
                    key=key,
                    link=link,
                    address=address,
                    first_byte=first,
                    sent=count,
                )
            )

        return note


@asynccontextmanager
async def open_recordings(database: Database, folder: Path) -> AsyncIterator[RecordingDesk]:
    """Those of this database and this store, until the block ends. Raises StorageError."""
    async with writing_listenings(database) as listenings:
        yield RecordingDesk(
            archive=RecordingPages(database.reader),
            store=FolderStore(folder),
            links=Links(secret_key(database.settings)),
            listenings=listenings,
            mark_deleted=RecordingRows(database).mark_deleted,
        )
