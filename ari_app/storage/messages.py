"""Text messages in the database: written behind, and read page by page."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain.history import Order, Page, Paging
from ari_app.domain.masking import mask_text
from ari_app.domain.messages import (
    ContactResult,
    MessageDirection,
    MessageFilter,
    MessageStatus,
    TextMessage,
)
from ari_app.storage.call_reader import reading
from ari_app.storage.cursor import Cursor
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.schema import messages
from ari_app.storage.serving import Database
from ari_app.storage.settings import StorageSettings
from ari_app.storage.uncut import uncut
from ari_app.storage.upsert import upsert
from ari_app.storage.write_behind import WriteBehind

GATHER_S: Final = 0.05
"""So much a killed router forgets."""

_PUT: Final = upsert(messages)
_MASK = (
    update(messages)
    .where(messages.c.id == bindparam("of_message"))
    .values({name: bindparam(name) for name in ("sender", "recipient", "text", "contacts", "masked_at")})
)


class MessageLog:
    """Implements `ari_app.domain.messages.MessageWriter`. Made by `writing_messages`."""

    def __init__(self, database: Database) -> None:
        self._writer = database.writer
        self.rows: WriteBehind[TextMessage] = WriteBehind("messages", self._commit, gather_s=GATHER_S)

    def put(self, message: TextMessage) -> None:
        """See the protocol."""
        self.rows.put(message.id, message)

    async def flush(self) -> None:
        """See the protocol."""
        await self.rows.flush()

    async def _commit(self, batch: Mapping[str, TextMessage], is_prune_due: bool) -> None:  # noqa: ARG002
        if batch:
            async with self._writer.begin() as connection:
                await connection.execute(_PUT.on(connection), [_row(message) for message in batch.values()])


class StoredMessages:
    """Implements `ari_app.domain.messages.MessageArchive`. Every method raises StorageError when the database fails."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @uncut
    async def message(self, message_id: str) -> TextMessage | None:
        """See the protocol."""
        try:
            async with self._engine.connect() as connection:
                found = await connection.execute(select(messages).where(messages.c.id == message_id))
                row = found.mappings().first()
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        return None if row is None else _message(row)

    @uncut
    async def messages(self, wanted: MessageFilter, paging: Paging) -> Page[TextMessage]:
        """See the protocol."""
        question = f"messages {wanted} {paging.order}"
        after = Cursor.read(paging.cursor, question) if paging.cursor else None
        query = _wanted(select(messages), wanted)
        try:
            async with self._engine.connect() as connection:
                total = after.total if after else 0
                if after is None and paging.is_counted:
                    counted = _wanted(select(func.count()).select_from(messages), wanted)
                    total = (await connection.execute(counted)).scalar_one()
                page = _paged(query, paging, after).limit(paging.limit + 1).offset(paging.offset)
                rows = (await connection.execute(page)).mappings().all()
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        shown = tuple(map(_message, rows[: paging.limit]))
        more = Cursor(shown[-1].at, shown[-1].id, 0, total).text(question) if len(rows) > paging.limit else None
        return Page(shown, total, more)


@asynccontextmanager
async def writing_messages(database: Database) -> AsyncIterator[MessageLog]:
    """Write in the background until the block ends; then all is committed, unless that takes long."""
    log = MessageLog(database)
    async with log.rows.running():
        yield log


@asynccontextmanager
async def read_messages(settings: StorageSettings) -> AsyncIterator[StoredMessages]:
    """Open them for reading only, beside a running router or without one. Raises StorageError with the reason."""
    async with reading(settings) as engine:
        yield StoredMessages(engine)


async def delete_messages(connection: AsyncConnection, before: datetime, most: int) -> int:
    """Delete so many of those that are older; how many they were."""
    old = select(messages.c.id).where(messages.c.at < before).order_by(messages.c.at).limit(most)
    return (await connection.execute(delete(messages).where(messages.c.id.in_(old)))).rowcount


async def mask_messages(connection: AsyncConnection, before: datetime, most: int) -> int:
    """Hide the numbers in so many of those that are older; how many they were."""
    due = select(messages).where(messages.c.at < before, messages.c.masked_at.is_(None))
    rows = (await connection.execute(due.order_by(messages.c.at).limit(most))).mappings().all()
    if rows:
        await connection.execute(_MASK, [_masked(row) for row in rows])
    return len(rows)


async def erase_messages(connection: AsyncConnection, numbers: Sequence[str]) -> int:
    """Delete those that were sent by or to one of these numbers; how many they were."""
    if not numbers:
        return 0
    sides = (messages.c.sender, messages.c.recipient)
    forms: list[ColumnElement[bool]] = [side.in_(numbers) for side in sides]
    forms += [
        side.startswith(f"{scheme}{number}@", autoescape=True)
        for side in sides
        for number in numbers
        for scheme in ("sip:", "sips:")
    ]
    return (await connection.execute(delete(messages).where(or_(*forms)))).rowcount


def _wanted(query: Select[Any], wanted: MessageFilter) -> Select[Any]:
    if wanted.period.since is not None:
        query = query.where(messages.c.at >= wanted.period.since)
    if wanted.period.before is not None:
        query = query.where(messages.c.at < wanted.period.before)
    if wanted.users:
        query = query.where(messages.c.user.in_(wanted.users))
    if wanted.directions:
        query = query.where(messages.c.direction.in_([direction.value for direction in wanted.directions]))
    return query


def _paged(query: Select[Any], paging: Paging, after: Cursor | None) -> Select[Any]:
    key = (messages.c.at, messages.c.id)
    if paging.order is Order.NEWEST_FIRST:
        if after is not None:
            is_later = (key[0] < after.at) | ((key[0] == after.at) & (key[1] < after.call_id))
            query = query.where(is_later)
        return query.order_by(*(column.desc() for column in key))
    if after is not None:
        query = query.where((key[0] > after.at) | ((key[0] == after.at) & (key[1] > after.call_id)))
    return query.order_by(*key)


def _row(message: TextMessage) -> dict[str, Any]:
    return asdict(message) | {"masked_at": None}


def _message(row: Mapping[Any, Any]) -> TextMessage:
    told = {str(name): value for name, value in row.items() if name != "masked_at"}
    contacts = tuple(
        ContactResult(**{**contact, "status": MessageStatus(contact["status"])}) for contact in told["contacts"]
    )
    return TextMessage(
        **{
            **told,
            "direction": MessageDirection(told["direction"]),
            "status": MessageStatus(told["status"]),
            "contacts": contacts,
        }
    )


def _masked(row: Mapping[Any, Any]) -> dict[str, Any]:
    contacts = [{**contact, "contact": mask_text(contact["contact"])} for contact in row["contacts"]]
    return {
        "of_message": row["id"],
        **{name: mask_text(row[name]) for name in ("sender", "recipient", "text")},
        "contacts": contacts,
        "masked_at": datetime.now(UTC),
    }
