"""Delivers to all receivers: a lane for each, which begins, changes and ends with its subscription."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from ari_app.domain.unavailable import UnavailableError
from ari_app.domain.webhooks import Outbox, Subscription
from ari_app.lanes.lane import Pace
from ari_app.webhooks.lane import Lane, Sends
from ari_app.webhooks.ports import Bell, DisabledNews, Subscriptions
from ari_app.webhooks.tally import Tally

STOP_S: Final = 5.0
"""So long a stopping engine waits for answers. Whoever waits longer has it delivered again."""

log = structlog.get_logger("agi_router.webhooks")


class Engine:
    """Made by `delivering`."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        subscriptions: Subscriptions,
        sender: Sends,
        pace: Pace,
        tally: Tally,
        news: DisabledNews | None = None,
    ) -> None:
        self._outbox = outbox
        self._subscriptions = subscriptions
        self._sender = sender
        self._pace = pace
        self._tally = tally
        self._news = news
        self._lanes: dict[str, tuple[Lane, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._disabled: set[str] = set()

    @property
    def receivers(self) -> frozenset[str]:
        """The ids of the subscriptions that are delivered to."""
        return frozenset(self._lanes)

    async def follow_subscriptions(self) -> None:
        """Have a lane for each that is enabled, until cancelled."""
        while True:
            changed = self._subscriptions.changed
            self._arrange()
            await changed.wait()

    async def follow_bell(self, outbox: Bell) -> None:
        """Have all lanes look whenever deliveries were written, until cancelled."""
        while True:
            rung = outbox.bell
            for lane, _ in self._lanes.values():
                lane.look()
            await rung.wait()

    async def stop(self, within_s: float = STOP_S) -> None:
        """Begin nothing more, wait for what is under way, and give back what takes longer."""
        for lane, _ in self._lanes.values():
            lane.stop()
        tasks = {task for _, task in self._lanes.values()} | self._ending
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _arrange(self) -> None:
        # What cannot be signed waits: attempts at it would be used up before somebody gives it a new secret.
        enabled = {each.id: each for each in self._subscriptions.all if each.is_enabled and each.secrets}
        for id_ in self._lanes.keys() - enabled.keys():
            lane, task = self._lanes.pop(id_)
            lane.stop()
            self._keep(task)
        for id_, subscription in enabled.items():
            if id_ not in self._lanes:
                self._begin(subscription)
            elif self._lanes[id_][0].subscription != subscription:
                self._lanes[id_][0].take(subscription)
        self._disabled = {each.id for each in self._subscriptions.all if not each.is_enabled}

    def _begin(self, subscription: Subscription) -> None:
        lane = Lane(
            subscription,
            outbox=self._outbox,
            sender=self._sender,
            pace=self._pace,
            tally=self._tally,
            disable=self._disable,
            was_disabled=subscription.id in self._disabled,
        )
        self._lanes[subscription.id] = lane, asyncio.create_task(_run_lane(lane), name=f"lane {subscription.name}")

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _disable(self, subscription: Subscription, reason: str) -> None:
        """Also while the database cannot be written; the lane sends nothing meanwhile."""
        while True:
            try:
                await self._subscriptions.disable(subscription.id, reason)
                break
            except UnavailableError as error:
                log.warning("a webhook cannot be disabled yet", reason=str(error), remedy=error.remedy)
            await asyncio.sleep(self._pace.retry.total_seconds())
        if self._news is not None:
            self._news(subscription, reason)


RESTART_S: Final = 5.0


async def _run_lane(lane: Lane) -> None:
    """A fault of the router's own costs this receiver a moment, and the others nothing."""
    while True:
        try:
            return await lane.run()
        except Exception:
            log.exception("the deliveries of a webhook broke off; they go on soon", webhook=lane.subscription.name)
        await asyncio.sleep(RESTART_S)


@asynccontextmanager
async def delivering(engine: Engine, bell: Bell | None, *, stop_s: float = STOP_S) -> AsyncIterator[None]:
    """Deliver in the background until the block ends. `bell` is None where another process writes the deliveries."""
    following: list[Coroutine[Any, Any, None]] = [engine.follow_subscriptions()]
    if bell is not None:
        following.append(engine.follow_bell(bell))
    tasks = [asyncio.create_task(each, name="webhooks") for each in following]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await engine.stop(stop_s)
