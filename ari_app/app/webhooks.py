"""Webhooks on their way: what the engine of a router, and of a process that only delivers, is made of."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

from agi_router.decide import RoutingSettings
from agi_router.lookup.guard import GuardInForce, NetworkGuard
from ari_app.calls.clock import now
from ari_app.domain.notices import Notice, Notices, NoticeType
from ari_app.domain.webhooks import Subscription
from ari_app.lanes.lane import Pace
from ari_app.live.directory_names import Names
from ari_app.storage.database import sharing_engine
from ari_app.storage.deliveries import open_outbox
from ari_app.storage.serving import Database
from ari_app.webhooks.engine import Engine, delivering
from ari_app.webhooks.ports import Bell, DisabledNews, Subscriptions
from ari_app.webhooks.rendering import Rendering
from ari_app.webhooks.sending import open_sender
from ari_app.webhooks.settings import WebhookSettings
from ari_app.webhooks.tally import Tally

LOOK: Final = timedelta(seconds=1)
"""How often a process looks for what others have written."""


@asynccontextmanager
async def delivering_webhooks(
    settings: WebhookSettings,
    database: Database,
    *,
    subscriptions: Subscriptions,
    bell: Bell | None,
    notices: Notices,
    rendering: Rendering,
    guard: Callable[[], NetworkGuard],
    tally: Tally,
) -> AsyncIterator[None]:
    """Deliver in the background until the block ends. `bell` is None where another process writes the deliveries.

    Raises StorageError, and OSError for `ca_file`.
    """
    async with AsyncExitStack() as open_ends:
        engine = database.writer
        if database.settings.is_postgresql:  # its own connection: neither waits for the other
            engine = sharing_engine(database.settings)
            open_ends.push_async_callback(engine.dispose)
        is_alone = not database.settings.is_postgresql
        outbox = await open_ends.enter_async_context(open_outbox(engine, is_alone=is_alone))
        sender = await open_ends.enter_async_context(
            open_sender(GuardInForce(guard), rendering, ca_file=settings.ca_file)
        )
        delivery = Engine(
            outbox=outbox,
            subscriptions=subscriptions,
            sender=sender,
            pace=Pace(requests=settings.requests_per_receiver, look=None if bell is not None else LOOK),
            tally=tally,
            news=_news(notices),
        )
        await open_ends.enter_async_context(delivering(delivery, bell))
        yield


def people(in_force: Callable[[], RoutingSettings]) -> Callable[[], Names]:
    """What people are called by the configuration in force, looked through once for each."""
    routing = in_force()
    names = Names(routing)

    def asked() -> Names:
        nonlocal routing, names
        if routing is not in_force():
            routing = in_force()
            names = Names(routing)
        return names

    return asked


def _news(notices: Notices) -> DisabledNews:
    def tell(subscription: Subscription, reason: str) -> None:
        url, _, _ = subscription.url.partition("?")  # its query may hold what only that receiver knows
        webhook = {"id": subscription.id, "name": subscription.name, "url": url}
        notices.tell(
            Notice(
                id=f"webhook-{secrets.token_hex(8)}",
                type=NoticeType.WEBHOOK_DISABLED,
                at=now(),
                subject=f"webhook/{subscription.id}",
                data={"webhook": webhook, "reason": reason},
            )
        )

    return tell
