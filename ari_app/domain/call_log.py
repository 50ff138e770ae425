"""The protocol of the call log: what the stories write and what readers ask. Storage implements it."""

from collections.abc import Sequence
from typing import Protocol

from ari_app.domain.events import CallEvent
from ari_app.domain.record import CallRecord


class CallWriter(Protocol):
    """Where the stories put what happened."""

    def write(self, call_id: str, event: CallEvent) -> None:
        """Take one event; never waits and never raises: no call hangs on a disk. Order within a call is kept."""
        ...


class CallReader(Protocol):
    """What recovery and the command ask of the log."""

    async def open_calls(self) -> Sequence[CallRecord]:
        """The calls that have no end on record."""
        ...

    async def record(self, call_id: str) -> CallRecord | None:
        """One call, folded from all its events; None when it is unknown."""
        ...

    async def trace(self, call_id: str) -> Sequence[CallEvent]:
        """All events of one call in their order."""
        ...

    async def recent(self, limit: int) -> Sequence[CallRecord]:
        """The newest calls first."""
        ...
