"""Recordings come from Asterisk into the store: over real HTTP, into a real folder and a real database."""

import asyncio
import hashlib
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ari_app.asterisk.spool import AriSpool
from ari_app.domain import events as e
from ari_app.domain.recordings import RecordingState, StoredRecording
from ari_app.live.erasing import Erasing
from ari_app.recordings import fetching as fetching_module
from ari_app.recordings.fetching import Fetching
from ari_app.recordings.folder import FolderStore
from ari_app.recordings.keeping import Keeping
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.recordings import RecordingRows
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.recordings.spooler import Spooler, spooling, wav
from tests.component.storage_events import arrived, at
from tests.patience import PATIENCE_S
from tests.sqlite import make_database

CALL = "20261121T120000-9f3a2c1b77aa"
NAME = f"{CALL}-1"
PLACE = f"2026/11/21/{NAME}.wav"


@dataclass
class Rig:
    spooler: Spooler
    spool: AriSpool
    log: CallLog
    rows: RecordingRows
    folder: Path
    eraser: StoredEraser
    live: set[str]
    settled: int = 0

    def tell(self, *events: e.CallEvent) -> None:
        for event in events:
            self.log.write(CALL, event)

    async def recorded(self, seconds: float = 1.0, *, ended: bool = True) -> None:
        """A call was recorded; its file is in the spool."""
        self.spooler.files[NAME] = wav(seconds)
        began = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        self.tell(arrived(0, "+14155550177"), e.RecordingStarted(at=began, name=NAME, file=f"{NAME}.wav", by="route"))
        if ended:
            self.tell(e.RecordingEnded(at=at(5), name=NAME), e.CallEnded(at=at(5), by="caller", cause=16))
        await self.log.flush()

    async def row(self) -> StoredRecording:
        found = await self.rows.get(NAME)
        assert found is not None
        return found

    async def until(self, state: RecordingState) -> StoredRecording:
        async with asyncio.timeout(PATIENCE_S):
            while (row := await self.row()).state is not state:
                await asyncio.sleep(0.01)
        return row

    async def settle(self) -> None:
        self.settled += 1
        await self.log.flush()

    def fetching(self, *, keep_in_asterisk: bool = False) -> Fetching:
        return Fetching(
            self.rows,
            self.spool,
            FolderStore(self.folder),
            self.log,
            settle=self.settle,
            is_live=self.live.__contains__,
            keep_in_asterisk=keep_in_asterisk,
        )

    @asynccontextmanager
    async def fetched(self, *, keep_in_asterisk: bool = False) -> AsyncIterator[Fetching]:
        fetching = self.fetching(keep_in_asterisk=keep_in_asterisk)
        task = asyncio.create_task(fetching.run())
        try:
            yield fetching
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching_module, "FIRST_RETRY_S", 0.02)
    monkeypatch.setattr(fetching_module, "LONGEST_RETRY_S", 0.05)


@pytest.fixture
async def rig(sqlite: StorageSettings, tmp_path: Path) -> AsyncIterator[Rig]:
    make_database(sqlite.path)
    async with open_database(sqlite) as database, writing_call_log(database) as log, spooling() as (spooler, spool):
        rows = RecordingRows(database)
        yield Rig(spooler, spool, log, rows, tmp_path / "recordings", StoredEraser(database), set())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_an_ended_recording_is_stored_and_asterisks_copy_goes(rig: Rig) -> None:
    await rig.recorded(1.5)
    content = rig.spooler.files[NAME]
    async with rig.fetched():
        row = await rig.until(RecordingState.STORED)
        await until(lambda: not rig.spooler.files)
    assert (rig.folder / PLACE).read_bytes() == content
    assert (row.place, row.size, row.sha256, row.seconds) == (PLACE, 24_044, hashlib.sha256(content).hexdigest(), 1.5)


async def test_asterisks_copy_may_stay(rig: Rig) -> None:
    await rig.recorded()
    async with rig.fetched(keep_in_asterisk=True):
        await rig.until(RecordingState.STORED)
    async with rig.fetched(keep_in_asterisk=True):
        await rig.log.flush()
    assert NAME in rig.spooler.files
    assert not any(asked.startswith("DELETE") for asked in rig.spooler.asked)


async def test_a_call_that_goes_on_is_not_touched_until_its_recording_ends(rig: Rig) -> None:
    await rig.recorded(ended=False)
    rig.live.add(CALL)
    other = f"{CALL[:-1]}b-1"
    rig.spooler.files[other] = wav(1)
    rig.log.write(other[:-2], e.RecordingStarted(at=at(1), name=other, file=f"{other}.wav"))
    async with rig.fetched() as fetching:
        await until(lambda: other not in rig.spooler.files)
        assert not any(NAME in asked for asked in rig.spooler.asked)
        ended = e.RecordingEnded(at=at(5), name=NAME)
        rig.tell(ended)
        fetching.witness(CALL, ended)
        await rig.until(RecordingState.STORED)


async def test_calls_are_committed_in_a_hurry_only_while_one_is_recorded(rig: Rig) -> None:
    ended = e.CallEnded(at=at(5), by="caller", cause=16)
    async with rig.fetched() as fetching:
        await until(lambda: rig.settled == 1 and not fetching.is_any)
        fetching.witness(CALL, ended)
        for _ in range(10):  # it looks at once, or not at all
            await asyncio.sleep(0)
        assert rig.settled == 1
        fetching.witness(CALL, e.RecordingStarted(at=at(6), name=NAME, file=f"{NAME}.wav"))
        fetching.witness(CALL, ended)
        await until(lambda: rig.settled == 2)


async def test_one_whose_router_was_killed_is_fetched_when_asterisk_has_ended_it(rig: Rig) -> None:
    await rig.recorded(ended=False)
    rig.spooler.running.add(NAME)
    async with rig.fetched():
        await until(lambda: rig.spooler.asked.count(f"GET live/{NAME}") > 2)
        assert (await rig.row()).state is RecordingState.RUNNING
        rig.spooler.running.clear()
        await rig.until(RecordingState.STORED)


async def test_a_stream_that_breaks_off_leaves_nothing_half_and_is_fetched_anew(rig: Rig) -> None:
    await rig.recorded(3)
    rig.spooler.cut = True
    async with rig.fetched():
        row = await rig.until(RecordingState.STORED)
    assert row.size == (rig.folder / PLACE).stat().st_size == 48_044
    assert [path.name for path in rig.folder.rglob("*") if path.is_file()] == [f"{NAME}.wav"]


async def test_an_asterisk_that_is_away_or_starts_loses_no_recording(rig: Rig) -> None:
    await rig.recorded()
    rig.spooler.failing = [503, 404, 404, 404, 503, 404, 500, 500]
    async with rig.fetched():
        await rig.until(RecordingState.STORED)


async def test_one_that_asterisk_does_not_have_is_lost_and_its_reason_told(rig: Rig) -> None:
    await rig.recorded()
    rig.spooler.files.clear()
    async with rig.fetched():
        row = await rig.until(RecordingState.LOST)
    assert "Asterisk has no recording" in row.reason
    (failed,) = [event for event in await rig.log.trace(CALL) if isinstance(event, e.RecordingFailed)]
    assert (failed.name, failed.code) == (NAME, "recording_lost")


async def test_one_that_asterisk_does_not_know_at_once_is_not_lost(rig: Rig) -> None:
    await rig.recorded()
    content = rig.spooler.files.pop(NAME)
    async with rig.fetched():
        await until(lambda: rig.spooler.asked.count(f"GET stored/{NAME}/file") == 2)
        rig.spooler.files[NAME] = content
        await rig.until(RecordingState.STORED)


async def test_asterisk_keeps_it_until_its_row_says_that_it_is_stored(rig: Rig) -> None:
    await rig.recorded()
    states: list[RecordingState] = []

    async def look() -> None:
        states.append((await rig.row()).state)

    rig.spooler.deleting = look
    async with rig.fetched():
        await until(lambda: not rig.spooler.files)
    assert states == [RecordingState.STORED]


async def test_a_full_disk_keeps_it_in_the_spool_until_there_is_room(rig: Rig) -> None:
    await rig.recorded(60)  # larger than what SQLite writes
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, hard))
    try:
        async with rig.fetched():
            await until(lambda: rig.spooler.asked.count(f"GET stored/{NAME}/file") > 2)
            assert (await rig.row()).state is RecordingState.ENDED
            assert NAME in rig.spooler.files
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            await rig.until(RecordingState.STORED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (rig.folder / PLACE).stat().st_size == 960_044


async def test_what_is_wrong_for_all_is_told_once_and_one_that_fits_no_disk_keeps_no_other_back(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    await rig.recorded(60)
    other = f"{CALL[:-1]}b-1"
    rig.spooler.files[other] = wav(1)
    later = datetime(2026, 11, 21, 12, 1, tzinfo=UTC)
    rig.log.write(other[:-2], e.RecordingStarted(at=later, name=other, file=f"{other}.wav"))
    await rig.log.flush()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, hard))
    try:
        async with rig.fetched():
            await until(lambda: other not in rig.spooler.files)
            asked = [asked for asked in rig.spooler.asked if asked.endswith("/file")]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert asked[:2] == [f"GET stored/{NAME}/file", f"GET stored/{other}/file"]
    assert (await rig.row()).state is RecordingState.ENDED
    assert "make room there" in capsys.readouterr().out


async def test_what_was_stored_before_a_kill_is_deleted_from_asterisk_by_the_next_router(rig: Rig) -> None:
    await rig.recorded()
    async with rig.fetched(keep_in_asterisk=True):
        await rig.until(RecordingState.STORED)
    rig.spooler.files["of-somebody-else"] = wav(1)
    async with rig.fetched():
        await until(lambda: list(rig.spooler.files) == ["of-somebody-else"])


async def test_a_header_that_asterisk_did_not_complete_is_put_right(rig: Rig) -> None:
    await rig.recorded()
    rig.spooler.files[NAME] = wav(2, told=False)
    async with rig.fetched():
        row = await rig.until(RecordingState.STORED)
    assert (rig.folder / PLACE).read_bytes() == wav(2)
    assert row.seconds == 2.0


async def test_old_recordings_go_and_leave_a_row(rig: Rig) -> None:
    await rig.recorded()
    async with rig.fetched():
        await rig.until(RecordingState.STORED)
    keeping = Keeping(rig.rows, FolderStore(rig.folder), rig.spool, keep_days=30)
    began = (await rig.row()).started_at
    await keeping.once(began + timedelta(days=30))
    assert (rig.folder / PLACE).exists()
    await keeping.once(began + timedelta(days=30, seconds=1))
    row = await rig.row()
    assert (row.state, row.reason) == (RecordingState.DELETED, "older than 30 days")
    assert not (rig.folder / PLACE).exists()


async def test_who_has_a_number_erased_has_its_recordings_erased_wherever_they_are(rig: Rig) -> None:
    await rig.recorded()
    async with rig.fetched(keep_in_asterisk=True):
        await rig.until(RecordingState.STORED)
    keeping = Keeping(rig.rows, FolderStore(rig.folder), rig.spool)
    erasing = Erasing(rig.eraser, rig.log.flush, lambda: "US", keeping.forget_orphans)
    assert (await erasing.erase("+14155550188")).recordings == 0
    assert (rig.folder / PLACE).exists()
    erased = await erasing.erase("+14155550177")
    assert (erased.calls, erased.recordings) == (1, 1)
    assert await rig.rows.get(NAME) is None
    assert not (rig.folder / PLACE).exists()
    assert not rig.spooler.files


async def test_what_asterisk_still_has_of_an_erased_call_is_remembered_until_it_is_gone(rig: Rig) -> None:
    await rig.recorded()
    keeping = Keeping(rig.rows, FolderStore(rig.folder), rig.spool)
    await rig.eraser.erase(("+14155550177",))
    rig.spooler.failing = [503]
    assert await keeping.forget_orphans() == 0
    assert await keeping.forget_orphans() == 1
    assert not rig.spooler.files
