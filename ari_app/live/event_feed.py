"""The events of all calls, for whoever follows them: read from the log by position, as soon as they are committed.

A follower is a position and a filter: nothing is kept for it, however slow it is, and no call waits for it. Those who
are up to date, as most are, share one reading of what is new.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from agi_router.routing.errors import Failure
from ari_app.domain.event_log import EVERY_EVENT, EventFilter, LoggedEvent
from ari_app.storage.call_log import CallLog
from ari_app.storage.errors import StorageError
from ari_app.storage.event_reader import StoredEvents

WINDOW: Final = 100
"""So many events are read at a time: some 2 ms of the loop in which calls run."""

SPAN: Final = 10_000
"""A follower who lags behind looks for what its filter takes among so many positions at a time."""

RETRY_S: Final = 5.0

log = structlog.get_logger("agi_router.events")


class PositionError(Exception):
    """There is no going on after this position; `failure` says why, and what to do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Window:
    """What comes after a position: the events that are wanted, and `upto`, the position after which to go on."""

    events: Sequence[LoggedEvent]
    upto: int


class EventFeed:
    """Followers read windows, one after the other, and wait in between."""

    def __init__(self, log: CallLog, events: StoredEvents) -> None:
        self._log = log
        self._events = events
        self.is_closed = False
        self.followers = 0
        self._newest: tuple[tuple[int, int], asyncio.Task[Sequence[LoggedEvent]]] | None = None

    @property
    def position(self) -> int:
        """Of the last event that is committed."""
        return self._log.position

    @contextmanager
    def following(self) -> Iterator[None]:
        """One more follower until the block ends."""
        self.followers += 1
        try:
            yield
        finally:
            self.followers -= 1

    def close(self) -> None:
        """Have all followers leave: the router stops."""
        self.is_closed = True
        self._log.bell.set()

    async def start(self, after: int | None) -> int:
        """The position after which a follower begins: None is now, 0 the oldest event there is.

        Raises PositionError for one that was never given, and for one after which events are gone; StorageError.
        """
        if after is None:
            return self.position
        if after > self.position:
            raise PositionError(
                Failure(
                    "position_unknown",
                    f"no event has the position {after} yet: the last one is {self.position}",
                    "It is of another database. Follow after 0, from the oldest event on, or without any: from now.",
                )
            )
        gone = await self._events.gone()
        if 0 < after < gone:
            raise PositionError(
                Failure(
                    "position_gone",
                    f"events after position {after} have been deleted for their age, up to {gone}",
                    f"Follow after {gone}; what the calls came to is in the list of calls.",
                )
            )
        return after

    async def next(self, after: int, wanted: EventFilter = EVERY_EVENT, wait_s: float = 0) -> Window:
        """The next events after this position; an empty window when there were none for so long, or at the end.

        `upto` may grow also where nothing was wanted. A database that fails is tried again.
        """
        bell = self._log.bell  # taken before the position is looked at: what is committed from then on rings it
        if after >= self.position and wait_s and not self.is_closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await bell.wait()
        if after >= self.position:
            return Window((), after)
        try:
            return await self._after(after, wanted)
        except StorageError as error:
            log.warning("the events cannot be read; followers wait", reason=str(error), remedy=error.remedy)
            await asyncio.sleep(min(wait_s, RETRY_S))
            return Window((), after)

    async def _after(self, after: int, wanted: EventFilter) -> Window:
        upto = self.position
        if upto - after <= WINDOW:
            events = await self._shared(after, upto)
        else:
            upto = min(upto, after + SPAN)
            events = await self._events.between(after, upto, WINDOW, wanted)
            if len(events) == WINDOW:
                upto = events[-1].position
        return Window([event for event in events if wanted.takes(event)], upto)

    async def _shared(self, after: int, upto: int) -> Sequence[LoggedEvent]:
        """Followers who are up to date ask for the same, in the same moment."""
        if self._newest is None or self._newest[0] != (after, upto) or _has_failed(self._newest[1]):
            reading = asyncio.create_task(self._events.between(after, upto, WINDOW), name="newest events")
            self._newest = ((after, upto), reading)
        # Shielded: one follower who leaves does not end the reading of the others.
        return await asyncio.shield(self._newest[1])


def _has_failed(task: asyncio.Task[Sequence[LoggedEvent]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
