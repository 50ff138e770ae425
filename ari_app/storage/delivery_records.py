"""Deliveries as people look after them: listed, looked into, put in line again. Who sends them is `deliveries`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain.deliveries import DeliveryEntry, DeliveryFilter, Replayed, ReplayFilter, Standing
from ari_app.domain.history import Period
from ari_app.domain.notices import About, Notice, NoticeType
from ari_app.domain.webhooks import Attempt, DeliveryState, Subscription
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.schema import notices, webhook_attempts, webhook_subscriptions
from ari_app.storage.schema import webhook_deliveries as table
from ari_app.storage.uncut import uncut

BATCH: Final = 200
"""So many notices are looked at and put in line at a time: the database's one writer is not held for longer."""

_ENTRY: Final = (
    *(table.c.id, table.c.state, table.c.attempts, table.c.due_at, table.c.finished_at, table.c.is_replay),
    *(notices.c.id.label("notice_id"), notices.c.type, notices.c.subject, notices.c.call_id, notices.c.at),
)
_WITH_NOTICES: Final = table.join(notices, notices.c.position == table.c.position)


class DeliveryRecords:
    """Everything raises StorageError. `writer` is that of the router that serves."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader

    @uncut
    async def entries(
        self, subscription_id: str, wanted: DeliveryFilter, limit: int, before: int | None = None
    ) -> Sequence[DeliveryEntry]:
        """Its deliveries, the newest first; `before` is the id of the last one of the page before."""
        conditions = [table.c.subscription_id == subscription_id, *_wanted(wanted)]
        if before is not None:
            conditions.append(table.c.id < before)
        query = select(*_ENTRY).select_from(_WITH_NOTICES).where(*conditions).order_by(table.c.id.desc()).limit(limit)
        try:
            async with self._reader.connect() as connection:
                return [_entry(row) for row in await connection.execute(query)]
        except FAILURES as error:
            raise unusable(self._reader, error) from error

    @uncut
    async def one(
        self, subscription_id: str, delivery_id: int
    ) -> tuple[DeliveryEntry, Notice | None, Sequence[Attempt]] | None:
        """A delivery, what it carries (None: a notice of a later version), and all attempts; None: there is none."""
        query = select(*_ENTRY, notices.c.about, notices.c.data).select_from(_WITH_NOTICES)
        attempts = select(webhook_attempts).where(webhook_attempts.c.delivery_id == delivery_id)
        try:
            async with self._reader.connect() as connection:
                row = (await connection.execute(query.where(*_is(subscription_id, delivery_id)))).one_or_none()
                if row is None:
                    return None
                made = (await connection.execute(attempts.order_by(webhook_attempts.c.number))).mappings().all()
        except FAILURES as error:
            raise unusable(self._reader, error) from error
        fields = ("number", "at", "url", "elapsed_ms", "status", "error", "answer")
        return _entry(row), _notice(row), [Attempt(**{name: each[name] for name in fields}) for each in made]

    @uncut
    async def standings(self, subscription_ids: Collection[str]) -> Mapping[str, Standing]:
        """How each of these does."""
        try:
            async with self._reader.connect() as connection:
                return {each: await _standing(connection, each) for each in subscription_ids}
        except FAILURES as error:
            raise unusable(self._reader, error) from error

    async def send_alone(self, subscription_id: str, notice: Notice) -> int:
        """Put a notice in line for this subscription and nobody else; gives the delivery's id."""
        row = {
            "id": notice.id,
            "type": notice.type.value,
            "at": notice.at,
            "subject": notice.subject,
            "call_id": notice.call_id,
            "about": {},
            "data": dict(notice.data),
        }
        try:
            async with self._writer.begin() as connection:
                put = insert(notices).values(row).returning(notices.c.position)
                position = (await connection.execute(put)).scalar_one()
                return await _put(connection, _again(subscription_id, position, notice.subject, is_replay=False))
        except FAILURES as error:
            raise unusable(self._writer, error) from error

    async def replay_one(self, subscription_id: str, delivery_id: int) -> int | None:
        """Put what this delivery carried in line again; gives the new one's id, None when there is no such delivery."""
        query = select(table.c.position, table.c.subject).where(*_is(subscription_id, delivery_id))
        try:
            async with self._writer.begin() as connection:
                row = (await connection.execute(query)).one_or_none()
                if row is None:
                    return None
                return await _put(connection, _again(subscription_id, row.position, row.subject))
        except FAILURES as error:
            raise unusable(self._writer, error) from error

    async def replay(
        self, subscription: Subscription, wanted: ReplayFilter, limit: int, after: int | None = None
    ) -> Replayed:
        """Put in line again, in their order, the notices that this subscription takes; `after` is a `next` of before.

        Also those that were told before it was made, for as long as they are on record. What is in line for it already
        is not put there twice.
        """
        count, position = 0, after or 0
        try:
            while True:
                rows = await self._notices(wanted, position)
                chosen = await self._missing(subscription, wanted, rows)
                fitting = chosen[: limit - count]
                if fitting:
                    await self._put_all(subscription.id, fitting)
                    count += len(fitting)
                if len(chosen) > len(fitting) or (count == limit and len(rows) == BATCH):
                    return Replayed(count, fitting[-1].position if fitting else position)
                if len(rows) < BATCH:
                    return Replayed(count, None)
                position = rows[-1].position
        except FAILURES as error:
            raise unusable(self._writer, error) from error

    @uncut
    async def _notices(self, wanted: ReplayFilter, after: int) -> Sequence[Any]:
        conditions = [notices.c.position > after, *_told(wanted.period)]
        # What somebody tried on another receiver is nobody else's.
        conditions.append(
            notices.c.type.in_([each.value for each in wanted.types])
            if wanted.types
            else notices.c.type != NoticeType.WEBHOOK_TEST.value
        )
        columns = (notices.c.position, notices.c.type, notices.c.subject, notices.c.about, notices.c.at)
        query = select(*columns, notices.c.call_id, notices.c.id.label("notice_id")).where(*conditions)
        async with self._reader.connect() as connection:
            rows: Sequence[Any] = (await connection.execute(query.order_by(notices.c.position).limit(BATCH))).all()
            return rows

    async def _missing(self, subscription: Subscription, wanted: ReplayFilter, rows: Sequence[Any]) -> Sequence[Any]:
        """Those of these notices that it takes, and that are not in line for it."""
        taken = [row for row in rows if (told := _notice(row)) is not None and subscription.wanted.takes(told)]
        last = await self._last_states(subscription.id, [row.position for row in taken])
        if wanted.only_failed:
            return [row for row in taken if last.get(row.position) == DeliveryState.FAILED]
        return [row for row in taken if last.get(row.position) != DeliveryState.PENDING]

    @uncut
    async def _last_states(self, subscription_id: str, positions: Sequence[int]) -> Mapping[int, str]:
        of_these = (table.c.subscription_id == subscription_id, table.c.position.in_(positions))
        query = select(table.c.position, table.c.state).where(*of_these).order_by(table.c.id)
        async with self._reader.connect() as connection:
            return {row.position: row.state for row in await connection.execute(query)}

    async def _put_all(self, subscription_id: str, rows: Sequence[Any]) -> None:
        async with self._writer.begin() as connection:
            again = [_again(subscription_id, row.position, row.subject) for row in rows]
            await connection.execute(insert(table), again)


async def _standing(connection: AsyncConnection, subscription_id: str) -> Standing:
    def of(state: DeliveryState) -> tuple[ColumnElement[bool], ...]:
        return table.c.subscription_id == subscription_id, table.c.state == state.value

    async def counted(state: DeliveryState) -> int:
        return (await connection.execute(select(func.count()).select_from(table).where(*of(state)))).scalar_one()

    oldest = select(notices.c.at).select_from(_WITH_NOTICES).where(*of(DeliveryState.PENDING)).order_by(table.c.id)
    last = select(table.c.finished_at).where(*of(DeliveryState.DELIVERED)).order_by(table.c.id.desc())
    failing = select(webhook_subscriptions.c.failing_since).where(webhook_subscriptions.c.id == subscription_id)
    return Standing(
        pending=await counted(DeliveryState.PENDING),
        failed=await counted(DeliveryState.FAILED),
        oldest_pending_at=(await connection.execute(oldest.limit(1))).scalar_one_or_none(),
        last_success_at=(await connection.execute(last.limit(1))).scalar_one_or_none(),
        failing_since=(await connection.execute(failing)).scalar_one_or_none(),
    )


def _wanted(wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [*_told(wanted.period)]
    if wanted.states:
        conditions.append(table.c.state.in_([state.value for state in wanted.states]))
    if wanted.types:
        conditions.append(notices.c.type.in_([type_.value for type_ in wanted.types]))
    if wanted.subject:
        conditions.append(notices.c.subject == wanted.subject)
    if wanted.call_id:
        conditions.append(notices.c.call_id == wanted.call_id)
    return conditions


def _told(period: Period) -> list[ColumnElement[bool]]:
    since = [] if period.since is None else [notices.c.at >= period.since]
    return since if period.before is None else [*since, notices.c.at < period.before]


def _is(subscription_id: str, delivery_id: int) -> tuple[ColumnElement[bool], ...]:
    return table.c.id == delivery_id, table.c.subscription_id == subscription_id


async def _put(connection: AsyncConnection, row: Mapping[str, Any]) -> int:
    delivery_id: int = (await connection.execute(insert(table).values(row).returning(table.c.id))).scalar_one()
    return delivery_id


def _again(subscription_id: str, position: int, subject: str, *, is_replay: bool = True) -> dict[str, Any]:
    return {
        "subscription_id": subscription_id,
        "position": position,
        "subject": subject,
        "state": DeliveryState.PENDING.value,
        "attempts": 0,
        "due_at": datetime.now(UTC),
        "is_replay": is_replay,
    }


def _entry(row: Any) -> DeliveryEntry:
    state = DeliveryState(row.state)
    is_over = state is not DeliveryState.PENDING
    return DeliveryEntry(
        id=row.id,
        notice_id=row.notice_id,
        type=row.type,
        subject=row.subject,
        call_id=row.call_id,
        at=row.at,
        state=state,
        attempts=row.attempts,
        due_at=None if is_over else row.due_at,
        finished_at=row.finished_at if is_over else None,
        is_replay=row.is_replay,
    )


_TYPES: Final = frozenset(NoticeType)


def _notice(row: Any) -> Notice | None:
    if row.type not in _TYPES:
        return None
    about = row.about
    sets = {name: frozenset(about.get(name, ())) for name in ("users", "teams", "queues", "numbers")}
    return Notice(
        id=row.notice_id,
        type=NoticeType(row.type),
        at=row.at,
        subject=row.subject,
        call_id=row.call_id,
        about=About(**sets, route=about.get("route", ""), direction=about.get("direction", "")),
        data=getattr(row, "data", {}),
    )
