"""What of the history has its time over is deleted, or loses its numbers: a little at a time, beside all other writes.

A call counts from its first event. Calls that go on are left alone, however old they are.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ari_app.domain.masking import mask_event, mask_record, mask_text
from ari_app.storage.activity_marks import delete_activities_of, mask_activities_of
from ari_app.storage.codec import record_to_row, row_to_record
from ari_app.storage.failures import FAILURES, reason, remedy
from ari_app.storage.messages import delete_messages, mask_messages
from ari_app.storage.notice_retention import (
    LATE,
    delete_notices,
    delete_notices_of,
    mask_notices_of,
    mask_notices_without_call,
)
from ari_app.storage.schema import call_events, call_parts, calls, event_positions, history_gaps
from ari_app.storage.serving import Database
from ari_app.storage.settings import RetentionSettings

EVERY_S: Final = 3600.0
BATCH: Final = 50
"""Calls of one transaction: some 1000 events, for which a call that writes waits a few milliseconds in memory."""
PAUSE_S: Final = 0.2

log = structlog.get_logger("agi_router.retention")


class Retention:
    """Keeps to the settings, once an hour. Made by `keeping_to`."""

    def __init__(self, database: Database, settings: RetentionSettings, notice_days: int | None = None) -> None:
        self._writer = database.writer
        self._settings = settings
        self._notice_days = notice_days
        self._masked_until: datetime | None = None  # of notices without a call

    async def run(self) -> None:
        """Go over the history again and again, until cancelled."""
        while True:
            try:
                await self.once(datetime.now(UTC))
            except FAILURES as error:
                log.warning(
                    "old calls can be neither deleted nor masked; it is tried again in an hour",
                    reason=reason(error),
                    remedy=remedy(error),
                )
            await asyncio.sleep(EVERY_S)

    async def once(self, now: datetime) -> None:
        """Delete and mask all that is due. Raises what the database fails with."""
        await self._delete_gaps(now)
        deleted = await self._all(_delete_batch, self._settings.keep_days, now)
        masked = await self._all(_mask_batch, self._settings.mask_numbers_after_days, now)
        if deleted or masked:
            log.info("old calls were deleted, or lost their numbers", deleted=deleted, masked=masked)
        deleted = await self._all(_delete_messages, self._settings.keep_days, now)
        masked = await self._all(_mask_messages, self._settings.mask_numbers_after_days, now)
        if deleted or masked:
            log.info("old messages were deleted, or lost their numbers", deleted=deleted, masked=masked)
        await self._mask_notices(now)
        deleted = await self._all(_delete_notices, self._notice_days, now)
        if deleted:
            log.info("old notices were deleted, with their deliveries", deleted=deleted)

    async def _mask_notices(self, now: datetime) -> None:
        """Those of calls are masked with them."""
        if self._settings.mask_numbers_after_days is None:
            return
        before = now - timedelta(days=self._settings.mask_numbers_after_days)
        after = None if self._masked_until is None else (self._masked_until, 0)
        while True:
            async with self._writer.begin() as connection:
                masked = await mask_notices_without_call(connection, after, before, BATCH)
            if len(masked) < BATCH:
                break
            after = masked[-1]
            await asyncio.sleep(PAUSE_S)
        self._masked_until = before - LATE

    async def _delete_gaps(self, now: datetime) -> None:
        """What was missed while there is nothing left of that time."""
        if self._settings.keep_days is not None:
            before = now - timedelta(days=self._settings.keep_days)
            async with self._writer.begin() as connection:
                await connection.execute(delete(history_gaps).where(history_gaps.c.ended_at < before))

    async def _all(self, batch_of: Any, days: int | None, now: datetime) -> int:
        done = 0
        while days is not None:
            async with self._writer.begin() as connection:
                count = await batch_of(connection, now - timedelta(days=days))
            done += count
            if count < BATCH:
                break
            await asyncio.sleep(PAUSE_S)
        return done


async def delete_calls(connection: AsyncConnection, call_ids: Sequence[str]) -> None:
    """Delete these calls; their parts and events go with them, and what others were or are to be told of them."""
    await delete_notices_of(connection, call_ids)
    await delete_activities_of(connection, call_ids)
    await connection.execute(delete(calls).where(calls.c.call_id.in_(call_ids)))


async def _delete_batch(connection: AsyncConnection, before: datetime) -> int:
    old = select(calls.c.call_id).where(calls.c.first_event_at < before, calls.c.ended_at.is_not(None))
    ordered = old.order_by(calls.c.first_event_at, calls.c.call_id).limit(BATCH)
    call_ids = (await connection.execute(ordered)).scalars().all()
    if call_ids:
        of_them = select(func.max(call_events.c.position)).where(call_events.c.call_id.in_(call_ids))
        gone = (await connection.execute(of_them)).scalar() or 0
        # Who follows the events is told that he has missed some.
        await connection.execute(update(event_positions).where(event_positions.c.gone < gone).values(gone=gone))
        await delete_calls(connection, call_ids)
    return len(call_ids)


async def _delete_messages(connection: AsyncConnection, before: datetime) -> int:
    return await delete_messages(connection, before, BATCH)


async def _delete_notices(connection: AsyncConnection, before: datetime) -> int:
    return await delete_notices(connection, before, BATCH)


async def _mask_messages(connection: AsyncConnection, before: datetime) -> int:
    return await mask_messages(connection, before, BATCH)


async def _mask_batch(connection: AsyncConnection, before: datetime) -> int:
    due = select(calls).where(
        calls.c.masked_at.is_(None), calls.c.first_event_at < before, calls.c.ended_at.is_not(None)
    )
    ordered = due.order_by(calls.c.first_event_at, calls.c.call_id).limit(BATCH)
    rows = (await connection.execute(ordered)).mappings().all()
    if not rows:
        return 0
    call_ids = [row["call_id"] for row in rows]
    now = datetime.now(UTC)
    masked = []
    for row in rows:
        record = mask_record(row_to_record({str(name): value for name, value in row.items()}))
        columns = record_to_row(record, row["first_event_at"])
        masked.append({"of_call": row["call_id"], **{name: columns[name] for name in _MASKED}, "masked_at": now})
    await connection.execute(_MASK_CALLS, masked)
    await _mask_parts(connection, call_ids)
    await _mask_events(connection, call_ids)
    await mask_notices_of(connection, call_ids)
    await mask_activities_of(connection, call_ids)
    return len(rows)


async def _mask_parts(connection: AsyncConnection, call_ids: Sequence[str]) -> None:
    of_them = select(call_parts).where(call_parts.c.call_id.in_(call_ids))
    changed = [
        {"of_call": row.call_id, "of_part": row.part, "name": mask_text(row.name), "by": mask_text(row.answered_by)}
        for row in await connection.execute(of_them)
    ]
    if changed:
        await connection.execute(_MASK_PARTS, changed)


async def _mask_events(connection: AsyncConnection, call_ids: Sequence[str]) -> None:
    of_them = select(call_events).where(call_events.c.call_id.in_(call_ids))
    changed = []
    for row in await connection.execute(of_them):
        data = mask_event(row.type, row.data)
        if data != row.data:
            changed.append({"of_call": row.call_id, "of_seq": row.seq, "data": data})
    if changed:
        await connection.execute(_MASK_EVENTS, changed)


_MASKED: Final = (
    "caller_number",
    "caller_name",
    "called_number",
    "destination",
    "answered_by",
    "reason",
    "legs",
    "contacts",
)
_MASK_CALLS = (
    update(calls)
    .where(calls.c.call_id == bindparam("of_call"))
    .values({name: bindparam(name) for name in (*_MASKED, "masked_at")})
)
_MASK_PARTS = (
    update(call_parts)
    .where(call_parts.c.call_id == bindparam("of_call"), call_parts.c.part == bindparam("of_part"))
    .values(name=bindparam("name"), answered_by=bindparam("by"))
)
_MASK_EVENTS = (
    update(call_events)
    .where(call_events.c.call_id == bindparam("of_call"), call_events.c.seq == bindparam("of_seq"))
    .values(data=bindparam("data"))
)


@asynccontextmanager
async def keeping_to(
    settings: RetentionSettings, database: Database, notice_days: int | None = None
) -> AsyncIterator[None]:
    """Delete and mask in the background until the block ends; what is left waits for the next start.

    Notices and their deliveries are kept for `notice_days`, None: for ever.
    """
    if settings == RetentionSettings() and notice_days is None:
        yield
        return
    task = asyncio.create_task(Retention(database, settings, notice_days).run(), name="retention")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
