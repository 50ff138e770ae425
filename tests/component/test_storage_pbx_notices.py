"""What others are told of the PBX's own calls: as far as it is known, and each thing once."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from ari_app.domain import events as e
from ari_app.storage.call_log import writing_call_log
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.pbx_calls import PbxCallLog, writing_pbx_calls
from ari_app.storage.schema import notices
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.component.storage_receivers import EVERYTHING, subscribe, waiting
from tests.component.test_storage_pbx_calls import arrived, put, told
from tests.unit.pbx.told import CALL, K, answered_call, at, channel, queued_call


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def outbox(database: Database) -> OutboxWriter:
    made = OutboxWriter(region="US")
    await subscribe(database, made, {"all": EVERYTHING})
    return made


@pytest.fixture
async def written(database: Database, outbox: OutboxWriter) -> AsyncIterator[PbxCallLog]:
    async with writing_pbx_calls(database, outbox) as opened:
        yield opened


async def types(database: Database) -> list[str]:
    return [delivery.type for delivery in await waiting(database)]


async def test_a_call_that_is_written_again_and_again_is_told_once(database: Database, written: PbxCallLog) -> None:
    call = answered_call()
    of_each = []
    for upto in (3, 5, 7, len(call), len(call)):
        await put(written, told(call[:upto], still=upto < len(call)))
        of_each.append(len(await types(database)))
    assert [kind for kind in await types(database) if kind != "call.missed"] == [
        "call.started",
        "call.answered",
        "call.ended",
    ]
    assert of_each[0] == 1
    assert of_each[-1] == of_each[-2]


async def test_the_queue_of_a_call_that_is_over_tells_how_long_it_was_waited_for(
    database: Database, written: PbxCallLog, outbox: OutboxWriter
) -> None:
    bell = outbox.bell
    await put(written, told(queued_call()))
    assert bell.is_set()
    assert {"call.started", "call.missed", "queue.left", "call.ended"} <= set(await types(database))
    assert (await types(database))[0] == "call.started"
    assert (await types(database))[-1] == "call.ended"
    async with database.reader.connect() as connection:
        [row] = (await connection.execute(select(notices).where(notices.c.type == "queue.left"))).mappings()
    assert (row["data"]["queue"], row["data"]["outcome"], row["data"]["answered_by"]) == ("sales", "answered", "78")
    assert row["data"]["call"]["call_id"] == row["call_id"] == f"pbx-{CALL}"
    assert row["about"]["queues"] == ["sales"]


async def test_of_a_call_that_a_table_tells_afterwards_only_the_end_is_news(
    database: Database, written: PbxCallLog
) -> None:
    whole = told(answered_call())
    assert await written.fill([whole]) == 1
    assert await written.fill([whole]) == 0
    assert [kind for kind in await types(database) if kind != "call.missed"] == ["call.ended"]


async def test_a_call_whose_end_nobody_has_seen_is_told_as_over(database: Database, written: PbxCallLog) -> None:
    await put(written, told(answered_call()[:3], still=True))
    await written.close_lost(at(100), at(50))
    assert await types(database) == ["call.started", "call.ended"]


async def test_a_call_that_turns_out_to_be_the_router_s_is_over_where_it_was_begun_to_be_told(
    database: Database, written: PbxCallLog, outbox: OutboxWriter
) -> None:
    line = [channel(0, K.START, "line", number="+14155550177"), channel(21, K.START, "carol")]
    await put(written, told(line, still=True))
    call_id = "20260301T090000-aabbccddeeff"
    async with writing_call_log(database, OutboxWriter()) as log:
        log.write(call_id, arrived(at(0)))
        log.write(call_id, e.SentToDialplan(at=at(20), reason="no_answer"))
    ended = [*line, channel(40, K.HANGUP, "carol", cause=16), channel(40, K.HANGUP, "line", cause=16)]
    await put(written, told([*ended, channel(41, K.LAST, "line")]))
    assert await types(database) == ["call.started", "call.ended"]
    async with database.reader.connect() as connection:
        [row] = (await connection.execute(select(notices).where(notices.c.type == "call.ended"))).mappings()
    assert (row["call_id"], row["data"]["goes_on_in"]) == (f"pbx-{CALL}", call_id)
