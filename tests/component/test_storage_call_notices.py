"""What calls tell others is on the disk with the call, or not at all."""

import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event as listening
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain import events as e
from ari_app.domain.notices import NoticeType
from ari_app.domain.webhooks import NoticeFilter
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.schema import call_events, notices
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from ari_app.wire.calls import CallWithParts
from tests.component.killed import start_module
from tests.component.storage_events import answered_call, arrived, at, late_leg_end
from tests.component.storage_receivers import EVERYTHING, subscribe, waiting
from tests.sqlite import make_database

TOLD = ["started", "routed", "ringing", "answered", "ended"]
"""Of the answered call, in whose team nobody else was rung."""


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
def outbox() -> OutboxWriter:
    return OutboxWriter(region="US")


@pytest.fixture
async def call_log(database: Database, outbox: OutboxWriter) -> AsyncIterator[CallLog]:
    async with writing_call_log(database, outbox) as opened:
        yield opened


async def tell(call_log: CallLog, call_id: str, *happened: e.CallEvent) -> None:
    for event in happened:
        call_log.write(call_id, event)
    await call_log.flush()


async def told(database: Database, to: str = "all") -> list[str]:
    return [delivery.type.removeprefix("call.") for delivery in await waiting(database) if delivery.to == to]


async def test_each_who_wants_it_is_told_of_a_call_from_its_start_to_its_end(
    database: Database, outbox: OutboxWriter, call_log: CallLog
) -> None:
    only_ended = NoticeFilter(types=frozenset({NoticeType.CALL_ENDED}))
    await subscribe(database, outbox, {"all": EVERYTHING, "ends": only_ended})
    await tell(call_log, "call-1", *answered_call(), late_leg_end())
    assert await told(database) == TOLD
    assert await told(database, "ends") == ["ended"]


async def test_a_notice_has_the_call_as_the_rest_api_answers_with_it(
    database: Database, outbox: OutboxWriter, call_log: CallLog
) -> None:
    await subscribe(database, outbox, {"all": EVERYTHING})
    await tell(call_log, "call-1", *answered_call())
    async with database.reader.connect() as connection:
        query = select(notices).where(notices.c.type == "call.ended")
        [row] = (await connection.execute(query)).mappings()
    record = await call_log.record("call-1")
    assert record is not None
    assert row["data"] == {"call": CallWithParts.of(record, await call_log.parts("call-1")).model_dump(mode="json")}
    assert (row["subject"], row["call_id"], row["at"]) == ("call/call-1", "call-1", at(12.51))
    assert row["about"]["numbers"] == ["+14155550100", "+14155550177"]


async def test_who_subscribes_during_a_call_is_told_what_comes_and_nothing_of_before(
    database: Database, outbox: OutboxWriter, call_log: CallLog
) -> None:
    await tell(call_log, "call-1", *answered_call()[:9])
    await subscribe(database, outbox, {"all": EVERYTHING})
    await tell(call_log, "call-1", *answered_call()[9:])
    assert await told(database) == ["answered", "ended"]
    outbox.receivers.know({})
    await tell(call_log, "call-2", *answered_call())
    assert await told(database) == ["answered", "ended"]


@pytest.mark.parametrize("cut", range(1, len(answered_call())))
async def test_a_call_is_told_the_same_over_a_restart_in_its_middle(sqlite: StorageSettings, cut: int) -> None:
    make_database(sqlite.path)
    outbox = OutboxWriter()
    async with open_database(sqlite) as database:
        await subscribe(database, outbox, {"all": EVERYTHING})
        async with writing_call_log(database, outbox) as call_log:
            await tell(call_log, "call-1", *answered_call()[:cut])
        async with writing_call_log(database, outbox) as call_log:
            await tell(call_log, "call-1", *answered_call()[cut:])
        assert await told(database) == TOLD


async def test_while_nobody_listens_a_commit_does_what_it_did_before(
    database: Database, outbox: OutboxWriter, call_log: CallLog
) -> None:
    statements: list[str] = []
    listening.listen(
        database.writer.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: statements.append(statement),
    )
    bell = outbox.bell
    await tell(call_log, "call-1", *answered_call())
    assert statements
    assert not [statement for statement in statements if "notices" in statement or "webhook" in statement]
    assert not bell.is_set()


async def test_the_bell_rings_after_a_commit_that_somebody_is_told_of(
    database: Database, outbox: OutboxWriter, call_log: CallLog
) -> None:
    await subscribe(database, outbox, {"all": EVERYTHING})
    bell = outbox.bell
    await tell(call_log, "call-1", arrived())
    assert bell.is_set()
    bell = outbox.bell
    await tell(call_log, "call-1", e.LegProgressed(at=at(1), leg="leg-1"))
    assert not bell.is_set()


@pytest.mark.parametrize("is_done", [False, True])
async def test_a_commit_that_fails_leaves_neither_and_repeated_no_twins(
    database: Database, outbox: OutboxWriter, call_log: CallLog, monkeypatch: pytest.MonkeyPatch, is_done: bool
) -> None:
    """It fails before it is done, or breaks between its being done and the word of it."""
    await subscribe(database, outbox, {"all": EVERYTHING})
    begin = AsyncEngine.begin
    seen: list[int] = []

    @asynccontextmanager
    async def broken(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        if seen:
            async with begin(engine) as connection:
                count = select(func.count()).select_from(notices)
                seen.append((await connection.execute(count)).scalar_one())
                yield connection
            return
        seen.append(-1)
        async with begin(engine) as connection:
            yield connection
            if not is_done:
                raise OperationalError("COMMIT", None, OSError("the disk is full"))
        raise OperationalError("COMMIT", None, OSError("connection reset"))

    monkeypatch.setattr(AsyncEngine, "begin", broken)
    bell = outbox.bell
    await tell(call_log, "call-1", *answered_call())
    assert seen[:2] == [-1, len(TOLD) if is_done else 0]
    assert bell.is_set()
    assert await told(database) == TOLD
    assert len({delivery.notice for delivery in await waiting(database)}) == len(TOLD)


async def test_a_killed_process_has_told_of_each_call_that_is_on_record(sqlite: StorageSettings) -> None:
    writer, printed = await start_module("tests.component.storage_killed_writer", str(sqlite.path), "subscribed")
    for _ in range(10):
        await printed.readline()
    writer.send_signal(signal.SIGKILL)
    await printed.read()
    assert await writer.wait() == -signal.SIGKILL
    async with open_database(sqlite) as database:
        async with database.reader.connect() as connection:
            on_record = set((await connection.execute(select(call_events.c.call_id))).scalars())
        started = Counter(delivery.notice for delivery in await waiting(database) if delivery.type == "call.started")
    assert len(on_record) >= 10 * 7 // 3
    assert started == Counter(f"{call_id}-1-started" for call_id in on_record)
