"""Which recordings there are, and who has heard them: committed rows only, beside any writer."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select

from ari_app.domain.history import Page, Paging
from ari_app.domain.parts import PartKind
from ari_app.domain.recordings import Listening, RecordingFilter, StoredRecording
from ari_app.storage.cursor import Cursor
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.history_query import Question
from ari_app.storage.recordings import StoredRecordings, recording_of
from ari_app.storage.schema import call_parts, recording_listenings, recordings
from ari_app.storage.uncut import uncut


class RecordingPages(StoredRecordings):
    """Implements `ari_app.domain.recordings.RecordingArchive`."""

    @uncut
    async def page(self, wanted: RecordingFilter, paging: Paging) -> Page[StoredRecording]:
        """See the protocol."""
        asked = _about(wanted)
        name = f"{asked.name} {paging.order}"
        after = Cursor.read(paging.cursor, name) if paging.cursor else None
        query = asked.page(paging.order, after).limit(paging.limit + 1).offset(paging.offset)
        try:
            async with self._reader.connect() as connection:
                total = after.total if after else (await connection.execute(asked.count)).scalar_one()
                rows = (await connection.execute(query)).all()
        except FAILURES as error:
            raise unusable(self._reader, error) from error
        shown = rows[: paging.limit]
        more = None
        if len(rows) > paging.limit:
            more = Cursor(shown[-1].started_at, shown[-1].id, 0, total).text(name)
        return Page(tuple(map(recording_of, shown)), total, more)

    @uncut
    async def listenings(self, recording_id: str, offset: int, limit: int) -> tuple[Sequence[Listening], int]:
        """See the protocol."""
        of_it = recording_listenings.c.recording_id == recording_id
        newest_first = (recording_listenings.c.at.desc(), recording_listenings.c.id.desc())
        query = select(recording_listenings).where(of_it).order_by(*newest_first).offset(offset).limit(limit)
        count = select(func.count()).select_from(recording_listenings).where(of_it)
        try:
            async with self._reader.connect() as connection:
                total = (await connection.execute(count)).scalar_one()
                rows = (await connection.execute(query)).all()
        except FAILURES as error:
            raise unusable(self._reader, error) from error
        found = [
            Listening(
                recording_id=row.recording_id,
                at=row.at,
                key=row.key,
                link=row.link,
                address=row.address,
                first_byte=row.first_byte,
                sent=row.sent,
            )
            for row in rows
        ]
        return found, total


def _about(wanted: RecordingFilter) -> Question:
    conditions: list[ColumnElement[bool]] = []
    if wanted.period.since is not None:
        conditions.append(recordings.c.started_at >= wanted.period.since)
    if wanted.period.before is not None:
        conditions.append(recordings.c.started_at < wanted.period.before)
    if wanted.call_ids:
        conditions.append(recordings.c.call_id.in_(wanted.call_ids))
    if wanted.kinds:
        conditions.append(recordings.c.kind.in_([kind.value for kind in wanted.kinds]))
    if wanted.states:
        conditions.append(recordings.c.state.in_([state.value for state in wanted.states]))
    if wanted.users:
        took_part = (call_parts.c.kind == PartKind.USER.value, call_parts.c.name.in_(wanted.users))
        conditions.append(recordings.c.call_id.in_(select(call_parts.c.call_id).where(*took_part)))
    return Question(
        f"recordings {wanted}",
        select(recordings).where(*conditions),
        select(func.count()).select_from(recordings).where(*conditions),
        (recordings.c.started_at, recordings.c.id),
    )
