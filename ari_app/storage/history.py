"""The history in the database, page by page or whole: committed calls only, beside any writer.

Whatever is asked, the database is held for one page at a time: who reads a million calls as slowly as he likes keeps
nobody waiting.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.domain.history import CallFilter, Order, Page, Paging, PartEntry
from ari_app.domain.parts import PartKind
from ari_app.domain.record import CallRecord
from ari_app.storage.codec import disposition, row_to_part, row_to_record
from ari_app.storage.cursor import Cursor
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.history_query import Question, about_calls, about_parts
from ari_app.storage.uncut import uncut

BATCH: Final = 50
"""How many rows of a whole history are read at a time: some 10 ms of the loop in which calls run."""

Row = Mapping[str, Any]
Item = TypeVar("Item")


class StoredHistory:
    """Implements `ari_app.domain.history.History`. Every method raises StorageError when the database fails."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def calls(self, wanted: CallFilter, paging: Paging) -> Page[CallRecord]:
        """See the protocol."""
        return await self._page(about_calls(wanted), paging, _record)

    async def parts(self, kind: PartKind, wanted: CallFilter, paging: Paging) -> Page[PartEntry]:
        """See the protocol."""
        return await self._page(about_parts(kind, wanted), paging, _entry)

    async def every_call(self, wanted: CallFilter, order: Order) -> AsyncIterator[CallRecord]:
        """See the protocol."""
        async for row in self._every(about_calls(wanted), order):
            yield _record(row)

    async def every_part(self, kind: PartKind, wanted: CallFilter, order: Order) -> AsyncIterator[PartEntry]:
        """See the protocol."""
        async for row in self._every(about_parts(kind, wanted), order):
            yield _entry(row)

    @uncut
    async def _page(self, asked: Question, paging: Paging, item: Callable[[Row], Item]) -> Page[Item]:
        name = f"{asked.name} {paging.order}"
        after = Cursor.read(paging.cursor, name) if paging.cursor else None
        page = asked.page(paging.order, after).limit(paging.limit + 1).offset(paging.offset)
        try:
            async with self._engine.connect() as connection:
                total = after.total if after else 0
                if after is None and paging.is_counted:
                    total = (await connection.execute(asked.count)).scalar_one()
                rows = (await connection.execute(page)).mappings().all()
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        shown = rows[: paging.limit]
        more = _cursor(shown[-1], asked, total).text(name) if len(rows) > paging.limit else None
        return Page(tuple(map(item, shown)), total, more)

    async def _every(self, asked: Question, order: Order) -> AsyncIterator[Row]:
        after: Cursor | None = None
        while True:
            rows = await self._batch(asked, order, after)
            for row in rows:
                yield row
            if len(rows) < BATCH:
                return
            after = _cursor(rows[-1], asked, 0)

    @uncut
    async def _batch(self, asked: Question, order: Order, after: Cursor | None) -> Sequence[Row]:
        try:
            async with self._engine.connect() as connection:
                rows: Sequence[Row] = (await connection.execute(asked.page(order, after).limit(BATCH))).mappings().all()
                return rows
        except FAILURES as error:
            raise unusable(self._engine, error) from error


def _cursor(row: Row, asked: Question, total: int) -> Cursor:
    return Cursor(row[asked.key[0].name], row["call_id"], row.get("part", 0), total)


def _record(row: Row) -> CallRecord:
    return row_to_record({str(name): value for name, value in row.items()})


def _entry(row: Row) -> PartEntry:
    return PartEntry(
        number=row["part"],
        part=row_to_part(row),
        disposition=disposition(row["disposition"]),
        **{name: row[name] for name in _PLAIN},
    )


_PLAIN: Final = {field.name for field in fields(PartEntry)} - {"number", "part", "disposition"}
