"""What is carried out for one receiver, whatever becomes of all others: some at a time, claimed from what is due.

A receiver that fails is left alone for a while, and then gets one request to see how it is.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar

import structlog

from ari_app.domain.unavailable import UnavailableError
from ari_app.lanes.health import Health, Pauses
from ari_app.lanes.schedule import Schedule


class Identified(Protocol):
    """What is carried out."""

    @property
    def id(self) -> int:
        """Its own in the database."""


Item = TypeVar("Item", bound=Identified)
Result = TypeVar("Result")

SHORTEST_WAIT: Final = timedelta(milliseconds=50)
"""What is due and was not claimed is being claimed by another process."""

log = structlog.get_logger("agi_router.lanes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast and how long. `claim` is longer than a request and the commit of what it came to can take.

    Without a bell, which rings in the router alone, each lane looks every `look` for what has come.
    """

    requests: int = 4
    schedule: Schedule = field(default_factory=Schedule)
    pauses: Pauses = field(default_factory=Pauses)
    claim: timedelta = timedelta(seconds=60)
    look: timedelta | None = None
    retry: timedelta = timedelta(seconds=5)


class Lane(ABC, Generic[Item]):
    """Carries out what is due to one receiver, which people know by this name.

    Who begins with `hastens` is due at once with all that waits.
    """

    def __init__(self, name: str, pace: Pace, *, hastens: bool = False) -> None:
        self._name = name
        self._pace = pace
        self._health = Health(pace.pauses)
        self._under_way: dict[asyncio.Task[None], Item] = {}
        self._wake = asyncio.Event()
        self._is_over = False
        self._hastens = hastens

    @abstractmethod
    async def _claim(self, limit: int, until: datetime) -> Sequence[Item]:
        """Take so many of what is due; nobody else gets them before. Raises UnavailableError."""

    @abstractmethod
    async def _next_due(self) -> datetime | None:
        """When something is due next. Raises UnavailableError."""

    @abstractmethod
    async def _hasten(self) -> None:
        """Make due what waits. Raises UnavailableError."""

    @abstractmethod
    async def _release(self, items: Sequence[Item]) -> None:
        """Give back what was claimed and is not done. Raises UnavailableError."""

    @abstractmethod
    async def _carry_out(self, item: Item) -> None:
        """Do it, and put on record what came of it."""

    def look(self) -> None:
        """Something may be due."""
        self._wake.set()

    def hasten(self) -> None:
        """Whatever kept the receiver from taking anything is over: all that waits for it is due."""
        self._health.delivered()
        self._hastens = True
        self.look()

    def stop(self) -> None:
        """Begin nothing more."""
        self._is_over = True
        self.look()

    async def run(self) -> None:
        """Carry out until `stop`, and what is under way then to its end. Cancelled, it gives back what is not."""
        try:
            while not self._is_over:
                self._wake.clear()
                try:
                    pause_s = await self._advance()
                except UnavailableError as error:
                    log.warning(
                        "what is due to a receiver cannot be read or claimed; it waits",
                        receiver=self._name,
                        reason=str(error),
                        remedy=error.remedy,
                    )
                    pause_s = self._pace.retry.total_seconds()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._wake.wait()
            if self._under_way:
                await asyncio.wait(self._under_way)
        except asyncio.CancelledError:
            await self._give_back()
            raise

    async def _advance(self) -> float | None:
        """Begin what there is room for; gives in how many seconds to look again, None when something will wake."""
        room = self._health.room(self._pace.requests) - len(self._under_way)
        if room <= 0:
            return None
        if pause := self._health.pause(now()):
            return pause.total_seconds()
        if self._hastens:
            await self._hasten()
            self._hastens = False
        claimed = await self._claim(room, now() + self._pace.claim)
        if self._is_over:
            if claimed:
                await self._release(claimed)
            return None
        for item in claimed:
            self._begin(item)
        if len(claimed) == room:
            return None
        due_at = await self._next_due()
        waits = [] if due_at is None else [max(due_at - now(), SHORTEST_WAIT)]
        waits += [] if self._pace.look is None else [self._pace.look]
        return min(waits).total_seconds() if waits else None

    def _begin(self, item: Item) -> None:
        before = [task for task, other in self._under_way.items() if other.id == item.id]
        task = asyncio.create_task(self._in_turn(before, item), name=f"lane {self._name}")
        self._under_way[task] = item
        task.add_done_callback(self._ended)

    async def _in_turn(self, before: Sequence[asyncio.Task[None]], item: Item) -> None:
        """A claim may end while its item is under way, as by a clock that was set: nothing is done beside itself."""
        if before:
            await asyncio.wait(before)
        await self._carry_out(item)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("something was not carried out, by a fault of the router", receiver=self._name, exc_info=error)
        self.look()

    async def _surely(self, write: Callable[[], Awaitable[Result]]) -> Result:
        """However long the database cannot be written: what was done must not be done once more."""
        while True:
            try:
                return await write()
            except UnavailableError as error:
                log.warning(
                    "what a receiver has taken cannot be written; it is tried again",
                    receiver=self._name,
                    reason=str(error),
                    remedy=error.remedy,
                )
            await asyncio.sleep(self._pace.retry.total_seconds())

    async def _give_back(self) -> None:
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if left:
            with suppress(UnavailableError):  # else they are due when the claims end
                await self._release(list(left.values()))


def now() -> datetime:
    """In UTC."""
    return datetime.now(UTC)
