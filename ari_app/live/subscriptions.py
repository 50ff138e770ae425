"""The subscriptions of webhooks in the memory of a router, for who tells, who delivers, and who changes them.

Other processes may deliver from the same server, and disable what is dead: there the rows are read again and again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from ari_app.calls.clock import now
from ari_app.domain.webhooks import Subscription
from ari_app.storage.errors import StorageError
from ari_app.storage.sealing import Sealing
from ari_app.storage.secret_key import secret_key
from ari_app.storage.serving import Database
from ari_app.storage.subscriptions import StoredSubscriptions

READ_AGAIN_S: Final = 3.0
RETRY_S: Final = 60.0

log = structlog.get_logger("agi_router.webhooks")


class Subscriptions:
    """Each change is in the database before it counts. Everything that changes raises StorageError."""

    def __init__(self, stored: StoredSubscriptions) -> None:
        self._stored = stored
        self._all: tuple[Subscription, ...] = ()
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[Sequence[Subscription]], None]] = []

    @property
    def all(self) -> Sequence[Subscription]:
        """Those that there are now, in the order in which they were made; disabled ones too."""
        return self._all

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change: take it, look at `all`, then wait for it. Each is set once."""
        return self._changed

    def tell(self, listener: Callable[[Sequence[Subscription]], None]) -> None:
        """Call this with all subscriptions, now and at each change."""
        self._listeners.append(listener)
        listener(self._all)

    async def read(self) -> None:
        """Take what the database has."""
        async with self._turn:
            self._take(await self._stored.all())

    async def add(self, subscription: Subscription) -> None:
        """Have one more."""
        async with self._turn:
            await self._stored.add(subscription)
            self._take((*self._all, subscription))

    async def change(self, subscription: Subscription) -> None:
        """Have this instead of the one with its id; whether it is enabled stays."""
        async with self._turn:
            await self._stored.change(subscription)
            self._put(subscription.id, subscription)

    async def switch(self, subscription_id: str, *, is_enabled: bool, reason: str = "") -> None:
        """Enable it, or disable it and say why. One that has gone meanwhile stays gone."""
        async with self._turn:
            if (found := self.get(subscription_id)) is None:
                return
            switched = replace(found, is_enabled=is_enabled, disabled_reason=reason, changed_at=now())
            await self._stored.switch(switched)
            self._put(subscription_id, switched)

    async def disable(self, subscription_id: str, reason: str) -> None:
        """Send it nothing more, until somebody enables it: its receiver does not want to be told, or is dead."""
        await self.switch(subscription_id, is_enabled=False, reason=reason)
        log.warning("a webhook was disabled", webhook=self.name_of(subscription_id), reason=reason)

    async def remove(self, subscription_id: str) -> None:
        """Forget it, and what it was to be told."""
        async with self._turn:
            await self._stored.remove(subscription_id)
            self._put(subscription_id, None)

    def get(self, subscription_id: str) -> Subscription | None:
        """The one with this id."""
        return next((each for each in self._all if each.id == subscription_id), None)

    def name_of(self, subscription_id: str) -> str:
        """What people call it; the id itself when it is gone."""
        found = self.get(subscription_id)
        return subscription_id if found is None else found.name

    async def end_old_secrets(self) -> None:
        """When the overlap after a rotation is over, forget the secret that was replaced; runs until cancelled."""
        while True:
            changed = self._changed
            ends = [each.old_secret_until for each in self._all if each.old_secret_until is not None]
            wait_s = max(0.0, (min(ends) - now()).total_seconds()) if ends else None
            try:
                async with asyncio.timeout(wait_s):
                    await changed.wait()
            except TimeoutError:
                await self._end_old_secrets(now())

    async def _end_old_secrets(self, at: datetime) -> None:
        try:
            await self.read()  # another process may have changed one meanwhile
            for each in self._all:
                if each.old_secret_until is not None and each.old_secret_until <= at:
                    await self.change(replace(each, secrets=each.secrets[:1], old_secret_until=None))
                    log.info("the former secret of a webhook signs no more", webhook=each.name)
        except StorageError as error:
            log.error("a former secret cannot be removed", reason=str(error), remedy=error.remedy)  # noqa: TRY400
            await asyncio.sleep(RETRY_S)

    async def read_again(self) -> None:
        """Learn what other processes have changed; runs until cancelled."""
        while True:
            await asyncio.sleep(READ_AGAIN_S)
            try:
                await self.read()
            except StorageError as error:
                log.warning("the webhooks cannot be read; those known stay", reason=str(error), remedy=error.remedy)

    def _put(self, subscription_id: str, subscription: Subscription | None) -> None:
        others = ((each, subscription if each.id == subscription_id else each) for each in self._all)
        self._take([new for _, new in others if new is not None])

    def _take(self, subscriptions: Sequence[Subscription]) -> None:
        taken = tuple(subscriptions)
        if taken == self._all:
            return
        self._all = taken
        for listener in self._listeners:
            listener(taken)
        self._changed.set()
        self._changed = asyncio.Event()


@asynccontextmanager
async def open_subscriptions(database: Database) -> AsyncIterator[Subscriptions]:
    """Those of the router that serves, until the block ends.

    Raises StorageError when they cannot be read, or the file of the key can be neither read nor made.
    """
    sealing = Sealing(secret_key(database.settings))
    subscriptions = Subscriptions(StoredSubscriptions(database.writer, database.reader, sealing))
    await subscriptions.read()
    for lost in (each for each in subscriptions.all if not each.secrets):
        log.error(
            "a webhook is sent nothing: its secret cannot be read, as the key file beside the database is another one",
            webhook=lost.name,
            remedy=f"give it a new secret: agi-router webhooks rotate {lost.name}; and its headers again",
        )
    tasks = [asyncio.create_task(subscriptions.end_old_secrets(), name="webhooks: old secrets")]
    if database.settings.is_postgresql:
        tasks.append(asyncio.create_task(subscriptions.read_again(), name="webhooks: read again"))
    try:
        yield subscriptions
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
