"""The bridge of a call: made while the call is being decided, so that the answer need not wait for it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ari_app.calls.ports import Telephony

Requests = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Sends a request that nobody waits for; a failure is only logged."""


class Bridge:
    """One bridge under its id; it need not ever be made."""

    def __init__(self, telephony: Telephony, bridge_id: str, request: Requests) -> None:
        self._telephony = telephony
        self._id = bridge_id
        self._request = request
        self._requested: asyncio.Task[None] | None = None
        self._is_there = False

    def prepare(self) -> None:
        """Have it made, without waiting for it."""
        self._requested = self._request(self._make())

    def found(self) -> None:
        """It is there since a life before a restart."""
        self._is_there = True

    async def ready(self) -> None:
        """Return when it is there; raise the TelephonyError that prevents it.

        What prevented it while the call was being decided may be over: it is tried once more.
        """
        await self._made()
        if not self._is_there:
            await self._make()

    async def drop(self) -> None:
        """Remove it; one that was never made is no error, and one that stays is found at the next reconnect."""
        await self._made()  # a removal that overtakes the creation would miss it
        await asyncio.wait([self._request(self._telephony.destroy_bridge(self._id))])

    async def _made(self) -> None:
        if self._requested is not None:
            await asyncio.wait([self._requested])

    async def _make(self) -> None:
        await self._telephony.create_bridge(self._id)
        self._is_there = True
