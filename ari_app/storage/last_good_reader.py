"""Reads the last good answers, beside a running router too, and changes nothing: what a dry run remembers."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from agi_router.routing.in_time import in_time
from agi_router.routing.memory import NoMemory, Remembered
from ari_app.storage.database import reading_engine
from ari_app.storage.failures import FAILURES, reason
from ari_app.storage.schema import last_good_answers
from ari_app.storage.secret_key import stored_key
from ari_app.storage.settings import StorageSettings
from ari_app.storage.uncut import readings_over, uncut

RECALL_S = 0.5
"""The caller hears ringing meanwhile, and his fallback is next: he does not wait longer for a disk."""

COMMAND_RECALL_S: Final = 10.0
"""Nobody hears anything during a dry run, which has to open the database first."""

log = structlog.get_logger("agi_router.last_good")


class LastGoodReader(NoMemory):
    """Implements `agi_router.routing.memory.Memory`: recalls what is committed, remembers nothing."""

    def __init__(self, reader: AsyncEngine, key: bytes, recall_s: float | None = None) -> None:
        """What takes longer than `recall_s`, or without it RECALL_S, is not recalled."""
        self._reader = reader
        self._key = key
        self._recall_s = recall_s

    async def recall(self, question: str) -> Remembered | None:
        """See the protocol. What cannot be read in time is as good as forgotten, and the log says why."""
        try:
            limit_s = RECALL_S if self._recall_s is None else self._recall_s
            return await in_time(self._read(self._name(question)), limit_s)
        except (*FAILURES, ValueError, TypeError) as error:
            # TimeoutError is an OSError; the other two are a row that somebody else has written.
            log.warning(
                "the last good answer for a caller cannot be read; his call goes on without it",
                reason=reason(error),
                remedy="look after the disk and the database: agi-router doctor",
            )
        return None

    @uncut
    async def _read(self, name: str) -> Remembered | None:
        table = last_good_answers
        query = select(table.c.at, table.c.answer).where(table.c.name == name, table.c.until > datetime.now(UTC))
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Remembered(row.at, row.answer)

    def _name(self, question: str) -> str:
        """The name of a question's row: who has the database alone cannot tell whether a number stands in it."""
        return hmac.new(self._key, question.encode(), "sha256").hexdigest()


@asynccontextmanager
async def read_last_good(settings: StorageSettings) -> AsyncIterator[LastGoodReader]:
    """The answers on disk, for a command. Raises StorageError when there is no database, or its key may not be read."""
    reader = reading_engine(settings)
    try:
        yield LastGoodReader(reader, stored_key(settings), COMMAND_RECALL_S)
    finally:
        await readings_over()
        await reader.dispose()
