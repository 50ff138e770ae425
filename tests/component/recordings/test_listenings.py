"""Who has heard a recording, and pages of recordings, in a real database of either kind."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.domain.history import HistoryError, Order, Paging, Period
from ari_app.domain.recordings import Listening, RecordingFilter, RecordingKind, RecordingState, StoredRecording
from ari_app.storage.listenings import Listenings, writing_listenings
from ari_app.storage.recording_reader import RecordingPages
from ari_app.storage.recordings import RecordingRows
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RECORDING = StoredRecording(
    id="r1", call_id="c1", kind=RecordingKind.CALL, state=RecordingState.STORED, started_at=AT, place="r1.wav"
)
HEARD = Listening(recording_id="r1", at=AT, key="crm", address="192.0.2.9", first_byte=44, sent=5_000_000_000)


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def listenings(database: Database) -> AsyncIterator[Listenings]:
    async with writing_listenings(database) as writing:
        yield writing


async def test_listenings_are_told_the_newest_first(database: Database, listenings: Listenings) -> None:
    await RecordingRows(database).put(RECORDING)
    later = replace(HEARD, at=AT + timedelta(seconds=1), key="", link="ticket-1", first_byte=0)
    for each in (HEARD, later, later):
        listenings.note(each)
    await listenings.flush()
    pages = RecordingPages(database.reader)
    assert await pages.listenings("r1", 0, 10) == ([later, later, HEARD], 3)
    assert await pages.listenings("r1", 2, 10) == ([HEARD], 3)
    assert await pages.listenings("r2", 0, 10) == ([], 0)


async def test_a_listening_of_a_recording_that_is_forgotten_holds_up_no_other(
    database: Database, listenings: Listenings
) -> None:
    rows = RecordingRows(database)
    await rows.put(RECORDING)
    listenings.note(replace(HEARD, recording_id="gone"))
    listenings.note(HEARD)
    await listenings.flush()
    pages = RecordingPages(database.reader)
    assert await pages.listenings("r1", 0, 10) == ([HEARD], 1)
    await rows.forget(["r1"])
    assert await pages.listenings("r1", 0, 10) == ([], 0)


@pytest.mark.parametrize("order", Order)
async def test_a_page_leads_to_the_next_one_in_either_order(database: Database, order: Order) -> None:
    rows, pages = RecordingRows(database), RecordingPages(database.reader)
    ids = [f"r{number}" for number in range(5)]
    for number, each in enumerate(ids):
        await rows.put(replace(RECORDING, id=each, started_at=AT + timedelta(seconds=number // 2)))
    wanted = RecordingFilter(period=Period(AT, AT + timedelta(seconds=10)), kinds=(RecordingKind.CALL,))
    found, cursor = list[str](), ""
    while True:
        page = await pages.page(wanted, Paging(order=order, limit=2, cursor=cursor))
        assert page.total == 5
        found += [each.id for each in page.items]
        if page.next is None:
            break
        cursor = page.next
    assert found == (ids if order is Order.OLDEST_FIRST else ids[::-1])
    with pytest.raises(HistoryError, match="another question"):
        await pages.page(RecordingFilter(), Paging(order=order, limit=2, cursor=cursor))
