"""What the engine needs to know and to tell, beside the outbox of `ari_app.domain.webhooks`."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from ari_app.domain.webhooks import Subscription


class Subscriptions(Protocol):
    """The receivers as they are now."""

    @property
    def all(self) -> Sequence[Subscription]:
        """Every one, disabled ones too."""

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change: take it, look at `all`, then wait for it. Each is set once."""

    async def disable(self, subscription_id: str, reason: str) -> None:
        """Send it nothing more, until somebody enables it. Raises UnavailableError."""


class Bell(Protocol):
    """Tells that deliveries have been written."""

    @property
    def bell(self) -> asyncio.Event:
        """Set when there are new ones: take it, look, then wait for it. Each is set once."""


DisabledNews = Callable[[Subscription, str], None]
"""Tells others that a subscription was disabled, and why; never waits and never raises."""
