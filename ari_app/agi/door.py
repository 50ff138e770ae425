"""The AGI door of a running router: open while the router serves, where one is configured."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from agi_router.fastagi import AgiSettings, FastAgiDoor
from ari_app.agi.handler import DialplanCalls


class DialplanDoor:
    """An async context. Raises DoorError when it can't listen; without settings it stays closed.

    Calls whose end nobody reports expire while it is there.
    """

    def __init__(self, settings: AgiSettings | None, calls: DialplanCalls) -> None:
        self._calls = calls
        self._door = None if settings is None else FastAgiDoor(settings, calls.handle)
        self._expiring: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._door is not None:
            await self._door.__aenter__()
        self._expiring = asyncio.create_task(self._calls.run(), name="calls of the dialplan")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._expiring is not None, "it was entered"
        self._expiring.cancel()
        await asyncio.gather(self._expiring, return_exceptions=True)
        if self._door is not None:
            await self._door.__aexit__(kind, error, trace)

    def status(self) -> Mapping[str, Any]:
        """How it stands; None is a door that is closed."""
        return {
            "dialplan_calls": self._calls.count,
            "agi": None if self._door is None else asdict(self._door.status()),
        }
