"""The history of the PBX's calls while the router runs: what AMI tells, what it could not, and how that is filled."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from ari_app.asterisk.ami_calls import CallEvents
from ari_app.calls.clock import now
from ari_app.calls.pbx_calls import PbxCalls
from ari_app.calls.ports import TelephonyError
from ari_app.control.server import Arguments
from ari_app.control.settings import ControlError
from ari_app.domain.gaps import Gap
from ari_app.domain.pbx_names import Names
from ari_app.live.filling import Filled, Filling
from ari_app.settings.history_section import HistorySettings
from ari_app.storage.activity_marks import ActivityMarker
from ari_app.storage.errors import StorageError
from ari_app.storage.gaps import StoredGaps
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.pbx_calls import PbxCallLog, writing_pbx_calls
from ari_app.storage.serving import Database

log = structlog.get_logger(__name__)

TICK_S: Final = 1.0
MARK_EVERY: Final = timedelta(seconds=10)
"""A router that is killed shows a gap that is at most so much too long."""
CLOSE_DEADLINE_S: Final = 3.0

Started = Callable[[], Awaitable[datetime]]
"""Since when Asterisk runs; raises a TelephonyError."""


class PbxHistory:
    """Implements `ari_app.asterisk.ami.Listener`. What touches the database waits for `run`. Made by `pbx_history`."""

    def __init__(
        self, events: CallEvents, written: PbxCallLog, gaps: StoredGaps, filling: Filling, started: Started
    ) -> None:
        self.classes = events.classes
        self._events = events
        self._calls = events.calls
        self._written = written
        self._gaps = gaps
        self._filling = filling
        self._started = started
        self._heard_at: datetime | None = None
        self._marked_at: datetime | None = None
        self._heard_before: datetime | None = None
        self._is_connected = False
        self._gap_since: datetime | None = None  # begins with it: not yet in the database
        self._gap_until: datetime | None = None
        self._is_start_unknown = False
        self._started_at: datetime | None = None
        self._is_fill_due = False
        self._one_at_a_time = asyncio.Lock()

    def take(self, message: Any) -> None:
        """See Listener."""
        self._heard_at = now()
        self._events.take(message)

    def know(self, names: Names) -> None:
        """The directory has changed; calls that are under way are told by the new one."""
        self._calls.names = names

    def connected(self) -> None:
        """See Listener."""
        self._heard_before, self._heard_at = self._heard_at, now()
        self._gap_until = self._heard_at
        self._is_connected, self._is_start_unknown = True, True

    def heard(self) -> None:
        """See Listener."""
        self._heard_at = now()

    def lost(self) -> None:
        """See Listener."""
        self._is_connected = False
        self._gap_since = self._gap_since or self._heard_at
        self._calls.may_have_missed()

    def status(self) -> Mapping[str, Any]:
        """How it stands, as programs get it."""
        return {
            "pbx_calls_open": len(self._calls),
            "pbx_events_cel": self._events.told["cel"],
            "pbx_events_cdr": self._events.told["cdr"],
            "pbx_cdr_alone": self._events.told["cdr_alone"],
        }

    async def run(self) -> None:
        """Keep house, until cancelled: close calls, note gaps, fill them."""
        while True:
            await asyncio.sleep(TICK_S)
            self._calls.sweep(now())
            try:
                async with self._one_at_a_time:
                    await self._note()
            except StorageError as error:
                log.warning("the gaps of the history can't be kept", error=str(error), remedy=error.remedy)

    async def end(self) -> None:
        """The router stops: what is known by now is written."""
        self._calls.close_over()
        self._calls.keep_open(now())
        if self._gap_until is not None:
            await self._gaps.end(self._gap_until)
        if self._heard_at is not None:
            await self._gaps.mark(self._heard_at)

    async def fill(self, _: Arguments) -> Mapping[str, Any]:
        """Fill all gaps once more, on request. Raises ControlError."""
        try:
            async with self._one_at_a_time:
                filled = await self._filling.fill(again=True, over_before=self._started_at)
        except StorageError as error:
            raise ControlError(str(error), error.remedy) from error
        return {"filled": list(map(_as_json, filled))}

    async def _note(self) -> None:
        if self._gap_since is not None:
            await self._gaps.begin(self._gap_since)
            self._gap_since = None
        if not self._is_connected:
            return
        if self._gap_until is not None:
            await self._gaps.end(self._gap_until)
            self._gap_until, self._marked_at, self._is_fill_due = None, self._heard_at, True
        if self._is_start_unknown:
            await self._ask_start()
        if self._is_fill_due and not self._is_start_unknown and self._filling.is_possible:
            self._is_fill_due = False
            await self._fill()
        if self._heard_at and (self._marked_at is None or self._heard_at - self._marked_at >= MARK_EVERY):
            self._marked_at = self._heard_at
            await self._gaps.mark(self._heard_at)

    async def _ask_start(self) -> None:
        """Calls of an Asterisk that is no more never end."""
        try:
            started_at = await self._started()
        except TelephonyError:
            return  # ARI comes up a little later than AMI
        heard_at = self._heard_before or started_at
        self._calls.restarted(started_at, heard_at)
        await self._written.close_lost(started_at, min(heard_at, started_at))
        self._started_at = started_at
        self._is_start_unknown = False

    async def _fill(self) -> None:
        try:
            for filled in await self._filling.fill(over_before=self._started_at):
                log.info("a gap of the history is filled", **_as_json(filled))
        except StorageError as error:
            log.warning("a gap of the history can't be filled", error=str(error), remedy=error.remedy)


@asynccontextmanager
async def pbx_history(
    settings: HistorySettings,
    database: Database,
    outbox: OutboxWriter,
    names: Names,
    started: Started,
    *,
    marker: ActivityMarker,
) -> AsyncIterator[PbxHistory | None]:
    """The history of the PBX's calls, for as long as the block lasts; None where it is not wanted."""
    gaps = StoredGaps(database.reader, database.writer)
    if settings.pbx_calls is None:
        await gaps.forget()
        yield None
        return
    async with writing_pbx_calls(database, outbox, marker) as written:
        calls = PbxCalls(settings.pbx_calls, written.keep, names)
        filling = Filling(settings.fill_from, gaps, written, calls)
        history = PbxHistory(CallEvents(calls, settings.pbx_calls, settings.timezone), written, gaps, filling, started)
        await gaps.begin()
        running = asyncio.create_task(history.run(), name="pbx history")
        try:
            yield history
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            try:
                async with asyncio.timeout(CLOSE_DEADLINE_S):
                    await history.end()
            except (StorageError, TimeoutError) as error:
                log.warning("the moment of the stop can't be kept; the gap will be longer", error=str(error))


def gap_as_json(gap: Gap) -> dict[str, Any]:
    """A gap as programs get it: moments in ISO 8601."""
    return {
        "began_at": gap.began_at.isoformat(),
        "ended_at": gap.ended_at and gap.ended_at.isoformat(),
        "filled": gap.filled,
        "source": gap.source,
    }


def _as_json(filled: Filled) -> dict[str, Any]:
    return {**gap_as_json(filled.gap), "calls": filled.calls}
