"""The last good answer for each caller, written behind: calls put it in and go on, one task commits what has gathered.

A row says nothing about who called: its name is an HMAC of the question, whose key stands in a file of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from time import monotonic
from typing import Any

from sqlalchemy import bindparam, delete
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import SQLAlchemyError

from agi_router.routing.memory import Remembered
from ari_app.storage.last_good_reader import LastGoodReader, log, reason
from ari_app.storage.schema import last_good_answers
from ari_app.storage.secret_key import secret_key
from ari_app.storage.serving import Database

GATHER_S = 1.0
ANSWERS_PER_COMMIT = 1000
MAX_PENDING = 10_000
RETRY_S = 5.0
PRUNE_EVERY_S = 3600.0
CLOSE_DEADLINE_S = 5.0


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
        self._max_pending = max_pending
        self._pending: dict[str, _Row | None] = {}  # None: no row, it is forgotten
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._settled = asyncio.Condition()
        self._prune_at = 0.0  # on the monotonic clock: at once
        self._lost_count = 0

    async def recall(self, question: str) -> Remembered | None:
        """See the protocol; what is not committed yet is known as well."""
        name = self._name(question)
        if name not in self._pending:
            return await super().recall(question)
        row = self._pending[name]
        return None if row is None else row.good

    def remember(self, question: str, good: Remembered, until: datetime) -> None:
        """See the protocol."""
        self._put(question, _Row(good, until))

    def forget(self, question: str) -> None:
        """See the protocol."""
        self._put(question, None)

    async def flush(self) -> None:
        """Wait until all that is remembered is committed, for as long as the database cannot be written."""
        self._hurry.set()
        async with self._settled:
            await self._settled.wait_for(lambda: not self._pending)

    async def run(self) -> None:
        """Commit what arrives, and delete what is too old, until cancelled. A database that fails is tried again."""
        while True:
            if not self._pending:
                self._hurry.clear()
                await _wait(self._arrived, self._prune_at - monotonic())
            if self._pending:
                await _wait(self._hurry, GATHER_S)
            self._arrived.clear()
            batch = dict(islice(self._pending.items(), ANSWERS_PER_COMMIT))
            try:
                await self._commit(batch)
            except (SQLAlchemyError, OSError) as error:
                log.warning(
                    "the last good answers cannot be written; they wait in memory and are tried again",
                    reason=reason(error),
                    waiting=len(self._pending),
                    retry_in_s=RETRY_S,
                    remedy="is the disk full, the file read-only, or the database locked by another program?",
                )
                await asyncio.sleep(RETRY_S)
            else:
                await self._settle(batch)

    def _put(self, question: str, row: _Row | None) -> None:
        name = self._name(question)
        if name not in self._pending and len(self._pending) >= self._max_pending:
            self._lost_count += 1
            if self._lost_count % 1000 == 1:
                log.error(
                    "good answers are not remembered: the database does not take them and memory is bounded",
                    lost=self._lost_count,
                    remedy="free disk space, or end the program that holds the database locked",
                )
            return
        self._pending[name] = row
        self._arrived.set()

    async def _commit(self, batch: Mapping[str, _Row | None]) -> None:
        rows = [_columns(name, row) for name, row in batch.items() if row is not None]
        gone = [{"gone": name} for name, row in batch.items() if row is None]
        is_prune_due = monotonic() >= self._prune_at
        async with self._writer.begin() as connection:
            if rows:
                await connection.execute(_PUT, rows)
            if gone:
                await connection.execute(_DELETE, gone)
            if is_prune_due:
                too_old = last_good_answers.c.until <= datetime.now(UTC)
                await connection.execute(delete(last_good_answers).where(too_old))
        if is_prune_due:
            self._prune_at = monotonic() + PRUNE_EVERY_S

    async def _settle(self, batch: Mapping[str, _Row | None]) -> None:
        for name, row in batch.items():
            if self._pending[name] is row:  # else a newer one has come meanwhile
                del self._pending[name]
        async with self._settled:
            self._settled.notify_all()


def _columns(name: str, row: _Row) -> dict[str, Any]:
    return {"name": name, "at": row.good.at, "until": row.until, "answer": dict(row.good.answer)}


def _put() -> Insert:
    new = insert(last_good_answers)
    changed = {column: new.excluded[column] for column in ("at", "until", "answer")}
    return new.on_conflict_do_update(index_elements=[last_good_answers.c.name], set_=changed)


_PUT = _put()
_DELETE = delete(last_good_answers).where(last_good_answers.c.name == bindparam("gone"))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


@asynccontextmanager
async def open_last_good(database: Database) -> AsyncIterator[LastGoodAnswers]:
    """Remember in the background until the block ends; at its end all is committed, within CLOSE_DEADLINE_S.

    Raises StorageError when the file of its key cannot be read or made.
    """
    answers = LastGoodAnswers(database, secret_key(database.settings.path))
    task = asyncio.create_task(answers.run(), name="last good answers")
    try:
        yield answers
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await answers.flush()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
