"""Small transactions carried out together: while one commit is on its way to the disk, what comes gathers for the next.

A commit costs milliseconds, however little is in it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.storage.failures import FAILURES, is_fault_of_rows, unusable

Result = TypeVar("Result")
Work = Callable[[AsyncConnection], Awaitable[Result]]

MOST_TOGETHER: Final = 64
CLOSE_S: Final = 5.0


@dataclass(slots=True, eq=False)
class _Waiting:
    work: Work[Any]
    done: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit:
    """Made by `committing_together`. What is begun is carried out, also for who does not wait for it any more."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._is_closed = False

    async def carry_out(self, work: Work[Result]) -> Result:
        """Do this in a transaction, and give what it gives once that is committed.

        Raises StorageError, or what `work` raises; then nothing of it was done. `work` may be called again when the
        transaction fails.
        """
        waiting = _Waiting(work)
        self._waiting.append(waiting)
        self._arrived.set()
        result: Result = await waiting.done
        return result

    async def run(self) -> None:
        """Carry out what arrives, until `close`, and what has arrived by then."""
        while self._waiting or not self._is_closed:
            await self._arrived.wait()
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            if not self._waiting and not self._is_closed:
                self._arrived.clear()
            if batch:
                await self._carry_out(batch)

    def close(self) -> None:
        """Nothing more arrives."""
        self._is_closed = True
        self._arrived.set()

    async def _carry_out(self, batch: Sequence[_Waiting]) -> None:
        try:
            async with self._engine.begin() as connection:
                results = [await each.work(connection) for each in batch]
        except Exception as error:  # a fault of one's own as well: all who come later wait for this task
            is_away = isinstance(error, FAILURES) and not is_fault_of_rows(error)
            if len(batch) > 1 and not is_away:  # one of them may be at fault, and must not spoil the others
                for each in batch:
                    await self._carry_out([each])
                return
            for each in batch:
                if not each.done.done():
                    each.done.set_exception(unusable(self._engine, error) if isinstance(error, FAILURES) else error)
        else:
            for each, result in zip(batch, results, strict=True):
                if not each.done.done():
                    each.done.set_result(result)


@asynccontextmanager
async def committing_together(engine: AsyncEngine) -> AsyncIterator[GroupCommit]:
    """Carry out in the background until the block ends; then what has arrived, unless that takes long.

    A statement that is cut off costs its connection, and may leave a thread behind: see `uncut`.
    """
    group = GroupCommit(engine)
    task = asyncio.create_task(group.run(), name="group commit")
    try:
        yield group
    finally:
        group.close()
        await asyncio.wait({task}, timeout=CLOSE_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
