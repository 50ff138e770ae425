"""Subscriptions and what waits for them, put into a database by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.domain.notices import NoticeType
from ari_app.storage.schema import notices, webhook_attempts, webhook_deliveries, webhook_subscriptions

BEGIN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


async def subscribe(writer: AsyncEngine, *names: str) -> None:
    """Have these subscriptions; their ids are their names."""
    rows = [
        {
            "id": name,
            "name": name,
            "url": "https://crm.example.com/hooks",
            "template": "",
            "wanted": {},
            "sealed": "",
            "is_enabled": True,
            "disabled_reason": "",
            "created_at": BEGIN,
            "changed_at": BEGIN,
        }
        for name in names
    ]
    async with writer.begin() as connection:
        await connection.execute(insert(webhook_subscriptions), rows)


async def put(writer: AsyncEngine, subscription: str, subjects: Sequence[str]) -> Sequence[str]:
    """A notice about each of these, due one after the other since BEGIN, for this subscription; gives their ids."""
    named = [(f"{subscription}-{number}-{subject}", subject) for number, subject in enumerate(subjects)]
    async with writer.begin() as connection:
        positions = await connection.execute(
            insert(notices).returning(notices.c.position, sort_by_parameter_order=True),
            [
                {
                    "id": id_,
                    "type": NoticeType.CALL_STARTED.value,
                    "at": BEGIN,
                    "subject": subject,
                    "call_id": subject.removeprefix("call/"),
                    "about": {"users": ["456"], "route": "sales"},
                    "data": {"call": {"call_id": subject}},
                }
                for id_, subject in named
            ],
        )
        rows = zip(positions.scalars().all(), subjects, strict=True)
        await connection.execute(
            insert(webhook_deliveries),
            [
                {
                    "subscription_id": subscription,
                    "position": position,
                    "subject": subject,
                    "state": "pending",
                    "attempts": 0,
                    "due_at": BEGIN + timedelta(milliseconds=position),
                    "is_replay": False,
                }
                for position, subject in rows
            ],
        )
    return [id_ for id_, _ in named]


async def on_record(reader: AsyncEngine) -> Sequence[tuple[str, str, int]]:
    """Each delivery: its notice, its state, and how many attempts are on record."""
    query = (
        select(notices.c.id, webhook_deliveries.c.state, webhook_attempts.c.number)
        .join(notices, notices.c.position == webhook_deliveries.c.position)
        .outerjoin(webhook_attempts, webhook_attempts.c.delivery_id == webhook_deliveries.c.id)
        .order_by(webhook_deliveries.c.id)
    )
    counts: dict[tuple[str, str], int] = {}
    async with reader.connect() as connection:
        for id_, state, number in await connection.execute(query):
            counts[id_, state] = counts.get((id_, state), 0) + (number is not None)
    return [(id_, state, count) for (id_, state), count in counts.items()]
