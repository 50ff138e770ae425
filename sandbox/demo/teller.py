"""Tells every call while it happens: from the router's call log, event by event, as they are committed there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from ari_app.domain.events import CallEvent
from ari_app.domain.record import CallRecord, after
from ari_app.domain.story import Line, sentence
from ari_app.settings import load_settings
from ari_app.storage.call_reader import StoredCalls, read_calls
from sandbox.router import RunningRouter

POLL_S = 0.05
NEWEST = 50  # more calls at a time than these few phones can have

Tell = Callable[[str, CallEvent, Line], None]


@dataclass(slots=True)
class _Told:
    """How far a call is told."""

    record: CallRecord
    trace: list[CallEvent] = field(default_factory=list)


class LiveTeller:
    """Hands each new event of each call to `tell`, with the line that tells it."""

    def __init__(self, calls: StoredCalls, tell: Tell) -> None:
        self._calls = calls
        self._tell = tell
        self._told: dict[str, _Told] = {}
        self._one_at_a_time = asyncio.Lock()

    async def follow(self) -> None:
        """Tell what happens until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(POLL_S)

    async def catch_up(self) -> None:
        """Tell what is committed by now."""
        async with self._one_at_a_time:
            for record in reversed(await self._calls.recent(NEWEST)):
                told = self._told.setdefault(record.call_id, _Told(CallRecord(call_id=record.call_id)))
                if not _is_over(told.record):
                    self._tell_rest(told, await self._calls.trace(record.call_id))

    async def last_call(self) -> Sequence[CallEvent]:
        """The whole trace of the newest call, told to its end."""
        await self.catch_up()
        return next(reversed(self._told.values())).trace

    def _tell_rest(self, told: _Told, trace: Sequence[CallEvent]) -> None:
        for event in trace[len(told.trace) :]:
            began: datetime = told.trace[0].at if told.trace else event.at
            line = Line(event.at, (event.at - began).total_seconds(), sentence(told.record, event))
            self._tell(told.record.call_id, event, line)
            told.trace.append(event)
            told.record = after(told.record, event)


def _is_over(record: CallRecord) -> bool:
    """Legs may end after their call."""
    return record.ended_at is not None and all(leg.ended_at for leg in record.legs)


@asynccontextmanager
async def teller(router: RunningRouter, tell: Tell) -> AsyncIterator[LiveTeller]:
    """A teller of this router's calls, who follows them until the end of the context."""
    async with read_calls(load_settings(router.config_path).storage) as calls:
        told = LiveTeller(calls, tell)
        following = asyncio.create_task(told.follow(), name="teller")
        try:
            yield told
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
