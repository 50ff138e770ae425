"""Looks devices up in Asterisk for programs that ask, some at a time: it has calls to carry."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

AT_A_TIME: Final = 2


class KnownDevice(Protocol):
    """What Asterisk knows of a PJSIP endpoint: its word for the state, and the dial strings of its contacts."""

    @property
    def state(self) -> str:
        """Such as online, offline, or missing when there is no such endpoint."""
        ...

    @property
    def contacts(self) -> tuple[str, ...]:
        """Such as PJSIP/ada/sip:ada@192.0.2.7:5060."""
        ...


DeviceLookup = Callable[[Sequence[str]], Awaitable[Mapping[str, KnownDevice] | None]]
"""Asks Asterisk for these PJSIP endpoints (names without technology); None when it can't be reached."""


def some_at_a_time(look_up: DeviceLookup) -> DeviceLookup:
    """The same, AT_A_TIME at a time: who comes later waits."""
    places = asyncio.Semaphore(AT_A_TIME)

    async def waiting(endpoints: Sequence[str]) -> Mapping[str, KnownDevice] | None:
        async with places:
            return await look_up(endpoints)

    return waiting
