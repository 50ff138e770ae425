"""The log's writer: calls put events in and go on; one task commits whatever has gathered, and never gives up on it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain.events import CallEvent
from ari_app.domain.record import CallRecord, after
from ari_app.storage.call_reader import StoredCalls
from ari_app.storage.codec import StoredEvent, record_to_row, restore, store
from ari_app.storage.schema import call_events, calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings

# A commit costs a few milliseconds of CPU, most of them in another thread that the calls then wait for. A call's events
# come in bursts, the first one while it is being set up: they go to the disk together, when the phone already rings.
GATHER_S = 0.1
EVENTS_PER_COMMIT = 1000
# About 20 events make a call: this is 5,000 calls that wait for a disk to come back, some 100 MB.
MAX_PENDING = 100_000
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
CLOSE_DEADLINE_S = 10.0
# What no waiting mends. All other errors of the database are its own: locked, full, read-only, damaged.
EVENTS_FAULT = (IntegrityError, DataError, ProgrammingError)

log = structlog.get_logger("agi_router.call_log")


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a call has come: its record, when it was first heard of, and the number of its last event."""

    record: CallRecord
    first_event_at: datetime | None = None
    seq: int = 0

    def then(self, stored: StoredEvent) -> "_Progress":
        record = self.record if stored.event is None else after(self.record, stored.event)
        return _Progress(record, self.first_event_at or stored.at, self.seq + 1)


class CallLog(StoredCalls):
    """Implements `ari_app.domain.call_log.CallWriter`, and its reader beside it. Made by `open_call_log`."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, *, max_pending: int = MAX_PENDING) -> None:
        super().__init__(reader)
        self._writer = writer
        self._max_pending = max_pending
        self._pending: deque[tuple[str, StoredEvent]] = deque()
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._settled = asyncio.Condition()
        self._accepted_count = 0
        self._settled_count = 0
        self._lost_count = 0
        # Calls that have not ended. A late event of an ended one loads it again.
        self._live: dict[str, _Progress] = {}

    @property
    def pending(self) -> int:
        """How many events are not committed yet."""
        return len(self._pending)

    @property
    def lost(self) -> int:
        """How many events could not be kept, since the start."""
        return self._lost_count

    def write(self, call_id: str, event: CallEvent) -> None:
        """Take one event; never waits and never raises."""
        try:
            stored = store(event)
        except Exception:
            self._lost_count += 1
            log.exception("an event cannot be stored; its call goes on without it", call_id=call_id, lost=repr(event))
            return
        if len(self._pending) >= self._max_pending:
            self._lost_count += 1
            if self._lost_count % 1000 == 1:
                log.critical(
                    "the call log loses events: the database does not take them and memory is bounded",
                    lost=self._lost_count,
                    remedy="free disk space, or end the program that holds the database locked",
                )
            return
        self._pending.append((call_id, stored))
        self._accepted_count += 1
        self._arrived.set()

    async def open_calls(self) -> Sequence[CallRecord]:
        """See StoredCalls; after what is written by now is committed: an end on its way is an end."""
        await self.flush()
        return await super().open_calls()

    async def flush(self) -> None:
        """Have all that is written committed at once, and wait for it, for as long as the database can't be written."""
        target = self._accepted_count
        self._hurry.set()
        async with self._settled:
            await self._settled.wait_for(lambda: self._settled_count >= target)

    async def run(self) -> None:
        """Commit what arrives, until cancelled. A database that fails is tried again for ever."""
        while True:
            self._arrived.clear()
            if not self._pending:
                self._hurry.clear()
                await self._arrived.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._hurry.wait()
            batch = list(islice(self._pending, EVENTS_PER_COMMIT))
            try:
                await self._commit_in_the_end(batch)
            except Exception:
                log.exception("a batch of the call log failed; its calls are tried one by one")
                await self._commit_each_call(batch)
            await self._settle(len(batch))

    async def _commit_in_the_end(self, batch: Sequence[tuple[str, StoredEvent]]) -> None:
        """Commit, however long the database cannot be written. Raises only for what is wrong with the events."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                return await self._commit(batch)
            except EVENTS_FAULT:
                raise
            except (DBAPIError, OSError) as error:
                log.error(  # noqa: TRY400 - the reason is named; a stack per retry would bury it
                    "the call log cannot be written; its events wait in memory and are tried again",
                    database=self._writer.url.database,
                    reason=str(error.orig if isinstance(error, DBAPIError) else error),
                    waiting=len(self._pending),
                    retry_in_s=retry_s,
                    remedy="is the disk full, the file read-only, or the database locked by another program?",
                )
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    async def _settle(self, count: int) -> None:
        for _ in range(count):
            self._pending.popleft()
        async with self._settled:
            self._settled_count += count
            self._settled.notify_all()

    async def _commit_each_call(self, batch: Sequence[tuple[str, StoredEvent]]) -> None:
        """One call's odd event must not stop the log of all others for ever."""
        for call_id in dict.fromkeys(call_id for call_id, _ in batch):
            of_call = [(call_id, stored) for owner, stored in batch if owner == call_id]
            try:
                await self._commit_in_the_end(of_call)
            except Exception:
                self._lost_count += len(of_call)
                log.exception(
                    "events of one call are lost", call_id=call_id, lost=[stored.type for _, stored in of_call]
                )

    async def _commit(self, batch: Sequence[tuple[str, StoredEvent]]) -> None:
        """Write the events, and the rows of their calls as they then are, in one transaction."""
        async with self._writer.begin() as connection:
            progress = await self._progress(connection, {call_id for call_id, _ in batch})
            event_rows = []
            for call_id, stored in batch:
                progress[call_id] = now = progress[call_id].then(stored)
                event_rows.append(
                    {"call_id": call_id, "seq": now.seq, "at": stored.at, "type": stored.type, "data": stored.data}
                )
            await _write_rows(connection, progress.values(), event_rows)
        for call_id, now in progress.items():
            if now.record.ended_at is None:
                self._live[call_id] = now
            else:
                self._live.pop(call_id, None)

    async def _progress(self, connection: AsyncConnection, call_ids: set[str]) -> dict[str, _Progress]:
        """Where these calls stand, those not in memory by their stored events: new ones, recovered ones, late ones."""
        progress = {call_id: self._live.get(call_id, _Progress(CallRecord(call_id=call_id))) for call_id in call_ids}
        unknown = call_ids - self._live.keys()
        if unknown:
            query = select(call_events).where(call_events.c.call_id.in_(unknown)).order_by(call_events.c.seq)
            for row in await connection.execute(query):
                progress[row.call_id] = progress[row.call_id].then(restore(row.at, row.type, row.data))
        return progress


async def _write_rows(
    connection: AsyncConnection, progress: Iterable[_Progress], event_rows: Sequence[Mapping[str, Any]]
) -> None:
    call_rows = [record_to_row(now.record, now.first_event_at) for now in progress if now.first_event_at]
    await connection.execute(_PUT_CALLS, call_rows)
    await connection.execute(_PUT_EVENTS, event_rows)


def _put_calls() -> Insert:
    new_call = insert(calls)
    columns = {column.name: new_call.excluded[column.name] for column in calls.c if not column.primary_key}
    return new_call.on_conflict_do_update(index_elements=[calls.c.call_id], set_=columns)


# Made once: SQLAlchemy takes longer to build them than SQLite to carry them out.
_PUT_CALLS = _put_calls()
# "Do nothing": a commit that was reported as failed may have happened after all, and is then repeated.
_PUT_EVENTS = insert(call_events).on_conflict_do_nothing()


@asynccontextmanager
async def open_call_log(settings: StorageSettings) -> AsyncIterator[CallLog]:
    """The call log of a database that nothing else is written to. Raises StorageError as `open_database` does."""
    async with open_database(settings) as database, writing_call_log(database) as call_log:
        yield call_log


@asynccontextmanager
async def writing_call_log(database: Database) -> AsyncIterator[CallLog]:
    """Write in the background until the block ends; at its end all is committed, within CLOSE_DEADLINE_S."""
    call_log = CallLog(database.writer, database.reader)
    task = asyncio.create_task(call_log.run(), name="call log")
    try:
        yield call_log
    finally:
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await call_log.flush()
        except TimeoutError:
            log.critical(
                "the router ends with events that the database did not take: they are lost",
                lost=call_log.pending,
                remedy="free disk space, or end the program that holds the database locked",
            )
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
