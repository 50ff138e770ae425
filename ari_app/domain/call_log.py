"""The protocol of the call log: what the stories write and what readers ask. Storage implements it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ari_app.domain.events import CallEvent
from ari_app.domain.parts import CallPart
from ari_app.domain.record import CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event as it is stored: `type` names its class, `data` its fields without the moment.

    `event` is None when this version does not know the kind, or cannot read it.
    """

    at: datetime
    type: str
    data: Mapping[str, Any]
    event: CallEvent | None


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


class CallArchive(CallReader, Protocol):
    """What is asked for by whoever shows a call."""

    async def history(self, call_id: str) -> Sequence[StoredEvent]:
        """All events of one call in their order, as they are stored."""
        ...

    async def entry(self, call_id: str) -> CallRecord | None:
        """One call as the history has it, also one that the router had nothing to do with; None when it is unknown."""
        ...

    async def parts(self, call_id: str) -> Sequence[CallPart]:
        """Who took part in it, in the order in which they came."""
        ...
