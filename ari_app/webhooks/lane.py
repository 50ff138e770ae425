"""What is delivered to one receiver, of each subject in its order; see `ari_app.lanes.lane`."""

import random
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Protocol

import structlog

from ari_app.domain.notices import Notice
from ari_app.domain.webhooks import Attempt, Delivery, DeliveryState, Outbox, Subscription
from ari_app.lanes import lane
from ari_app.lanes.lane import Pace, now
from ari_app.webhooks.outcome import Outcome, Verdict, failed
from ari_app.webhooks.tally import Result, Tally

log = structlog.get_logger("agi_router.webhooks")


class Sends(Protocol):
    """See `ari_app.webhooks.sending.Sender`."""

    async def send(self, subscription: Subscription, notice: Notice) -> Outcome | None:
        """Try once; None: there was nothing to send."""


class Lane(lane.Lane[Delivery]):
    """The deliveries to one receiver. `disable` tells that it gets nothing more, and why.

    What waits for one that `was_disabled` is due at once: whoever has enabled it expects it to work.
    """

    def __init__(
        self,
        subscription: Subscription,
        *,
        outbox: Outbox,
        sender: Sends,
        pace: Pace,
        tally: Tally,
        disable: Callable[[Subscription, str], Coroutine[Any, Any, None]],
        was_disabled: bool = False,
    ) -> None:
        super().__init__(subscription.name, pace, hastens=was_disabled)
        self.subscription = subscription
        self._outbox = outbox
        self._sender = sender
        self._tally = tally
        self._disable = disable

    def take(self, subscription: Subscription) -> None:
        """The subscription has changed: what comes next goes by it."""
        if subscription.url != self.subscription.url:
            self._health.delivered()  # nothing is known of that one
        self.subscription = subscription
        self._name = subscription.name
        self.look()

    async def _claim(self, limit: int, until: datetime) -> Sequence[Delivery]:
        return await self._outbox.claim(self.subscription.id, limit, until)

    async def _next_due(self) -> datetime | None:
        return await self._outbox.next_due(self.subscription.id)

    async def _hasten(self) -> None:
        await self._outbox.hasten(self.subscription.id)

    async def _release(self, items: Sequence[Delivery]) -> None:
        await self._outbox.release(items)

    async def _carry_out(self, item: Delivery) -> None:
        delivery, subscription, at, began = item, self.subscription, now(), monotonic()
        try:
            outcome = await self._sender.send(subscription, delivery.notice)
        except Exception:
            log.exception("a webhook was not sent, by a fault of the router", notice=delivery.notice.id)
            outcome = failed("a fault of the router; its log tells more")
        elapsed_s = monotonic() - began
        if outcome is None:
            self._tally.count(subscription.id, Result.SKIPPED)
            await self._settle(delivery, None, DeliveryState.DELIVERED, now())
            return
        attempt = Attempt(
            number=delivery.attempts + 1,
            at=at,
            url=subscription.url,
            elapsed_ms=round(elapsed_s * 1000, 3),
            status=outcome.status,
            error=outcome.error,
            answer=outcome.answer,
        )
        match outcome.verdict:
            case Verdict.DELIVERED:
                self._health.delivered()
                self._tally.count(subscription.id, Result.DELIVERED)
                await self._settle(delivery, attempt, DeliveryState.DELIVERED, now())
            case Verdict.GONE:
                self._tally.count(subscription.id, Result.GONE)
                await self._end(outcome.error)
                await self._settle(delivery, attempt, DeliveryState.PENDING, now())
            case Verdict.FAILED:
                await self._failed(delivery, attempt, outcome)

    async def _failed(self, delivery: Delivery, attempt: Attempt, outcome: Outcome) -> None:
        schedule, chance = self._pace.schedule, random.random()  # noqa: S311 - it spreads, and keeps no secret
        self._health.failed(now(), chance, outcome.asked_for)
        self._tally.count(self.subscription.id, Result.FAILED)
        told = {
            "webhook": self.subscription.name,
            "notice": delivery.notice.id,
            "attempt": attempt.number,
            "reason": outcome.error,
        }
        wait = schedule.wait_after(attempt.number, chance, outcome.asked_for)
        if wait is None:
            self._tally.count(self.subscription.id, Result.GIVEN_UP)
            log.error("a webhook is given up for one event; replay it once its receiver works", **told)
            failing_since = await self._settle(delivery, attempt, DeliveryState.FAILED, now())
        else:
            log.info("a webhook was not taken; it is tried again", **told, again_in_s=round(wait.total_seconds()))
            failing_since = await self._settle(delivery, attempt, DeliveryState.PENDING, now() + wait)
        if failing_since is not None and now() - failing_since >= schedule.span:
            hours = round(schedule.span / timedelta(hours=1))
            await self._end(f"the receiver has taken nothing for {hours} hours; the last time: {outcome.error}")

    async def _settle(
        self, delivery: Delivery, attempt: Attempt | None, state: DeliveryState, due_at: datetime
    ) -> datetime | None:
        return await self._surely(lambda: self._outbox.settle(delivery, attempt, state, due_at))

    async def _end(self, reason: str) -> None:
        """Nothing more goes to this receiver. What waits for it waits on."""
        if not self._is_over:
            self.stop()
            await self._disable(self.subscription, reason)
