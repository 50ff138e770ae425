"""What parts other than calls tell is written behind, and waits for all who want it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError

from ari_app.domain.notices import NoticeType
from ari_app.domain.webhooks import NoticeFilter
from ari_app.storage import write_behind
from ari_app.storage.outbox import OutboxWriter, StoredNotices, writing_notices
from ari_app.storage.schema import notices, webhook_deliveries, webhook_subscriptions
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.component.storage_receivers import EVERYTHING, device_notice, subscribe, waiting
from tests.patience import PATIENCE_S


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
def outbox() -> OutboxWriter:
    return OutboxWriter()


@pytest.fixture
async def told(database: Database, outbox: OutboxWriter) -> AsyncIterator[StoredNotices]:
    async with writing_notices(database, outbox) as opened:
        yield opened


async def test_a_notice_waits_once_for_each_who_wants_it(
    database: Database, outbox: OutboxWriter, told: StoredNotices
) -> None:
    only_offline = NoticeFilter(types=frozenset({NoticeType.DEVICE_OFFLINE}))
    await subscribe(database, outbox, {"all": EVERYTHING, "offline": only_offline})
    told.tell(device_notice(1))
    told.tell(device_notice(2, NoticeType.DEVICE_OFFLINE))
    await told.flush()
    told.tell(device_notice(1))
    await told.flush()
    assert await waiting(database) == [
        ("all", "device-1", "device.online"),
        ("all", "device-2", "device.offline"),
        ("offline", "device-2", "device.offline"),
    ]


async def test_what_nobody_wants_is_not_written(database: Database, outbox: OutboxWriter, told: StoredNotices) -> None:
    await subscribe(database, outbox, {"offline": NoticeFilter(types=frozenset({NoticeType.DEVICE_OFFLINE}))})
    told.tell(device_notice(1))
    await told.flush()
    async with database.reader.connect() as connection:
        assert (await connection.execute(select(notices.c.id))).all() == []


async def test_the_bell_rings_once_deliveries_can_be_read(
    database: Database, outbox: OutboxWriter, told: StoredNotices
) -> None:
    await subscribe(database, outbox, {"all": EVERYTHING})
    bell = outbox.bell
    told.tell(device_notice(1))
    await bell.wait()
    assert [delivery.notice for delivery in await waiting(database)] == ["device-1"]
    assert not outbox.bell.is_set()


async def test_a_receiver_that_is_gone_meanwhile_stops_nobody_elses_notices(
    database: Database, outbox: OutboxWriter, told: StoredNotices
) -> None:
    await subscribe(database, outbox, {"gone": EVERYTHING, "stays": EVERYTHING})
    async with database.writer.begin() as connection:
        await connection.execute(delete(webhook_subscriptions).where(webhook_subscriptions.c.id == "gone"))
    told.tell(device_notice(1))
    await told.flush()
    assert [delivery.to for delivery in await waiting(database)] == ["stays"]


async def test_a_database_that_fails_for_a_while_loses_nothing_and_makes_no_twins(
    database: Database, outbox: OutboxWriter, told: StoredNotices, monkeypatch: pytest.MonkeyPatch
) -> None:
    await subscribe(database, outbox, {"all": EVERYTHING})
    monkeypatch.setattr(write_behind, "RETRY_S", 0.01)
    put, failures = outbox.put, iter(["before", "after"])

    async def failing(*arguments: object) -> bool:
        match next(failures, None):
            case "before":
                raise OperationalError("INSERT", {}, Exception("the disk is full"))
            case "after":
                await put(*arguments)  # type: ignore[arg-type]
                raise OperationalError("COMMIT", {}, Exception("the server went away"))
            case _:
                return await put(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox, "put", failing)
    for number in range(3):
        told.tell(device_notice(number))
    await told.flush()
    assert [delivery.notice for delivery in await waiting(database)] == ["device-0", "device-1", "device-2"]


async def test_a_notice_that_no_database_can_hold_is_left_out_and_all_others_are_kept(
    database: Database, outbox: OutboxWriter, told: StoredNotices
) -> None:
    await subscribe(database, outbox, {"all": EVERYTHING})
    naive = device_notice(2)
    told.tell(device_notice(1))
    told.tell(replace(naive, at=naive.at.replace(tzinfo=None)))
    told.tell(device_notice(3))
    async with asyncio.timeout(PATIENCE_S):
        await told.flush()
    assert [delivery.notice for delivery in await waiting(database)] == ["device-1", "device-3"]


async def test_half_a_character_in_a_notice_is_replaced(
    database: Database, outbox: OutboxWriter, told: StoredNotices
) -> None:
    await subscribe(database, outbox, {"all": EVERYTHING})
    told.tell(replace(device_notice(1), data={"name": "a\ud800\0"}))
    await told.flush()
    async with database.reader.connect() as connection:
        [data] = (await connection.execute(select(notices.c.data))).scalars()
        [state] = (await connection.execute(select(webhook_deliveries.c.state))).scalars()
    assert data == {"name": "a?\N{REPLACEMENT CHARACTER}"}
    assert state == "pending"


async def test_what_is_no_json_raises_nothing_and_stops_nothing(
    database: Database, outbox: OutboxWriter, told: StoredNotices
) -> None:
    await subscribe(database, outbox, {"all": EVERYTHING})
    told.tell(replace(device_notice(1), data={"when": object()}))
    told.tell(device_notice(2))
    await told.flush()
    assert [delivery.notice for delivery in await waiting(database)] == ["device-2"]
