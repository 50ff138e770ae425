"""Recordings that have ended are fetched from Asterisk into the store, and then deleted there.

    ended -> fetched piece by piece -> whole in the store -> its row says so -> Asterisk's copy goes

A router that is killed at any arrow goes on from the row when it is back: what is fetched twice takes its own place.
While Asterisk is away, the disk is full or the database down, it is tried again, less and less often.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

import structlog

from ari_app.calls.clock import now
from ari_app.calls.ports import NotFoundError, RefusedError, TelephonyError, UnreachableError
from ari_app.domain import events as e
from ari_app.domain.call_log import CallWriter
from ari_app.domain.events import CallEvent
from ari_app.domain.recordings import RecordingState, RecordingStore, StoredRecording, StoreError
from ari_app.domain.spool import Spool
from ari_app.domain.unavailable import UnavailableError
from ari_app.recordings.journal import RecordingJournal
from ari_app.recordings.wav import ENDING, MEDIA_TYPE, Wav

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
MISSED_TIMES: Final = 3
"""So often Asterisk must say that there is no such file: while it starts it knows none."""

log = structlog.get_logger("agi_router.recordings")


@dataclass(slots=True)
class _Attempts:
    """Of one recording in one state, which is asked for again when it is due, less and less often."""

    due: float = 0.0
    retry_s: float = 0.0
    missed: int = 0

    def put_off(self) -> None:
        """It was in vain."""
        self.retry_s = _longer(self.retry_s)
        self.due = monotonic() + self.retry_s


class Fetching:
    """Fetches what is to be. `settle` has all that calls have told committed; `is_live` knows the calls that go on."""

    def __init__(
        self,
        journal: RecordingJournal,
        spool: Spool,
        store: RecordingStore,
        writer: CallWriter,
        *,
        settle: Callable[[], Awaitable[None]],
        is_live: Callable[[str], bool],
        keep_in_asterisk: bool = False,
    ) -> None:
        self._journal = journal
        self._spool = spool
        self._store = store
        self._writer = writer
        self._settle = settle
        self._is_live = is_live
        self._keep_in_asterisk = keep_in_asterisk
        self._attempts: dict[tuple[str, RecordingState], _Attempts] = {}
        self._bell = asyncio.Event()
        self._stalled_s = 0.0  # as Asterisk is away, or the store takes nothing: this holds for all of them
        self._begun = 0
        self.is_any = True  # that runs, or waits: calls that are not recorded cost nothing

    def witness(self, _call_id: str, event: CallEvent) -> None:
        """Be told of what happens to calls; neither waits nor raises."""
        if isinstance(event, e.RecordingStarted):
            self._begun += 1
            self.is_any = True
        elif self.is_any and isinstance(event, e.RecordingEnded | e.CallEnded):
            self._bell.set()

    async def run(self) -> None:
        """Fetch until cancelled."""
        await self._clear_spool()
        while True:
            self._bell.clear()
            wait_s = await self._round()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._bell.wait()

    async def _round(self) -> float | None:
        """Fetch what is due; in how many seconds something is again, None when nothing waits."""
        begun = self._begun
        await self._settle()
        try:
            waiting = await self._journal.unfetched()
        except UnavailableError as error:
            log.warning("the recordings to be fetched can't be read; it is tried again", error=str(error))
            return LONGEST_RETRY_S
        self.is_any = bool(waiting) or self._begun > begun
        ready = [each for each in waiting if each.state is RecordingState.ENDED or not self._is_live(each.call_id)]
        keys = {(each.id, each.state) for each in ready}
        self._attempts = {key: self._attempts.get(key) or _Attempts() for key in keys}
        for recording in sorted(ready, key=lambda each: self._attempts[each.id, each.state].due):
            attempts = self._attempts[recording.id, recording.state]
            if attempts.due > monotonic():
                continue
            try:
                if await self._fetch(recording, attempts):
                    del self._attempts[recording.id, recording.state]
                else:
                    attempts.put_off()
            except (UnreachableError, StoreError) as error:
                attempts.put_off()  # the next time another one comes first: perhaps that one fits the disk
                return self._stall(recording, error, waiting=len(ready))
            self._stalled_s = 0.0
        return max(0.0, min(due.due for due in self._attempts.values()) - monotonic()) if self._attempts else None

    def _stall(self, recording: StoredRecording, error: UnreachableError | StoreError, waiting: int) -> float:
        """What is wrong is the same for all: they are told of once, and not tried one after the other."""
        self._stalled_s = _longer(self._stalled_s)
        log.warning(
            "recordings can't be fetched; they stay in Asterisk's spool, and are tried again",
            recording=recording.id,
            waiting=waiting,
            error=str(error),
            remedy=error.remedy if isinstance(error, StoreError) else "is Asterisk running? agi-router doctor tells",
            retry_in_s=self._stalled_s,
        )
        return self._stalled_s

    async def _fetch(self, recording: StoredRecording, attempts: _Attempts) -> bool:
        """Whether it need not be tried again. Raises UnreachableError and StoreError."""
        name = recording.id
        try:
            if await self._spool.is_running(name):
                return False
            stored = await self._keep(recording)
        except NotFoundError:
            return await self._missed(recording, attempts)
        except RefusedError as error:
            log.warning(
                "Asterisk does not send a recording; it stays in its spool, and is tried again",
                call=recording.call_id,
                recording=name,
                error=str(error),
                remedy="Asterisk's log tells why",
            )
            return False
        self._writer.write(recording.call_id, stored)
        log.info("a recording is stored", call=recording.call_id, recording=name, size=stored.size)
        if not self._keep_in_asterisk:
            await self._settle()  # until its row says that it is here, Asterisk keeps it
            await self._delete_spooled(name)
        return True

    async def _keep(self, recording: StoredRecording) -> e.RecordingStored:
        """Raises a TelephonyError, NotFoundError when Asterisk has it not, or StoreError."""
        place = place_of(recording)
        async with self._spool.file(recording.id) as file:
            wav = Wav(file.length)
            size, sha256 = await self._store.put(place, wav.passing(file.pieces))
        return e.RecordingStored(
            at=now(),
            name=recording.id,
            place=place,
            size=size,
            sha256=sha256,
            media_type=MEDIA_TYPE,
            seconds=None if wav.seconds is None else round(wav.seconds, 3),
        )

    async def _missed(self, recording: StoredRecording, attempts: _Attempts) -> bool:
        """Asterisk has no such file. While it starts it answers so, too, and then it can't tell what it has."""
        try:
            if recording.id in await self._spool.names():
                return False
        except TelephonyError:
            return False
        attempts.missed += 1
        if attempts.missed < MISSED_TIMES:
            return False
        failed = e.RecordingFailed(
            at=now(),
            name=recording.id,
            code="recording_lost",
            detail=f"Asterisk has no recording {recording.id}",
            remedy="nobody may have been heard in it; else look whether somebody deletes from Asterisk's spool",
        )
        self._writer.write(recording.call_id, failed)
        log.error("a recording is lost", call=recording.call_id, recording=recording.id, reason=failed.detail)
        return True

    async def _clear_spool(self) -> None:
        """What was fetched by a router that was killed before it could delete it there."""
        if self._keep_in_asterisk:
            return
        try:
            for name in await self._journal.fetched(await self._spool.names()):
                await self._delete_spooled(name)
        except (TelephonyError, UnavailableError) as error:
            log.info("Asterisk's spool was not looked through for recordings that are fetched", error=str(error))

    async def _delete_spooled(self, name: str) -> None:
        try:
            await self._spool.delete(name)
        except TelephonyError as error:
            log.warning("a fetched recording stays in Asterisk's spool until the next start", error=str(error))


def _longer(retry_s: float) -> float:
    return min(retry_s * 2, LONGEST_RETRY_S) or FIRST_RETRY_S


def place_of(recording: StoredRecording) -> str:
    """Where the store keeps it: by the day (UTC) on which it began."""
    return f"{recording.started_at:%Y/%m/%d}/{recording.id}.{ENDING}"
