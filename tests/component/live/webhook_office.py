"""A desk of webhooks on a database, with deliveries put on record by hand."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from sqlalchemy import insert, select

from agi_router.lookup.guard import NetworkGuard
from ari_app.domain.notices import About, Notice, NoticeType
from ari_app.domain.webhooks import DeliveryState
from ari_app.live.webhook_forms import NewForm, Rules
from ari_app.live.webhooks import WebhookDesk
from ari_app.storage.schema import notices, webhook_deliveries
from ari_app.storage.serving import Database

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
URL = "https://crm.example.com/hooks"
RULES = Rules(
    guard=NetworkGuard(allowed=(ip_network("127.0.0.0/8"),)),
    region="US",
    users=frozenset({"456", "77"}),
    teams=frozenset({"7"}),
    queues=frozenset({"support"}),
    routes=frozenset({"sales"}),
    templates=frozenset({"voipline"}),
)


@dataclass
class Office:
    """A desk, its database, and how often it has woken who delivers."""

    database: Database
    desk: WebhookDesk
    woken: int = 0

    async def tell(self, webhook: str, *told: Notice, state: DeliveryState = DeliveryState.DELIVERED) -> list[int]:
        """Have these on record, with a delivery each that has come to this; "" for nobody's."""
        made = []
        async with self.database.writer.begin() as connection:
            for notice in told:
                about = {
                    name: sorted(value) if isinstance(value, Collection) and not isinstance(value, str) else value
                    for name, value in asdict(notice.about).items()
                }
                row: dict[str, Any] = {
                    "id": notice.id,
                    "type": notice.type.value,
                    "at": notice.at,
                    "subject": notice.subject,
                }
                row |= {"call_id": notice.call_id, "about": about, "data": dict(notice.data)}
                put = insert(notices).values(row).returning(notices.c.position)
                position = (await connection.execute(put)).scalar_one()
                if webhook:
                    delivery = {"subscription_id": self.desk.found(webhook).id, "position": position}
                    delivery |= {"subject": notice.subject, "state": state.value, "attempts": 1, "due_at": AT}
                    delivery |= {"finished_at": AT, "is_replay": False}
                    again = insert(webhook_deliveries).values(delivery).returning(webhook_deliveries.c.id)
                    made.append((await connection.execute(again)).scalar_one())
        return made

    async def pending(self) -> list[tuple[str, bool]]:
        """What is in line, in its order: the ids of the notices, and whether they are sent again."""
        query = select(notices.c.id, webhook_deliveries.c.is_replay).join(
            webhook_deliveries, webhook_deliveries.c.position == notices.c.position
        )
        query = query.where(webhook_deliveries.c.state == "pending").order_by(webhook_deliveries.c.id)
        async with self.database.reader.connect() as connection:
            return [(row.id, row.is_replay) for row in await connection.execute(query)]


def a_notice(number: int, kind: NoticeType = NoticeType.CALL_ENDED, user: str = "456") -> Notice:
    return Notice(
        id=f"n{number}",
        type=kind,
        at=AT + timedelta(minutes=number),
        subject=f"call/c{number}",
        call_id=f"c{number}",
        data={"call": {"call_id": f"c{number}"}},
        about=About(users=frozenset({user})),
    )


def new(name: str = "crm", **given: Any) -> NewForm:
    return NewForm.model_validate({"name": name, "url": URL, **given})
