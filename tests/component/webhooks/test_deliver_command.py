"""`agi-router webhooks deliver`, a process that only delivers; and a router that does it beside its calls."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import select

from ari_app.domain.notices import NoticeType
from ari_app.domain.webhooks import NoticeFilter
from ari_app.storage.schema import notices
from ari_app.storage.sealing import Sealing
from ari_app.storage.secret_key import secret_key
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from ari_app.storage.subscriptions import StoredSubscriptions
from tests.command import Command
from tests.component.live.test_reload_command import CONFIG, said, started, write
from tests.component.waiting_deliveries import on_record, put
from tests.component.webhooks.rig import Receiver, receiving, to
from tests.patience import PATIENCE_S
from tests.sqlite import make_database

WANTED = NoticeFilter(types=frozenset({NoticeType.CALL_STARTED, NoticeType.WEBHOOK_DISABLED}))
TEXT = CONFIG + "network: {allowed_networks: [127.0.0.0/8]}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "agi-router.yaml"
    write(file, TEXT)
    return file


def of_file(config: Path) -> StorageSettings:
    """The database of this configuration."""
    path = config.with_name("calls.db")
    if not path.exists():
        make_database(path)
    return StorageSettings.at(path)


@asynccontextmanager
async def waiting(settings: StorageSettings, receiver: Receiver, *subjects: str) -> AsyncIterator[Database]:
    """A database in which these wait for this receiver."""
    async with open_database(settings) as database:
        kept = StoredSubscriptions(database.writer, database.reader, Sealing(secret_key(settings)))
        if not await kept.all():
            await kept.add(replace(to(receiver), wanted=WANTED))
        await put(database.writer, "crm", subjects)
        yield database


async def states(settings: StorageSettings) -> list[str]:
    async with open_database(settings) as database:
        return [state for _, state, _ in await on_record(database.reader)]


async def test_it_drains_the_outbox_of_a_file_while_no_router_runs_and_ends_when_told_to(config: Path) -> None:
    async with receiving() as crm:
        async with waiting(of_file(config), crm, "call/1", "call/2", "call/1"):
            pass
        async with started(config, "webhooks", "deliver") as (process, log):
            await said(log, "webhooks are delivered")
            await crm.until(lambda: len(crm.kept) == 3)
            refused = await Command(config)("webhooks", "deliver")
            process.send_signal(signal.SIGTERM)
            await said(log, "no webhooks are delivered any more")
            assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    assert refused.status == 1
    assert f"(process {process.pid}) already serves" in refused.err
    assert await states(of_file(config)) == ["delivered"] * 3


async def test_beside_a_router_with_a_file_it_is_refused(config: Path) -> None:
    async with started(config) as (router, log):
        await said(log, "the router serves")
        refused = await Command(config)("webhooks", "deliver")
    assert refused.status == 1
    assert f"(process {router.pid}) already serves" in refused.err


async def test_a_router_delivers_what_waits_unless_it_is_not_to(config: Path) -> None:
    async with receiving() as crm:
        async with waiting(of_file(config), crm, "call/1"):
            pass
        write(config, TEXT + "webhooks: {deliver: false}\n")
        async with started(config) as (router, log):
            await said(log, "the router serves")
            router.send_signal(signal.SIGTERM)
            await said(log, "the router has stopped")
        assert crm.heard == []
        write(config, TEXT)
        async with started(config) as (router, log):
            await crm.until(lambda: len(crm.kept) == 1)
            router.send_signal(signal.SIGTERM)
            await said(log, "the router has stopped")
    assert await states(of_file(config)) == ["delivered"]


async def test_a_receiver_that_is_gone_is_disabled_in_the_database(config: Path) -> None:
    async with receiving(lambda _id, _count: web.Response(status=410)) as crm:
        crm.url += "?token=t0k3n"
        async with waiting(of_file(config), crm, "call/1"):
            pass
        async with started(config, "webhooks", "deliver") as (process, log):
            await said(log, "a webhook was disabled")
            process.send_signal(signal.SIGTERM)
            await said(log, "no webhooks are delivered any more")
    async with open_database(of_file(config)) as database:
        [kept] = await StoredSubscriptions(database.writer, database.reader, None).all()
        record = await on_record(database.reader)
        async with database.reader.connect() as connection:
            told = (await connection.execute(select(notices.c.data))).scalars().all()
    assert not any("t0k3n" in str(data) for data in told), "other receivers are told of it"
    assert not kept.is_enabled
    assert "answered 410" in kept.disabled_reason
    # It is told that it was disabled as well, once somebody enables it.
    assert [(state, count) for _, state, count in record] == [("pending", 1), ("pending", 0)]


async def test_a_server_s_database_is_delivered_from_beside_its_router(
    config: Path, postgresql: StorageSettings
) -> None:
    at = f"storage: {{url: '{postgresql.url}', folder: {postgresql.folder}}}\n"
    write(config, TEXT.replace("storage: {url: calls.db}\n", at))
    async with receiving() as crm, started(config, "webhooks", "deliver") as (process, log):
        assert "the key" in await said(log, "is missing")
        assert await process.wait() == 1
        async with waiting(postgresql, crm, *(f"call/{number}" for number in range(30))):
            async with (
                started(config, "webhooks", "deliver") as (one, said_by_one),
                started(config, "webhooks", "deliver"),
            ):
                await crm.until(lambda: len(crm.kept) >= 30)
                one.send_signal(signal.SIGTERM)
                await said(said_by_one, "no webhooks are delivered any more")
    assert sorted(set(crm.heard)) == sorted(crm.heard)
