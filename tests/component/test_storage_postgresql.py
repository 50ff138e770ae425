"""What only a database on a server does: it asks who one is, it goes away, and it comes back."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text

from ari_app.doctor.database import judge_database
from ari_app.doctor.finding import Verdict
from ari_app.storage.call_log import open_call_log
from ari_app.storage.call_reader import read_calls
from ari_app.storage.errors import StorageError
from ari_app.storage.inspection import inspect_storage
from ari_app.storage.last_good import open_last_good
from ari_app.storage.serving import open_database
from ari_app.storage.serving_lock import lock_holder
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import answered_call, arrived
from tests.patience import PATIENCE_S
from tests.postgresql import TEMPLATE, Cluster


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop run until this holds; what is awaited is a log line, which nobody signals."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot write tries it again soon."""
    monkeypatch.setattr("ari_app.storage.call_log.LONGEST_RETRY_S", 0.1)


@contextmanager
def hasty() -> Iterator[None]:
    """Who finds the lock taken is told so soon. Where it is to be had, its last holder may take a while to end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ari_app.storage.postgresql.LOCK_S", 0.2)
        yield


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGKILL])
async def test_a_server_that_is_killed_amid_writes_and_comes_back_loses_nothing(
    cluster: Cluster, postgresql: StorageSettings, number: signal.Signals
) -> None:
    async with open_call_log(postgresql) as call_log:
        with structlog.testing.capture_logs() as logs:
            for call in range(300):
                for event in answered_call():
                    call_log.write(f"call-{call}", event)
                if call == 150:
                    await until(lambda: call_log.pending < 140 * len(answered_call()))
                    cluster.stop(number)
            await until(lambda: bool(logs))
            assert call_log.pending
            cluster.start()
            async with asyncio.timeout(PATIENCE_S):
                await call_log.flush()
        assert (call_log.lost, call_log.pending) == (0, 0)
        assert all(entry["remedy"] for entry in logs)
        for call in range(300):
            assert await call_log.trace(f"call-{call}") == answered_call()


async def test_a_second_router_is_refused_and_told_who_serves(postgresql: StorageSettings) -> None:
    assert await lock_holder(postgresql) is None
    async with open_call_log(postgresql):
        holder = await lock_holder(postgresql)
        assert holder is not None
        with hasty(), pytest.raises(StorageError, match="already serves") as refused:
            async with open_call_log(postgresql):
                pass
        assert holder in str(refused.value)
        assert "storage.url" in refused.value.remedy
    async with open_call_log(postgresql):
        pass


@pytest.mark.usefixtures("impatient")
async def test_who_has_lost_the_lock_writes_nothing_until_he_has_it_again(
    cluster: Cluster, postgresql: StorageSettings
) -> None:
    async with open_call_log(postgresql) as first:
        await cluster.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()",
            database=postgresql.name.rpartition("/")[2],
        )
        async with open_call_log(postgresql) as second:
            with hasty(), structlog.testing.capture_logs() as logs:
                first.write("call-1", arrived())
                await until(lambda: any("already serves" in entry["reason"] for entry in logs))
            second.write("call-2", arrived())
            await second.flush()
            assert [call.call_id for call in await second.recent(5)] == ["call-2"]
        async with asyncio.timeout(PATIENCE_S):
            await first.flush()
        assert {call.call_id for call in await first.recent(5)} == {"call-1", "call-2"}


async def test_databases_beside_each_other_have_routers_of_their_own(
    cluster: Cluster, postgresql: StorageSettings
) -> None:
    async with open_call_log(postgresql), open_call_log(cluster.settings(TEMPLATE)):
        assert await lock_holder(postgresql)


async def refusal(settings: StorageSettings) -> StorageError:
    """Both who serves and who reads are told the same."""
    told = []
    for opened in (open_call_log(settings), read_calls(settings)):
        with pytest.raises(StorageError) as refused:
            async with opened:
                pass
        told.append(refused.value)
    assert str(told[0]) == str(told[1])
    assert "s3cret" not in str(told[0])
    return told[0]


async def test_a_server_that_is_down_is_told(tmp_path: Path) -> None:
    refused = await refusal(StorageSettings("postgresql://router:s3cret@127.0.0.1:1/calls", tmp_path))
    assert "cannot be reached" in str(refused)
    assert "Start it" in refused.remedy


async def test_a_wrong_password_is_told(cluster: Cluster) -> None:
    refused = await refusal(cluster.by_tcp(TEMPLATE, "s3cret"))
    assert "lets nobody in" in str(refused)
    assert "password" in refused.remedy


async def test_a_password_with_odd_characters_lets_in(cluster: Cluster) -> None:
    async with read_calls(cluster.by_tcp(TEMPLATE, "p%40ss%2Fw%23rd")) as calls:
        assert await calls.recent(1) == []


async def test_a_missing_database_is_told(cluster: Cluster) -> None:
    refused = await refusal(cluster.settings("nowhere"))
    assert "there is no database" in str(refused)
    assert "createdb" in refused.remedy


async def test_a_server_that_cannot_do_tls_is_told(cluster: Cluster) -> None:
    settings = cluster.by_tcp(TEMPLATE, "s3cret")
    refused = await refusal(StorageSettings(f"{settings.url}?sslmode=require", settings.folder))
    assert "speaks no TLS" in str(refused)
    assert "postgresql.conf" in refused.remedy


async def test_an_unknown_option_is_told(cluster: Cluster) -> None:
    settings = cluster.settings(TEMPLATE)
    refused = await refusal(StorageSettings(f"{settings.url}&sslmode=perhaps", settings.folder))
    assert "sslmode" in str(refused)


async def test_an_empty_database_is_told_to_readers(empty_postgresql: StorageSettings) -> None:
    with pytest.raises(StorageError, match="revision none") as refused:
        async with read_calls(empty_postgresql):
            pass
    assert "db upgrade" in refused.value.remedy


async def test_the_doctor_looks_at_it_beside_the_router_and_leaves_no_trace(postgresql: StorageSettings) -> None:
    async with open_call_log(postgresql):
        state = await inspect_storage(postgresql)
    assert state.write_error is None
    assert judge_database(postgresql.name, state).status is Verdict.OK


async def test_the_doctor_tells_who_may_not_write(cluster: Cluster, postgresql: StorageSettings) -> None:
    database = postgresql.name.rpartition("/")[2]
    await cluster.execute(
        "CREATE ROLE reader LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database=database
    )
    try:
        as_reader = StorageSettings(postgresql.url.replace("://agi-router@", "://reader@"), postgresql.folder)
        found = judge_database(as_reader.name, await inspect_storage(as_reader))
    finally:
        await cluster.execute("DROP OWNED BY reader", "DROP ROLE reader", database=database)
    assert found.status is Verdict.ERROR
    assert "reader may not write" in found.found
    assert "call_events" in found.found


async def test_the_doctor_tells_of_an_empty_database(empty_postgresql: StorageSettings) -> None:
    found = judge_database(empty_postgresql.name, await inspect_storage(empty_postgresql))
    assert found.status is Verdict.WARNING
    assert "is empty" in found.found


async def test_the_key_stands_in_the_folder_of_the_host_which_is_made_for_it(postgresql: StorageSettings) -> None:
    postgresql.folder.rmdir()
    async with open_database(postgresql) as database, open_last_good(database):
        async with database.reader.connect() as connection:
            assert (await connection.execute(text("SHOW transaction_isolation"))).scalar_one() == "repeatable read"
    assert [path.name for path in postgresql.folder.iterdir()] == [postgresql.beside(".key").name]
