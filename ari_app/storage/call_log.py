"""The log's writer: calls put events in and go on; one task commits whatever has gathered, and never gives up on it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence, Set
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import islice
from typing import Any

import structlog
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain.call_log import StoredEvent
from ari_app.domain.events import CallArrived, CallEvent, CallRequested
from ari_app.domain.notices import Notice
from ari_app.domain.record import CallRecord
from ari_app.storage.activity_marks import ActivityMarker, Marks
from ari_app.storage.call_progress import Progress
from ari_app.storage.call_reader import StoredCalls
from ari_app.storage.codec import record_to_row, restore, store
from ari_app.storage.event_reader import advance, last_position
from ari_app.storage.failures import FAILURES, WRITING_REMEDY, is_fault_of_rows, name_of, reason, remedy, unusable
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.recordings import write_recordings
from ari_app.storage.schema import call_events, call_parts, calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from ari_app.storage.upsert import upsert

# A commit costs a few milliseconds of CPU, most of them in another thread that the calls then wait for. A call's events
# come in bursts, the first one while it is being set up: they go to the disk together, when the phone already rings.
GATHER_S = 0.1
EVENTS_PER_COMMIT = 1000
# About 20 events make a call: this is 5,000 calls that wait for a disk to come back, some 100 MB.
MAX_PENDING = 100_000
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
CLOSE_DEADLINE_S = 10.0

log = structlog.get_logger("agi_router.call_log")


class CallLog(StoredCalls):
    """Implements `ari_app.domain.call_log.CallWriter`, and its reader beside it. Made by `open_call_log`."""

    def __init__(
        self,
        writer: AsyncEngine,
        reader: AsyncEngine,
        outbox: OutboxWriter | None = None,
        marker: ActivityMarker | None = None,
        *,
        max_pending: int = MAX_PENDING,
    ) -> None:
        super().__init__(reader)
        self._writer = writer
        self._outbox = OutboxWriter() if outbox is None else outbox
        self._marker = ActivityMarker() if marker is None else marker
        self._max_pending = max_pending
        self._pending: deque[tuple[str, StoredEvent]] = deque()
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._settled = asyncio.Condition()
        self._accepted_count = 0
        self._settled_count = 0
        self._lost_count = 0
        # The position of the last event that is committed: None when only the database knows, after a failed commit.
        self._last: int | None = None
        self._attempted: int | None = None
        self._bell = asyncio.Event()
        self.position = 0
        # Calls that have not ended. A late event of an ended one loads it again.
        self._live: dict[str, Progress] = {}

    @property
    def pending(self) -> int:
        """How many events are not committed yet."""
        return len(self._pending)

    @property
    def lost(self) -> int:
        """How many events could not be kept, since the start."""
        return self._lost_count

    @property
    def bell(self) -> asyncio.Event:
        """Rings when `position` has grown: take it, read up to `position`, then wait for it. Each rings once."""
        return self._bell

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
                    remedy=WRITING_REMEDY,
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
            except FAILURES as error:
                if is_fault_of_rows(error):
                    raise
                log.error(  # noqa: TRY400 - the reason is named; a stack per retry would bury it
                    "the call log cannot be written; its events wait in memory and are tried again",
                    database=name_of(self._writer),
                    reason=reason(error),
                    waiting=len(self._pending),
                    retry_in_s=retry_s,
                    remedy=remedy(error),
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

    async def begin(self) -> None:
        """Learn the position of the last event on record. Raises StorageError."""
        try:
            async with self._engine.connect() as connection:
                self.position = await last_position(connection)
        except FAILURES as error:
            raise unusable(self._engine, error) from error

    async def _commit(self, batch: Sequence[tuple[str, StoredEvent]]) -> None:
        """Write the events, and the rows of their calls as they then are, in one transaction."""
        async with self._writer.begin() as connection:
            last = await last_position(connection) if self._last is None else self._last
            if last == self._attempted:  # by a commit that was reported as failed, and had happened after all
                for call_id, _ in batch:
                    self._live.pop(call_id, None)
                progress = await self._progress(connection, {call_id for call_id, _ in batch})
                is_told, is_marked = bool(self._outbox.receivers), bool(self._marker.wishes)
            else:
                self._last, self._attempted = None, last + len(batch)
                progress, is_told, is_marked = await self._write(connection, batch, last)
                last = self._attempted
        self._last, self._attempted = last, None
        for call_id, now in progress.items():
            if now.record.ended_at is None:
                self._live[call_id] = replace(now, written=now.parts.rows)
            else:
                self._live.pop(call_id, None)
        self.position = last
        self._bell.set()
        self._bell = asyncio.Event()
        if is_told:
            self._outbox.ring()
        if is_marked:
            self._marker.ring()

    async def _write(
        self, connection: AsyncConnection, batch: Sequence[tuple[str, StoredEvent]], last: int
    ) -> tuple[dict[str, Progress], bool, bool]:
        """How far the calls have come by it, whether anybody is to be told of it, and whether a CRM is."""
        begun = {call_id for call_id, stored in batch if isinstance(stored.event, CallArrived | CallRequested)}
        progress = await self._progress(connection, {call_id for call_id, _ in batch}, begun)
        event_rows, told, marks = [], list[Notice](), Marks()
        for position, (call_id, stored) in enumerate(batch, start=last + 1):
            progress[call_id] = now = progress[call_id].then(stored)
            row = {"call_id": call_id, "seq": now.seq, "at": stored.at, "type": stored.type, "data": stored.data}
            event_rows.append({**row, "position": position})
            told += now.notices(stored.at, self._outbox)
            marks.note(now.record, stored.event)
        await _write_rows(connection, progress.values(), event_rows)
        await write_recordings(connection, batch)
        await advance(connection, last + len(batch))
        is_marked = await self._marker.mark(connection, marks)
        return progress, await self._outbox.put(connection, told), is_marked

    async def _progress(
        self, connection: AsyncConnection, call_ids: set[str], begun: Set[str] = frozenset()
    ) -> dict[str, Progress]:
        """Where these calls stand, those not in memory by their stored events: recovered ones, late ones.

        Of those that have `begun` only now none are stored.
        """
        is_told = bool(self._outbox.receivers)
        known = {call_id: self._live[call_id].listened(is_told) for call_id in call_ids & self._live.keys()}
        progress = {call_id: known.get(call_id) or Progress.of(call_id, is_told=is_told) for call_id in call_ids}
        unknown = {call_id for call_id in call_ids if known.get(call_id) is None}
        unknown -= begun - self._live.keys()
        if unknown:
            query = select(call_events).where(call_events.c.call_id.in_(unknown)).order_by(call_events.c.seq)
            for row in await connection.execute(query):
                progress[row.call_id] = progress[row.call_id].then(restore(row.at, row.type, row.data))
        return progress


async def _write_rows(
    connection: AsyncConnection, progress: Collection[Progress], event_rows: Sequence[Mapping[str, Any]]
) -> None:
    call_rows = [record_to_row(now.record, now.first_event_at) for now in progress if now.first_event_at]
    await connection.execute(_PUT_CALLS.on(connection), call_rows)
    await connection.execute(_PUT_EVENTS, event_rows)
    part_rows = [row for now in progress for row in now.part_rows()]
    if part_rows:
        await connection.execute(_PUT_PARTS.on(connection), part_rows)


_PUT_CALLS = upsert(
    calls, [column.name for column in calls.c if column.name not in (calls.c.call_id.name, calls.c.linkedid.name)]
)
_PUT_PARTS = upsert(call_parts)
_PUT_EVENTS = insert(call_events)


@asynccontextmanager
async def open_call_log(settings: StorageSettings) -> AsyncIterator[CallLog]:
    """The call log of a database that nothing else is written to. Raises StorageError as `open_database` does."""
    async with open_database(settings) as database, writing_call_log(database) as call_log:
        yield call_log


@asynccontextmanager
async def writing_call_log(
    database: Database, outbox: OutboxWriter | None = None, marker: ActivityMarker | None = None
) -> AsyncIterator[CallLog]:
    """Write in the background until the block ends; at its end all is committed, within CLOSE_DEADLINE_S.

    What calls tell others is put into the outbox, and what CRMs are to be told of them is marked.
    """
    call_log = CallLog(database.writer, database.reader, outbox, marker)
    await call_log.begin()
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
                remedy=WRITING_REMEDY,
            )
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
