"""The rules for numbers outside as they stand now: those of the running router, else those in file and database."""

import asyncio
from collections.abc import Mapping
from typing import Any

from agi_router.routing.errors import Failure
from agi_router.routing.volume import Volume
from ari_app.calls.clock import now
from ari_app.control.client import ask
from ari_app.control.settings import ControlError
from ari_app.live.volume import DialRules
from ari_app.settings import Settings
from ari_app.storage.errors import StorageError
from ari_app.storage.outgoing import read_outgoing


async def from_database(settings: Settings, arguments: Mapping[str, str]) -> Mapping[str, Any]:
    """What a router says to `policy`, by the counters that one has left. Raises StorageError when they are broken."""
    volume = Volume(settings.routing.volume)
    try:
        volume.restore(await read_outgoing(settings.storage), now())
    except StorageError:
        if settings.storage.is_postgresql or settings.storage.path.exists():
            raise
    return DialRules.of(settings.routing, volume).as_json(arguments)


async def refusal_now(settings: Settings, number: str, route: str) -> Failure | None:
    """Why this number would not be dialled at the moment for a caller of this route. Raises StorageError."""
    arguments = {"number": number, "route": route}
    try:
        told = await asyncio.to_thread(ask, settings.control, "policy", arguments=arguments)
    except ControlError:
        told = await from_database(settings, arguments)
    return None if told["allowed"] else Failure(**told["error"])
