"""The subscriptions of webhooks. Secrets and headers are sealed; without the key that has sealed them they are gone."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.domain.notices import NoticeType
from ari_app.domain.webhooks import NoticeFilter, Subscription
from ari_app.storage.database import reading_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, reason
from ari_app.storage.schema import webhook_subscriptions as table
from ari_app.storage.sealing import Sealing
from ari_app.storage.settings import StorageSettings
from ari_app.storage.uncut import uncut

_OTHERS: Final = ("users", "teams", "queues", "numbers", "routes", "directions")
"""What a filter holds beside types."""

_TYPES: Final = frozenset(NoticeType)


class StoredSubscriptions:
    """Reads and writes them; each change is committed when it returns. Everything raises StorageError.

    `sealing` is None for who may not know the secrets: all subscriptions then are without.
    """

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, sealing: Sealing | None) -> None:
        self._writer = writer
        self._reader = reader
        self._sealing = sealing

    @uncut
    async def all(self) -> Sequence[Subscription]:
        """Every one, in the order in which they were made. One whose seal does not open has no `secrets`."""
        return await _all(self._reader, self._sealing)

    async def add(self, subscription: Subscription) -> None:
        """Keep a new one."""
        await self._write(insert(table).values(self._columns(subscription) | _switch(subscription)))

    async def change(self, subscription: Subscription) -> None:
        """Keep all of it anew but whether it is enabled: another process may have just disabled it."""
        await self._write(update(table).where(table.c.id == subscription.id).values(self._columns(subscription)))

    async def switch(self, subscription: Subscription) -> None:
        """Keep whether it is enabled, and why not; one that is enabled has not failed yet."""
        values = {**_switch(subscription), "changed_at": subscription.changed_at}
        if subscription.is_enabled:
            values["failing_since"] = None
        await self._write(update(table).where(table.c.id == subscription.id).values(values))

    async def remove(self, subscription_id: str) -> None:
        """Forget it, with all of its deliveries."""
        await self._write(delete(table).where(table.c.id == subscription_id))

    async def _write(self, statement: Any) -> None:
        try:
            async with self._writer.begin() as connection:
                await connection.execute(statement)
        except FAILURES as error:
            raise _unusable("written", error) from error

    def _columns(self, subscription: Subscription) -> dict[str, Any]:
        if self._sealing is None:
            raise RuntimeError("who cannot read the secrets of subscriptions cannot write them")
        wanted = subscription.wanted
        secret = {
            "secrets": subscription.secrets,
            "old_until": subscription.old_secret_until and subscription.old_secret_until.isoformat(),
            "headers": dict(subscription.headers),
        }
        return {
            "id": subscription.id,
            "name": subscription.name,
            "url": subscription.url,
            "template": subscription.template,
            "wanted": {name: sorted(getattr(wanted, name)) for name in ("types", *_OTHERS)},
            "sealed": self._sealing.seal(json.dumps(secret), _purpose(subscription.id)),
            "created_at": subscription.created_at,
            "changed_at": subscription.changed_at,
        }


async def read_subscriptions(settings: StorageSettings) -> Sequence[Subscription]:
    """Every one without its secrets and headers, beside a running router too. Raises StorageError."""
    reader = reading_engine(settings)
    try:
        return await _all(reader, None)
    finally:
        await reader.dispose()


async def _all(reader: AsyncEngine, sealing: Sealing | None) -> Sequence[Subscription]:
    try:
        async with reader.connect() as connection:
            rows = await connection.run_sync(_rows)
    except FAILURES as error:
        raise _unusable("read", error) from error
    return [_subscription(row, sealing) for row in rows]


def _rows(connection: Connection) -> Sequence[Row[Any]]:
    """None of a database of before there were webhooks."""
    if not inspect(connection).has_table(table.name):
        return ()
    return connection.execute(select(table).order_by(table.c.created_at, table.c.id)).all()


def _subscription(row: Row[Any], sealing: Sealing | None) -> Subscription:
    opened = None if sealing is None else sealing.open(row.sealed, _purpose(row.id))
    secret = {"secrets": (), "old_until": None, "headers": {}} if opened is None else json.loads(opened)
    return Subscription(
        id=row.id,
        name=row.name,
        url=row.url,
        secrets=tuple(secret["secrets"]),
        old_secret_until=secret["old_until"] and datetime.fromisoformat(secret["old_until"]),
        wanted=_filter(row.wanted),
        template=row.template,
        headers=secret["headers"],
        is_enabled=row.is_enabled,
        disabled_reason=row.disabled_reason,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def _filter(wanted: dict[str, list[str]]) -> NoticeFilter:
    """A type that a later version knew is left out; a filter that had no other takes nothing, and not everything."""
    known = frozenset(NoticeType(type_) for type_ in wanted["types"] if type_ in _TYPES)
    nothing_known = wanted["types"] and not known
    return NoticeFilter(
        types=frozenset({NoticeType.WEBHOOK_TEST}) if nothing_known else known,
        **{name: frozenset(wanted[name]) for name in _OTHERS},
    )


def _switch(subscription: Subscription) -> dict[str, Any]:
    return {"is_enabled": subscription.is_enabled, "disabled_reason": subscription.disabled_reason}


def _purpose(subscription_id: str) -> str:
    """Of each subscription its own: what was sealed for one opens for no other."""
    return f"webhook {subscription_id}"


def _unusable(what: str, error: Exception) -> StorageError:
    return StorageError(
        f"the webhooks cannot be {what}: {reason(error)}", "Look after the disk and the database: agi-router doctor"
    )
