"""Who was sent a recording, written behind: no listener waits for the disk."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Final

from sqlalchemy import bindparam, insert, select

from ari_app.domain.recordings import Listening
from ari_app.storage.schema import recording_listenings, recordings
from ari_app.storage.serving import Database
from ari_app.storage.write_behind import WriteBehind

GATHER_S: Final = 0.5

_COLUMNS: Final = ("recording_id", "at", "key", "link", "address", "first_byte", "sent")
_PUT: Final = insert(recording_listenings).from_select(
    _COLUMNS,
    # Of a recording whose row is gone by now nothing is kept: it would hold up all that waits with it.
    select(*(bindparam(name, type_=recording_listenings.c[name].type) for name in _COLUMNS)).where(
        select(recordings.c.id).where(recordings.c.id == bindparam("recording_id")).exists()
    ),
)


class Listenings:
    """Puts them on record. Made by `writing_listenings`."""

    def __init__(self, database: Database) -> None:
        self._writer = database.writer
        self.rows: WriteBehind[Listening] = WriteBehind("listenings of recordings", self._commit, gather_s=GATHER_S)

    def note(self, listening: Listening) -> None:
        """This happened. Returns at once; never raises."""
        self.rows.put(secrets.token_hex(8), listening)

    async def flush(self) -> None:
        """Wait until all is committed, for as long as the database cannot be written."""
        await self.rows.flush()

    async def _commit(self, batch: Mapping[str, Listening], _: bool) -> None:
        if batch:
            async with self._writer.begin() as connection:
                await connection.execute(_PUT, [asdict(listening) for listening in batch.values()])


@asynccontextmanager
async def writing_listenings(database: Database) -> AsyncIterator[Listenings]:
    """Write them in the background until the block ends; then all is committed, unless that takes long."""
    listenings = Listenings(database)
    async with listenings.rows.running():
        yield listenings
