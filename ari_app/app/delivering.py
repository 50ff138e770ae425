"""A process that only delivers webhooks: beside a router with PostgreSQL, any number of them; with SQLite instead."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from ari_app.app.recording_links import linking
from ari_app.app.webhooks import delivering_webhooks, people
from ari_app.live.subscriptions import open_subscriptions
from ari_app.recordings.links import Links
from ari_app.settings import Settings
from ari_app.storage.database import reading_engine, sharing_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.outbox import OutboxWriter, writing_notices
from ari_app.storage.secret_key import secret_key, stored_key
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from ari_app.storage.uncut import readings_over
from ari_app.webhooks.tally import Tally
from ari_app.webhooks.templates.rendering import TemplateRendering

log = structlog.get_logger("agi_router.webhooks")


async def deliver(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT. Raises StorageError when it can't begin, OSError for a bad `ca_file`."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as open_ends:
        database = await open_ends.enter_async_context(_database(settings.storage))
        subscriptions = await open_ends.enter_async_context(open_subscriptions(database))
        outbox = OutboxWriter(region=settings.routing.policy.region)
        subscriptions.tell(lambda every: outbox.receivers.know({each.id: each.wanted for each in every}))
        notices = await open_ends.enter_async_context(writing_notices(database, outbox))
        tally = Tally()
        await open_ends.enter_async_context(
            delivering_webhooks(
                settings.webhooks,
                database,
                subscriptions=subscriptions,
                bell=None if settings.storage.is_postgresql else outbox,
                notices=notices,
                rendering=TemplateRendering(
                    settings.webhooks.templates,
                    people(lambda: settings.routing),
                    linking(lambda: settings, Links(secret_key(settings.storage))),
                ),
                guard=lambda: settings.routing.guard,
                tally=tally,
            )
        )
        log.info("webhooks are delivered", webhooks=len(subscriptions.all), pid=os.getpid())
        await stop.wait()
        log.info("the deliveries stop")
    log.info("no webhooks are delivered any more", **{str(result): count for result, count in tally.totals.items()})


@asynccontextmanager
async def _database(settings: StorageSettings) -> AsyncIterator[Database]:
    """An SQLite file with the lock of who serves; a server's database beside its router, which has migrated it."""
    if not settings.is_postgresql:
        async with open_database(settings) as database:
            yield database
        return
    if not stored_key(settings):
        raise StorageError(
            f"the key {settings.beside('.key')} is missing, and without it the secrets of webhooks cannot be read",
            "Start the router first, which makes it; on another host than the router's, copy that file to this place.",
        )
    writer, reader = sharing_engine(settings), reading_engine(settings)
    try:
        yield Database(settings, writer, reader)
    finally:
        await readings_over()
        await reader.dispose()
        await writer.dispose()
