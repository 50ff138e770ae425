"""The states of devices: followed by a subscription of the application, and each read once at its beginning.

Asterisk tells changes only, and follows any name, whether there is a device behind it or not.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from ari_app.asterisk.telephony import AriTelephony
from ari_app.calls.ports import NotFoundError, RefusedError, TelephonyError, UnreachableError

log = structlog.get_logger(__name__)

READ_AT_A_TIME: Final = 20
MODULES: Final = "are res_stasis_device_state.so and res_ari_device_states.so loaded? agi-router doctor tells more"


class DeviceStates:
    """Gives `tell` the name and the state (a word of Asterisk) of each device that is wanted, whenever it changes."""

    def __init__(self, telephony: AriTelephony, tell: Callable[[str, str], None]) -> None:
        self._telephony = telephony
        self._tell = tell
        self._wanted: frozenset[str] = frozenset()
        self._watched: frozenset[str] = frozenset()
        self._turn = asyncio.Lock()
        self._changed: set[str] = set()  # while states are read: what was told of these is newer

    @property
    def watched(self) -> int:
        """How many devices are followed."""
        return len(self._watched)

    def change(self, device: str, state: str) -> None:
        """Asterisk tells this of a device."""
        self._changed.add(device)
        self._tell(device, state)

    async def want(self, devices: frozenset[str]) -> None:
        """Follow these devices and no others; what can't be done now is done at the next connect."""
        self._wanted = devices
        try:
            async with self._turn:
                await self._follow(devices - self._watched, self._watched - devices)
        except UnreachableError:
            pass
        except TelephonyError as error:
            log.warning("the states of devices can't be followed: nobody is busy", error=str(error), remedy=MODULES)

    async def begin(self) -> None:
        """After a connect: follow what is wanted, whatever Asterisk kept of another life. Raises UnreachableError."""
        async with self._turn:
            try:
                self._watched = await self._telephony.followed_devices()
                await self._follow(self._wanted, self._watched - self._wanted)
            except (NotFoundError, RefusedError) as error:
                log.warning("the states of devices can't be followed: nobody is busy", error=str(error), remedy=MODULES)

    async def _follow(self, added: frozenset[str], dropped: frozenset[str]) -> None:
        await self._telephony.follow_devices(added)
        await self._read(added)
        self._watched |= added
        await self._telephony.unfollow_devices(dropped)
        self._watched -= dropped

    async def _read(self, devices: frozenset[str]) -> None:
        places = asyncio.Semaphore(READ_AT_A_TIME)
        self._changed.clear()

        async def read(device: str) -> None:
            async with places:
                state = await self._telephony.device_state(device)
            if device not in self._changed:
                self._tell(device, state)

        await asyncio.gather(*(read(device) for device in devices))
