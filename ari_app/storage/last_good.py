"""The last good answer for each caller, written behind: calls put it in and go on, one task commits what has gathered.

A row says nothing about who called: its name is an HMAC of the question, whose key stands in a file of its own.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete

from agi_router.routing.memory import Remembered
from ari_app.storage.last_good_reader import LastGoodReader
from ari_app.storage.schema import last_good_answers
from ari_app.storage.secret_key import secret_key
from ari_app.storage.serving import Database
from ari_app.storage.upsert import upsert
from ari_app.storage.write_behind import MAX_PENDING, WriteBehind

GATHER_S = 1.0


@dataclass(frozen=True, slots=True)
class _Row:
    """What a question's row is going to be."""

    good: Remembered
    until: datetime


class LastGoodAnswers(LastGoodReader):
    """Implements `agi_router.routing.memory.Memory`. Made by `open_last_good`."""

    def __init__(self, database: Database, key: bytes, *, max_pending: int = MAX_PENDING) -> None:
        super().__init__(database.reader, key)
        self._writer = database.writer
        self.rows: WriteBehind[_Row | None] = WriteBehind(  # None: no row, it is forgotten
            "last good answers", self._commit, gather_s=GATHER_S, max_pending=max_pending
        )

    async def recall(self, question: str) -> Remembered | None:
        """See the protocol; what is not committed yet is known as well."""
        name = self._name(question)
        if name not in self.rows.pending:
            return await super().recall(question)
        row = self.rows.pending[name]
        return None if row is None else row.good

    def remember(self, question: str, good: Remembered, until: datetime) -> None:
        """See the protocol."""
        self.rows.put(self._name(question), _Row(good, until))

    def forget(self, question: str) -> None:
        """See the protocol."""
        self.rows.put(self._name(question), None)

    async def flush(self) -> None:
        """Wait until all that is remembered is committed, for as long as the database cannot be written."""
        await self.rows.flush()

    async def _commit(self, batch: Mapping[str, _Row | None], is_prune_due: bool) -> None:
        rows = [_columns(name, row) for name, row in batch.items() if row is not None]
        gone = [{"gone": name} for name, row in batch.items() if row is None]
        async with self._writer.begin() as connection:
            if rows:
                await connection.execute(_PUT.on(connection), rows)
            if gone:
                await connection.execute(_DELETE, gone)
            if is_prune_due:
                too_old = last_good_answers.c.until <= datetime.now(UTC)
                await connection.execute(delete(last_good_answers).where(too_old))


def _columns(name: str, row: _Row) -> dict[str, Any]:
    return {"name": name, "at": row.good.at, "until": row.until, "answer": dict(row.good.answer)}


_PUT = upsert(last_good_answers)
_DELETE = delete(last_good_answers).where(last_good_answers.c.name == bindparam("gone"))


@asynccontextmanager
async def open_last_good(database: Database) -> AsyncIterator[LastGoodAnswers]:
    """Remember in the background until the block ends; at its end all is committed, unless that takes long.

    Raises StorageError when the file of its key cannot be read or made.
    """
    answers = LastGoodAnswers(database, secret_key(database.settings))
    async with answers.rows.running():
        yield answers
