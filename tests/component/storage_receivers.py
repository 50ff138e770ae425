"""Receivers of webhooks as they stand in a database, and what waits there for them."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import insert, select

from ari_app.domain.notices import Notice, NoticeType
from ari_app.domain.webhooks import NoticeFilter
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.schema import notices, webhook_deliveries, webhook_subscriptions
from ari_app.storage.serving import Database

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
EVERYTHING = NoticeFilter()


class Waiting(NamedTuple):
    """A delivery: to whom, which notice, of what type."""

    to: str
    notice: str
    type: str


async def subscribe(database: Database, outbox: OutboxWriter, wanted: dict[str, NoticeFilter]) -> None:
    """Have these receivers, each in the database and in memory."""
    async with database.writer.begin() as connection:
        await connection.execute(insert(webhook_subscriptions), [_row(name) for name in wanted])
    outbox.receivers.know(wanted)


def _row(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "url": "https://crm.example.com/hooks",
        "template": "",
        "wanted": {},
        "sealed": "",
        "is_enabled": True,
        "disabled_reason": "",
        "created_at": NOW,
        "changed_at": NOW,
    }


async def waiting(database: Database) -> list[Waiting]:
    """What is to be delivered, in its order."""
    query = (
        select(webhook_deliveries.c.subscription_id, notices.c.id, notices.c.type)
        .join(notices, notices.c.position == webhook_deliveries.c.position)
        .order_by(webhook_deliveries.c.id)
    )
    async with database.reader.connect() as connection:
        return [Waiting(*row) for row in await connection.execute(query)]


def device_notice(number: int, kind: NoticeType = NoticeType.DEVICE_ONLINE) -> Notice:
    return Notice(id=f"device-{number}", type=kind, at=NOW, subject="device/ada", data={"endpoint": "ada"})
