"""A gap is filled from Asterisk's own table, which also has what the router has heard itself."""

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest_asyncio

from ari_app.calls.pbx_calls import PbxCalls, Source
from ari_app.domain.history import EVERY_CALL, Paging
from ari_app.domain.pbx_events import ChannelEvent
from ari_app.domain.record import CallRecord
from ari_app.live.filling import Filling
from ari_app.storage.fill_settings import FillSettings
from ari_app.storage.gaps import StoredGaps
from ari_app.storage.history import StoredHistory
from ari_app.storage.pbx_calls import PbxCallLog, writing_pbx_calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.component.test_storage_fill import Made
from tests.unit.pbx.told import NAMES, SECOND, answered_call, at


@pytest_asyncio.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as database:
        yield database


@pytest_asyncio.fixture
async def table(settings: StorageSettings) -> FillSettings:
    """Asterisk's, in which `answered_call` is, in whole seconds."""
    rows = [
        {
            "eventtype": event.kind.value,
            "eventtime": event.at.replace(tzinfo=None),
            "channame": event.channel,
            "uniqueid": event.uniqueid,
            "linkedid": event.linkedid,
            "peer": event.peer,
        }
        for event in answered_call()
        if isinstance(event, ChannelEvent)
    ]
    await Made(settings.url).table("cel", rows, "texts")
    return FillSettings(url=settings.url, table="cel", name="cel", timezone=ZoneInfo("UTC"))


async def filled(database: Database, table: FillSettings, written: PbxCallLog, heard: PbxCalls) -> int:
    """How many calls were found of a gap that ended just before `answered_call`."""
    gaps = StoredGaps(database.reader, database.writer)
    await gaps.begin(at(-20))
    await gaps.end(at(-1))
    (gap,) = await Filling(table, gaps, written, heard).fill()
    return gap.calls


async def only(database: Database) -> CallRecord:
    (call,) = (await StoredHistory(database.reader).calls(EVERY_CALL, Paging())).items
    return call


async def test_a_call_that_the_router_hears_itself_is_told_by_nobody_else(
    database: Database, table: FillSettings
) -> None:
    async with writing_pbx_calls(database) as written:
        heard = PbxCalls(Source.CEL, written.keep, NAMES)
        for event in answered_call():
            heard.take(event)  # it is over, and waits for what its queue may still tell
        assert await filled(database, table, written, heard) == 0
        heard.close_over()
    assert (await only(database)).started_at == at(0)


async def test_a_call_of_which_the_router_may_have_missed_something_is_filled_in(
    database: Database, table: FillSettings
) -> None:
    async with writing_pbx_calls(database) as written:
        heard = PbxCalls(Source.CEL, written.keep, NAMES)
        for event in answered_call():
            heard.take(event)
        heard.may_have_missed()
        assert await filled(database, table, written, heard) == 1
        heard.close_over()
    assert (await only(database)).started_at == SECOND
