"""What is to be delivered to whom, as the processes that deliver share it: claims, and what became of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain.deliveries import Backlog
from ari_app.domain.notices import About, Notice, NoticeType
from ari_app.domain.webhooks import Attempt, Delivery, DeliveryState
from ari_app.storage.claims import Claims, DueRows, moment, new_owner
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.group_commit import GroupCommit, committing_together
from ari_app.storage.schema import UtcDateTime, notices, webhook_attempts, webhook_subscriptions
from ari_app.storage.schema import webhook_deliveries as table
from ari_app.storage.uncut import uncut

_PENDING: Final[ColumnElement[str]] = literal_column("'pending'")
"""Written out: the indexes of what is pending are found by it, by which they would not be by a parameter."""


class StoredOutbox(Claims[Delivery]):
    """Implements `ari_app.domain.webhooks.Outbox`. Made by `open_outbox`."""

    def __init__(self, group: GroupCommit, owner: str) -> None:
        super().__init__(DUE, _delivery, group, owner)

    async def settle(
        self, delivery: Delivery, attempt: Attempt | None, state: DeliveryState, due_at: datetime
    ) -> datetime | None:
        """See the protocol.

        What was delivered is, whoever has claimed it meanwhile; what was not leaves another's claim alone.
        """
        new = {
            "this": delivery.id,
            "owner": self._owner,
            "attempted": 0 if attempt is None else 1,
            "new_state": state.value,
            "new_due_at": due_at,
            "ended_at": None if state is DeliveryState.PENDING else moment(),
        }

        async def work(connection: AsyncConnection) -> datetime | None:
            how = _FINISH if state is DeliveryState.DELIVERED else _SETTLE
            number = (await connection.execute(how, new)).scalar()
            is_ours = number is not None
            if number is None:
                number = (await connection.execute(_COUNT, {"this": delivery.id})).scalar()
            if number is None:  # deleted, with its subscription or for its age
                return None
            if attempt is not None:
                await connection.execute(_PUT_ATTEMPT, _attempt_row(delivery.id, number, attempt))
            if is_ours:
                await _move_followers(connection, delivery, state, due_at)
            return await _failing_since(connection, delivery.subscription_id, attempt)

        return await self._group.carry_out(work)


@asynccontextmanager
async def open_outbox(engine: AsyncEngine, *, is_alone: bool) -> AsyncIterator[StoredOutbox]:
    """The outbox of a process that delivers, until the block ends. Raises StorageError.

    `is_alone`: no other process can be delivering, so that claims are left from one that has ended.
    """
    async with committing_together(engine) as group:
        outbox = StoredOutbox(group, new_owner())
        await outbox.mend_clock()
        if is_alone:
            await outbox.take_over()
        yield outbox


@uncut
async def backlog(reader: AsyncEngine) -> Mapping[str, Backlog]:
    """What waits, by the ids of subscriptions: none for those for which nothing does. Raises StorageError."""
    try:
        async with reader.connect() as connection:
            rows = (await connection.execute(_BACKLOG)).all()
    except FAILURES as error:
        raise unusable(reader, error) from error
    return {row.subscription_id: Backlog(pending=row.pending, oldest_at=row.at) for row in rows}


async def _move_followers(
    connection: AsyncConnection, delivery: Delivery, state: DeliveryState, due_at: datetime
) -> None:
    """What waits behind a delivery that waits is not looked at meanwhile; once that is over it is due."""
    if state is DeliveryState.PENDING:
        moved = _HOLD_BACK
    elif delivery.attempts:
        moved = _HURRY
    else:
        return
    given = {"of": delivery.subscription_id, "about": delivery.notice.subject, "this": delivery.id, "moment": due_at}
    await connection.execute(moved, given)


async def _failing_since(connection: AsyncConnection, subscription_id: str, attempt: Attempt | None) -> datetime | None:
    given: dict[str, Any] = {"this": subscription_id}
    if attempt is not None and not attempt.error:
        await connection.execute(_SOUND, given)
        return None
    if attempt is not None:
        await connection.execute(_FAILING, {**given, "at": attempt.at})
    since: datetime | None = (await connection.execute(_SINCE, given)).scalar()
    return since


def _is_oldest() -> ColumnElement[bool]:
    before = table.alias("before")
    older = exists().where(
        before.c.subscription_id == table.c.subscription_id,
        before.c.subject == table.c.subject,
        before.c.state == _PENDING,
        before.c.id < table.c.id,
    )
    return ~older


def _rows() -> Select[Any]:
    columns = (table.c.id, table.c.subscription_id, table.c.attempts, table.c.due_at, table.c.is_replay)
    of_notice = (
        notices.c.id.label("notice_id"),
        *(column for column in notices.c if column.name not in _NOT_OF_NOTICE),
    )
    return select(*columns, *of_notice).join(notices, notices.c.position == table.c.position)


_TYPES: Final = frozenset(NoticeType)
_ABOUT: Final = frozenset(field.name for field in fields(About))
_NOT_OF_NOTICE: Final = frozenset({"id", "position"})
DUE: Final = DueRows(
    table,
    rows=_rows(),
    receiver=table.c.subscription_id,
    waits=table.c.state == _PENDING,
    may_begin=_is_oldest(),
)
_THIS: Final = table.c.id == bindparam("this")
_OURS: Final = and_(_THIS, table.c.state == _PENDING, table.c.claimed_by == bindparam("owner"))
_NEW: Final = {
    "attempts": table.c.attempts + bindparam("attempted"),
    "state": bindparam("new_state"),
    "due_at": bindparam("new_due_at"),
    "finished_at": bindparam("ended_at"),
    "claimed_by": None,
}
_SETTLE: Final = update(table).where(_OURS).values(_NEW).returning(table.c.attempts)
_FINISH: Final = update(table).where(_THIS, table.c.state == _PENDING).values(_NEW).returning(table.c.attempts)
_COUNT: Final = update(table).where(_THIS).values(attempts=table.c.attempts + 1).returning(table.c.attempts)
_BEHIND: Final = and_(
    table.c.subscription_id == bindparam("of"),
    table.c.state == _PENDING,
    table.c.subject == bindparam("about"),
    table.c.id > bindparam("this"),
)
_TO_MOMENT: Final = bindparam("moment", type_=UtcDateTime())
_HOLD_BACK: Final = update(table).where(_BEHIND, table.c.due_at < _TO_MOMENT).values(due_at=_TO_MOMENT)
_HURRY: Final = update(table).where(_BEHIND, table.c.due_at > _TO_MOMENT).values(due_at=_TO_MOMENT)
_PUT_ATTEMPT: Final = insert(webhook_attempts)
_RECEIVER: Final = webhook_subscriptions.c.id == bindparam("this")
_FAILS: Final = webhook_subscriptions.c.failing_since
_SOUND: Final = update(webhook_subscriptions).where(_RECEIVER, _FAILS.is_not(None)).values(failing_since=None)
_FAILING: Final = update(webhook_subscriptions).where(_RECEIVER, _FAILS.is_(None)).values(failing_since=bindparam("at"))
_SINCE: Final = select(_FAILS).where(_RECEIVER)


def _backlog() -> Select[Any]:
    """Counted by the index of what is pending alone."""
    counted = (
        select(table.c.subscription_id, func.count().label("pending"), func.min(table.c.id).label("oldest"))
        .where(table.c.state == _PENDING)
        .group_by(table.c.subscription_id)
        .subquery()
    )
    return (
        select(counted.c.subscription_id, counted.c.pending, notices.c.at)
        .join(table, table.c.id == counted.c.oldest)
        .join(notices, notices.c.position == table.c.position)
    )


_BACKLOG: Final = _backlog()


def _delivery(row: Row[Any]) -> Delivery | None:
    """What a later version has told is left to it: a router that was set back to this one looks at it now and then."""
    if row.type not in _TYPES:
        return None
    about: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in row.about.items()
        if name in _ABOUT
    }
    return Delivery(
        id=row.id,
        subscription_id=row.subscription_id,
        notice=Notice(
            id=row.notice_id,
            type=NoticeType(row.type),
            at=row.at,
            subject=row.subject,
            data=row.data,
            call_id=row.call_id,
            about=About(**about),
        ),
        state=DeliveryState.PENDING,
        attempts=row.attempts,
        due_at=row.due_at,
        is_replay=row.is_replay,
    )


def _attempt_row(delivery_id: int, number: int, attempt: Attempt) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id,
        "number": number,
        "at": attempt.at,
        "url": attempt.url,
        "elapsed_ms": attempt.elapsed_ms,
        "status": attempt.status,
        "error": attempt.error,
        "answer": attempt.answer,
    }
