"""Rows written behind: they are put in at once, and one task commits what has gathered. Of each name the newest counts.

Calls never wait for the disk. A database that cannot be written is tried again, and what waits for it is bounded.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import islice
from time import monotonic
from typing import Final, Generic, TypeVar

import structlog

from ari_app.storage.failures import FAILURES, WRITING_REMEDY, reason, remedy

Row = TypeVar("Row")
Commit = Callable[[Mapping[str, Row], bool], Awaitable[None]]
"""Commits a batch, in one transaction; with True it also deletes what is too old."""

ROWS_PER_COMMIT: Final = 1000
MAX_PENDING: Final = 10_000
RETRY_S = 5.0
PRUNE_EVERY_S = 3600.0
CLOSE_DEADLINE_S: Final = 5.0

log = structlog.get_logger("agi_router.write_behind")


class WriteBehind(Generic[Row]):
    """What is not committed yet, and the task that commits it. `what` is what the log calls the rows, in the plural.

    Rows gather for `gather_s` seconds: that much a killed process may lose.
    """

    def __init__(self, what: str, commit: Commit[Row], *, gather_s: float, max_pending: int = MAX_PENDING) -> None:
        self._what = what
        self._commit = commit
        self._gather_s = gather_s
        self._max_pending = max_pending
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._settled = asyncio.Condition()
        self._prune_at = 0.0  # on the monotonic clock: at once
        self._lost_count = 0
        self.pending: dict[str, Row] = {}

    def put(self, name: str, row: Row) -> None:
        """Write this row. Returns at once; never raises."""
        if name not in self.pending and len(self.pending) >= self._max_pending:
            self._lost_count += 1
            if self._lost_count % 1000 == 1:
                log.error(
                    f"{self._what} are lost: the database does not take them and memory is bounded",
                    lost=self._lost_count,
                    remedy=WRITING_REMEDY,
                )
            return
        self.pending[name] = row
        self._arrived.set()

    async def flush(self) -> None:
        """Wait until all is committed, for as long as the database cannot be written."""
        self._hurry.set()
        async with self._settled:
            await self._settled.wait_for(lambda: not self.pending)

    async def run(self) -> None:
        """Commit what arrives, and delete what is too old, until cancelled."""
        while True:
            if not self.pending:
                self._hurry.clear()
                await _wait(self._arrived, self._prune_at - monotonic())
            if self.pending:
                await _wait(self._hurry, self._gather_s)
            self._arrived.clear()
            batch = dict(islice(self.pending.items(), ROWS_PER_COMMIT))
            is_prune_due = monotonic() >= self._prune_at
            try:
                await self._commit(batch, is_prune_due)
            except FAILURES as error:
                log.warning(
                    f"{self._what} cannot be written; they wait in memory and are tried again",
                    reason=reason(error),
                    waiting=len(self.pending),
                    retry_in_s=RETRY_S,
                    remedy=remedy(error),
                )
                await asyncio.sleep(RETRY_S)
            else:
                if is_prune_due:
                    self._prune_at = monotonic() + PRUNE_EVERY_S
                await self._settle(batch)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Commit in the background until the block ends; at its end all is committed, within CLOSE_DEADLINE_S."""
        task = asyncio.create_task(self.run(), name=self._what)
        try:
            yield
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_DEADLINE_S):
                    await self.flush()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _settle(self, batch: Mapping[str, Row]) -> None:
        for name, row in batch.items():
            if self.pending[name] is row:  # else a newer one has come meanwhile
                del self.pending[name]
        async with self._settled:
            self._settled.notify_all()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
