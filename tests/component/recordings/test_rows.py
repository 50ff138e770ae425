"""The rows of recordings, in a real database of either kind: they follow from the events of their calls."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.domain import events as e
from ari_app.domain.recordings import RecordingKind, RecordingState, StoredRecording
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.recordings import RecordingRows
from ari_app.storage.retention import delete_calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CALL = "20261121T120000-9f3a2c1b77aa"


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def log(database: Database) -> AsyncIterator[CallLog]:
    async with writing_call_log(database) as writing:
        yield writing


def started(number: int = 1, seconds: int = 0) -> e.RecordingStarted:
    name = f"{CALL}-{number}"
    return e.RecordingStarted(at=AT + timedelta(seconds=seconds), name=name, file=f"{name}.wav", by="route")


def stored(number: int = 1) -> e.RecordingStored:
    return e.RecordingStored(
        at=AT + timedelta(seconds=61),
        name=f"{CALL}-{number}",
        place=f"2026/11/21/{CALL}-{number}.wav",
        size=960_044,
        sha256="ab" * 32,
        media_type="audio/wav",
        seconds=60.0,
    )


async def test_a_recording_runs_ends_and_is_stored(database: Database, log: CallLog) -> None:
    rows = RecordingRows(database)
    log.write(CALL, started())
    await log.flush()
    running = StoredRecording(
        id=f"{CALL}-1", call_id=CALL, kind=RecordingKind.CALL, state=RecordingState.RUNNING, started_at=AT
    )
    assert await rows.get(f"{CALL}-1") == running
    assert list(await rows.unfetched()) == [running]
    log.write(CALL, e.RecordingEnded(at=AT + timedelta(minutes=1), name=f"{CALL}-1"))
    await log.flush()
    (ended,) = await rows.unfetched()
    assert (ended.state, ended.ended_at) == (RecordingState.ENDED, AT + timedelta(minutes=1))
    log.write(CALL, stored())
    await log.flush()
    (kept,) = await rows.of_call(CALL)
    assert (kept.state, kept.place, kept.size, kept.sha256, kept.seconds, kept.media_type) == (
        RecordingState.STORED,
        f"2026/11/21/{CALL}-1.wav",
        960_044,
        "ab" * 32,
        60.0,
        "audio/wav",
    )
    assert await rows.unfetched() == []


async def test_one_that_asterisk_does_not_have_is_lost_with_the_reason(database: Database, log: CallLog) -> None:
    rows = RecordingRows(database)
    log.write(CALL, started())
    log.write(CALL, e.RecordingFailed(at=AT, name=f"{CALL}-1", code="lost", detail="it is gone", remedy="look"))
    log.write(CALL, e.RecordingFailed(at=AT, code="sound_unplayable", detail="no such sound", remedy="put it there"))
    await log.flush()
    (lost,) = await rows.of_call(CALL)
    assert (lost.state, lost.reason) == (RecordingState.LOST, "it is gone")
    assert await rows.unfetched() == []


async def test_an_end_that_is_told_after_it_was_stored_or_deleted_changes_no_state(
    database: Database, log: CallLog
) -> None:
    rows = RecordingRows(database)
    for event in (started(), stored(), e.RecordingEnded(at=AT + timedelta(minutes=2), name=f"{CALL}-1")):
        log.write(CALL, event)
    await log.flush()
    (kept,) = await rows.of_call(CALL)
    assert (kept.state, kept.ended_at) == (RecordingState.STORED, AT + timedelta(minutes=2))
    await rows.mark_deleted(kept.id, "after 30 days")
    log.write(CALL, stored())
    await log.flush()
    (gone,) = await rows.of_call(CALL)
    assert (gone.state, gone.reason) == (RecordingState.DELETED, "after 30 days")


async def test_only_what_is_stored_grows_old(database: Database, log: CallLog) -> None:
    rows = RecordingRows(database)
    for number in (1, 2):
        log.write(CALL, started(number))
    log.write(CALL, stored(1))
    await log.flush()
    assert await rows.stored_before(AT, 10) == []
    assert [row.id for row in await rows.stored_before(AT + timedelta(seconds=1), 10)] == [f"{CALL}-1"]
    await rows.forget([f"{CALL}-1"])
    assert await rows.get(f"{CALL}-1") is None


async def test_what_outlives_its_call_and_what_asterisk_need_not_have_is_found(
    database: Database, log: CallLog
) -> None:
    rows = RecordingRows(database)
    for number in (1, 2):
        log.write(CALL, started(number))
    log.write(CALL, stored(1))
    await log.flush()
    assert await rows.fetched([f"{CALL}-1", f"{CALL}-2", "another", *map(str, range(1000))]) == {f"{CALL}-1"}
    assert await rows.without_call(10) == []
    async with database.writer.begin() as connection:
        await delete_calls(connection, [CALL])
    assert [row.id for row in await rows.without_call(10)] == [f"{CALL}-1", f"{CALL}-2"]
    assert len(await rows.without_call(1)) == 1
