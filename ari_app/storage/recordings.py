"""The rows of recordings: written in one transaction with the events of their calls, and read by who needs them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain import events as e
from ari_app.domain.call_log import StoredEvent
from ari_app.domain.recordings import RecordingKind, RecordingState, StoredRecording
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.schema import calls, recordings
from ari_app.storage.serving import Database
from ari_app.storage.uncut import uncut
from ari_app.storage.upsert import upsert

_OF_FILE: Final = ("place", "size", "sha256", "media_type", "seconds")

UNFETCHED: Final = (RecordingState.RUNNING, RecordingState.ENDED)
AT_ONCE: Final = 500
"""Names of one query."""


class StoredRecordings:
    """What is on record of recordings. Raises StorageError."""

    def __init__(self, reader: AsyncEngine) -> None:
        self._reader = reader

    async def get(self, recording_id: str) -> StoredRecording | None:
        """One by its id; None when there is none."""
        found = await self._read(select(recordings).where(recordings.c.id == recording_id))
        return found[0] if found else None

    async def of_call(self, call_id: str) -> Sequence[StoredRecording]:
        """Those of one call, in their order."""
        return await self.of_calls([call_id])

    async def of_calls(self, call_ids: Collection[str]) -> Sequence[StoredRecording]:
        """Those of these calls, in their order."""
        of_them = select(recordings).where(recordings.c.call_id.in_(call_ids))
        return await self._read(of_them.order_by(recordings.c.started_at, recordings.c.id))

    async def unfetched(self) -> Sequence[StoredRecording]:
        """Those that run, or wait in Asterisk's spool, oldest first."""
        waiting = select(recordings).where(recordings.c.state.in_([state.value for state in UNFETCHED]))
        return await self._read(waiting.order_by(recordings.c.started_at, recordings.c.id))

    async def stored_before(self, moment: datetime, limit: int) -> Sequence[StoredRecording]:
        """Those in the store that were begun before this, oldest first."""
        old = select(recordings).where(
            recordings.c.state == RecordingState.STORED.value, recordings.c.started_at < moment
        )
        return await self._read(old.order_by(recordings.c.started_at, recordings.c.id).limit(limit))

    async def fetched(self, names: Collection[str]) -> Collection[str]:
        """Those of these ids that Asterisk need not have any more."""
        fetched = [RecordingState.STORED.value, RecordingState.DELETED.value]
        given, found = sorted(names), set[str]()
        for first in range(0, len(given), AT_ONCE):
            among = recordings.c.id.in_(given[first : first + AT_ONCE])
            found |= {
                row.id for row in await self._read(select(recordings).where(among, recordings.c.state.in_(fetched)))
            }
        return found

    async def without_call(self, limit: int) -> Sequence[StoredRecording]:
        """Those of calls that are on record no more: recordings, and messages that callers left."""
        its_call = select(calls.c.call_id).where(calls.c.call_id == recordings.c.call_id)
        orphans = select(recordings).where(~its_call.exists())
        return await self._read(orphans.order_by(recordings.c.started_at, recordings.c.id).limit(limit))

    @uncut
    async def _read(self, query: Select[Any]) -> Sequence[StoredRecording]:
        try:
            async with self._reader.connect() as connection:
                return [recording_of(row) for row in await connection.execute(query)]
        except FAILURES as error:
            raise unusable(self._reader, error) from error


class RecordingRows(StoredRecordings):
    """The same of the router that serves, which also changes them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.reader)
        self._writer = database.writer

    async def put(self, recording: StoredRecording) -> None:
        """Keep this as the row of its id: of what belongs to no event of a call. Raises StorageError."""
        try:
            async with self._writer.begin() as connection:
                await connection.execute(_PUT.on(connection), [_columns(recording)])
        except FAILURES as error:
            raise unusable(self._writer, error) from error

    async def mark_deleted(self, recording_id: str, reason: str) -> None:
        """Its file is gone from the store. Raises StorageError."""
        gone = {"state": RecordingState.DELETED.value, "reason": reason}
        await self._change(update(recordings).where(recordings.c.id == recording_id).values(gone))

    async def forget(self, recording_ids: Collection[str]) -> None:
        """Delete the rows, and who listened to them. Raises StorageError."""
        await self._change(delete(recordings).where(recordings.c.id.in_(recording_ids)))

    async def _change(self, statement: Any) -> None:
        try:
            async with self._writer.begin() as connection:
                await connection.execute(statement)
        except FAILURES as error:
            raise unusable(self._writer, error) from error


async def write_recordings(connection: AsyncConnection, batch: Sequence[tuple[str, StoredEvent]]) -> None:
    """Bring the rows up to date with these events, in the transaction that writes those."""
    for call_id, stored in batch:
        match stored.event:
            case e.RecordingStarted(at=at, name=name):
                begun = StoredRecording(
                    id=name,
                    call_id=call_id,
                    kind=RecordingKind.CALL,
                    state=RecordingState.RUNNING,
                    started_at=at,
                )
                await connection.execute(_PUT_NEW.on(connection), [_columns(begun)])
            case e.RecordingEnded(at=at, name=name):
                await _change(connection, name, ended_at=at)
                await _change(connection, name, RecordingState.RUNNING, state=RecordingState.ENDED.value)
            case e.RecordingStored(name=name) as kept:
                columns = {field: getattr(kept, field) for field in _OF_FILE}
                await _change(connection, name, *UNFETCHED, state=RecordingState.STORED.value, **columns)
            case e.RecordingFailed(name=name, detail=detail) if name:
                await _change(connection, name, *UNFETCHED, state=RecordingState.LOST.value, reason=detail)
            case e.VoicemailLeft(recording=name) as left if name:
                columns = {field: getattr(left, field) for field in _OF_FILE}
                message = StoredRecording(
                    id=name,
                    call_id=call_id,
                    kind=RecordingKind.VOICEMAIL,
                    state=RecordingState.STORED,
                    started_at=left.at - timedelta(seconds=left.seconds or 0),
                    ended_at=left.at,
                    mailbox=left.mailbox,
                    **columns,
                )
                await connection.execute(_PUT_NEW.on(connection), [_columns(message)])
            case _:
                pass


async def _change(connection: AsyncConnection, name: str, *states: RecordingState, **columns: Any) -> None:
    """Of this recording, if it is in one of these states; none named: whatever it is in."""
    its = update(recordings).where(recordings.c.id == name)
    if states:
        its = its.where(recordings.c.state.in_([state.value for state in states]))
    await connection.execute(its.values(columns))


def recording_of(row: Row[Any]) -> StoredRecording:
    """A row of the table as what it means."""
    columns = dict(row._mapping)
    return StoredRecording(**(columns | {"kind": RecordingKind(row.kind), "state": RecordingState(row.state)}))


def _columns(recording: StoredRecording) -> dict[str, Any]:
    columns = {column.name: getattr(recording, column.name) for column in recordings.c}
    return columns | {"kind": recording.kind.value, "state": recording.state.value}


_PUT: Final = upsert(recordings)
_PUT_NEW: Final = upsert(recordings, ())
"""An event may come twice, after a commit whose answer was lost: what is on record since then stays."""
