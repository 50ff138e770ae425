"""The events of all calls in one order, for whoever follows them: each has a position, and is told after it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One committed event. `position` counts up over all calls, for ever, with holes; `seq` counts within the call.

    `data` is a JSON object: the fields of the event's class without its moment. `users` are the ids of those who take
    part in the call by then: whoever it was asked for, is or was called, or has answered it.
    """

    position: int
    call_id: str
    seq: int
    at: datetime
    type: str
    data: str
    users: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events: all that is given holds, of several values one. The empty filter takes every event."""

    calls: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()

    def takes(self, event: LoggedEvent) -> bool:
        """Whether this event is wanted."""
        return (
            (not self.calls or event.call_id in self.calls)
            and (not self.types or event.type in self.types)
            and (not self.users or not self.users.isdisjoint(event.users))
        )


EVERY_EVENT = EventFilter()
