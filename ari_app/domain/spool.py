"""Asterisk's recordings, as whoever fetches them sees them."""

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A recording as Asterisk sends it: `pieces`, which raise a TelephonyError when they break off.

    `length` is that of all of them, in bytes; None when Asterisk does not say.
    """

    length: int | None
    pieces: AsyncIterator[bytes]


class Spool(Protocol):
    """Asterisk's recordings. Each request raises a TelephonyError of `ari_app.calls.ports`."""

    async def is_running(self, name: str) -> bool:
        """Whether Asterisk still records into this one."""
        ...

    async def names(self) -> Collection[str]:
        """Of all that are in the spool."""
        ...

    def file(self, name: str) -> AbstractAsyncContextManager[SpooledFile]:
        """One of them, as long as the block lasts. Raises NotFoundError when Asterisk has no such file."""
        ...

    async def delete(self, name: str) -> None:
        """Let go of it; one that is gone already is no error."""
        ...
