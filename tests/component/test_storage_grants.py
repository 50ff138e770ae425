"""OAuth grants in a real database: kept over a restart, never waited for, and left alone beside a running router."""

import asyncio

import pytest

from agi_router.lookup.grants import ShortMemory
from agi_router.routing.errors import RoutingError
from ari_app.storage import grants as stored
from ari_app.storage.grants import grants_for_command, writing_grants
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.locking import writing_beside


async def test_the_newest_grant_is_there_at_once_and_after_a_restart(settings: StorageSettings) -> None:
    async with open_database(settings) as database, writing_grants(database) as grants:
        assert await grants.recall("a") is None
        grants.remember("a", "first")
        grants.remember("a", "second")
        grants.remember("b", "other")
        assert await grants.recall("a") == "second"
        await grants.flush()
        grants.remember("a", "third")
    async with open_database(settings) as database, writing_grants(database) as grants:
        assert [await grants.recall(name) for name in "abc"] == ["third", "other", None]


async def test_a_locked_database_is_written_when_it_is_free(
    sqlite: StorageSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ari_app.storage.database.BUSY_TIMEOUT_MS", 10)
    told = asyncio.Event()
    monkeypatch.setattr(stored.log, "error", lambda *_, **__: told.set(), raising=False)
    async with open_database(sqlite) as database, writing_grants(database) as grants:
        await grants.recall("a")
        async with writing_beside(sqlite.path):
            grants.remember("a", "new")
            await told.wait()
            assert await grants.recall("a") == "new"
        await grants.flush()
    async with open_database(sqlite) as database, writing_grants(database) as grants:
        assert await grants.recall("a") == "new"


async def test_a_command_beside_a_router_reads_and_uses_no_refresh_token(settings: StorageSettings) -> None:
    async with open_database(settings) as database, writing_grants(database) as grants:
        grants.remember("a", "sealed")
        await grants.flush()
        async with grants_for_command(settings) as beside:
            assert await beside.recall("a") == "sealed"
            with pytest.raises(RoutingError) as refused:
                async with beside.turn("a"):
                    pass
    assert refused.value.failure.code == "oauth_elsewhere"


async def test_a_command_without_a_router_keeps_what_it_gets(settings: StorageSettings) -> None:
    async with grants_for_command(settings) as alone, alone.turn("a"):
        alone.remember("a", "sealed")
    async with open_database(settings) as database, writing_grants(database) as grants:
        assert await grants.recall("a") == "sealed"


@pytest.mark.parametrize("kept", [True, False])
async def test_a_refresh_token_has_one_user_at_a_time(settings: StorageSettings, kept: bool) -> None:
    async with open_database(settings) as database, writing_grants(database) as grants:
        memory = grants if kept else ShortMemory()
        async with memory.turn("a"):
            async with memory.turn("b"):
                pass
            waiting = asyncio.create_task(memory.turn("a").__aenter__())
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting
