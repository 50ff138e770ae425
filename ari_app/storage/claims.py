"""Claims: what is due stands in a table, and the processes that carry it out share it, each row done by one of them.

A claim is the name of a process beside the row, which is not due before the claim is over. Whoever dies with claims
leaves them to others after that moment.
"""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar
from uuid import uuid4

from sqlalchemy import (
    Column,
    ColumnElement,
    Executable,
    Integer,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ari_app.lanes.lane import Identified
from ari_app.storage.group_commit import GroupCommit
from ari_app.storage.schema import UtcDateTime

LONGEST_WAIT: Final = timedelta(days=2)
"""Nothing is put off for longer: see `ari_app.lanes.schedule`."""

_NOW: Final = bindparam("now", type_=UtcDateTime())


Item = TypeVar("Item", bound=Identified)


class DueRows:
    """The statements that claim rows of a table with the columns id, due_at and claimed_by.

    `rows` reads what is claimed, `receiver` is the column of whom it is for. `waits` holds for what is still to be
    carried out, `may_begin` for what of it does not wait behind another row, and `is_put_off` for what of it waits for
    its next attempt.
    """

    def __init__(
        self,
        table: Table,
        *,
        rows: Select[Any],
        receiver: Column[Any],
        waits: ColumnElement[bool],
        may_begin: ColumnElement[bool] | None = None,
        is_put_off: ColumnElement[bool] | None = None,
    ) -> None:
        columns = table.c
        this = columns.id == bindparam("this")
        ready = and_(receiver == bindparam("of"), waits, true() if may_begin is None else may_begin)
        put_off = and_(receiver == bindparam("of"), waits, true() if is_put_off is None else is_put_off)
        order = (columns.due_at, columns.id)
        at_once = {"claimed_by": None, "due_at": _NOW}
        self.claimable: Final = (
            rows.where(ready, columns.due_at <= _NOW)
            .order_by(*order)
            .limit(bindparam("most", type_=Integer))
            .with_for_update(of=table, skip_locked=True)
        )
        self.next_due: Final = select(columns.due_at).where(ready).order_by(*order).limit(1)
        self.claim: Final = update(table).where(this).values(claimed_by=bindparam("owner"), due_at=bindparam("until"))
        self.release: Final = update(table).where(this, waits, columns.claimed_by == bindparam("owner")).values(at_once)
        self.hasten: Final = (
            update(table).where(put_off, columns.claimed_by.is_(None), columns.due_at > _NOW).values(due_at=_NOW)
        )
        self.mend_clock: Final = (
            update(table).where(waits, columns.due_at > bindparam("latest", type_=UtcDateTime())).values(at_once)
        )
        self.take_over: Final = update(table).where(waits, columns.claimed_by.is_not(None)).values(at_once)


class Claims(Generic[Item]):
    """The claims of one process, `owner`, on what is due. Everything raises StorageError.

    `item_of` makes of a row what is carried out; None leaves it alone until the claim is over.
    """

    def __init__(
        self, due: DueRows, item_of: Callable[[Row[Any]], Item | None], group: GroupCommit, owner: str
    ) -> None:
        self._due = due
        self._item_of = item_of
        self._group = group
        self._owner = owner

    async def claim(self, receiver: str, limit: int, until: datetime) -> Sequence[Item]:
        """Take so many of what is due for this receiver, the longest due first; nobody else gets it before `until`."""
        given = {"of": receiver, "now": moment(), "most": limit}

        async def work(connection: AsyncConnection) -> Sequence[Item]:
            rows = (await connection.execute(self._due.claimable, given)).all()
            if rows:
                claims = [{"this": row.id, "owner": self._owner, "until": until} for row in rows]
                await connection.execute(self._due.claim, claims)
            return [item for row in rows if (item := self._item_of(row)) is not None]

        return await self._group.carry_out(work)

    async def release(self, items: Sequence[Item]) -> None:
        """Give back what was claimed and is not done: it is due at once."""
        now = moment()
        given = [{"this": item.id, "owner": self._owner, "now": now} for item in items]
        await self._write(self._due.release, given)

    async def hasten(self, receiver: str) -> None:
        """Make due what waits for its next attempt."""
        await self._write(self._due.hasten, {"of": receiver, "now": moment()})

    async def next_due(self, receiver: str) -> datetime | None:
        """When something is due next, or the claim on it is over; None while nothing waits."""

        async def work(connection: AsyncConnection) -> datetime | None:
            due_at: datetime | None = (await connection.execute(self._due.next_due, {"of": receiver})).scalar()
            return due_at

        return await self._group.carry_out(work)

    async def mend_clock(self) -> None:
        """Make due what no wait puts off for so long: the clock was ahead when that was said, and was set back."""
        now = moment()
        await self._write(self._due.mend_clock, {"now": now, "latest": now + LONGEST_WAIT})

    async def take_over(self) -> None:
        """Make what others have claimed due at once. For who knows that there are no others any more."""
        await self._write(self._due.take_over, {"now": moment()})

    async def _write(self, statement: Executable, given: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement, given)

        await self._group.carry_out(work)


def new_owner() -> str:
    """A name that no other process has claims under, and that tells people which one it is."""
    return f"{os.getpid()}-{uuid4().hex[:12]}-{socket.gethostname()}"[:64]


def moment() -> datetime:
    """Now, as it is put on record."""
    return datetime.now(UTC)
