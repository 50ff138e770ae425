"""Opening, migrating and refusing databases."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.storage.call_log import open_call_log
from ari_app.storage.call_reader import read_calls
from ari_app.storage.database import writing_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.migrate import migrate
from ari_app.storage.migrations import REVISIONS
from ari_app.storage.migrations.upgrade import migration_config
from ari_app.storage.revision import revision
from ari_app.storage.schema import metadata
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import arrived


async def test_an_empty_database_is_brought_to_the_newest_revision(empty: StorageSettings) -> None:
    engine = writing_engine(empty)
    before, after = await migrate(engine)
    assert (before.current, before.is_older) == (None, True)
    assert (after.current, after.is_older) == (after.head, False)
    assert await revision(engine) == after
    assert await migrate(engine) == (after, after)
    await engine.dispose()


async def test_the_revisions_that_readers_know_are_those_of_the_migrations(empty: StorageSettings) -> None:
    engine = writing_engine(empty)
    async with engine.connect() as connection:
        scripts = await connection.run_sync(lambda sync: ScriptDirectory.from_config(migration_config(sync)))
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(REVISIONS))
    await engine.dispose()


@pytest.mark.parametrize("name", ["agi-router.db", "a b%20?c#d.db", ":memory: of ours"])
def test_the_file_survives_the_way_through_a_url(tmp_path: Path, name: str) -> None:
    assert StorageSettings.at(tmp_path / name).path == tmp_path / name
    assert make_url(StorageSettings.at(tmp_path / name).url).database == str(tmp_path / name)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:pa/s@s@host/db",
        "postgresql://u:pa@s@host/db",
        "postgresql://u:pa@host:port/db",
        "postgresql://u:pa@host",
        "mysql://u:pa@host/db",
    ],
)
def test_a_url_that_names_no_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StorageError, match="neither an SQLite file nor a PostgreSQL database") as refused:
        _ = StorageSettings(url).name
    assert "u:" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://router:s3cret@db.example.com:5432/calls", "postgresql://router@db.example.com:5432/calls"),
        ("postgres://router:s3cret@db/calls?sslmode=verify-full", "postgresql://router@db/calls"),
        ("postgresql:///calls?host=/run/postgresql&password=s3cret", "postgresql:///calls"),
        ("postgresql://router@a:5432,b:5433/calls", "postgresql://router@a:5432,b:5433/calls"),
    ],
)
def test_a_database_on_a_server_is_named_without_secrets_and_has_its_files_in_a_folder(url: str, name: str) -> None:
    settings = StorageSettings(url, Path("/srv/router"))
    assert settings.name == name
    assert settings.beside(".sock") == Path("/srv/router/calls.sock")


async def test_models_and_migrations_agree(empty: StorageSettings) -> None:
    engine = writing_engine(empty)
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.check(migration_config(sync)))
    await engine.dispose()


async def test_indexes_and_keys_of_models_and_migrations_agree(empty: StorageSettings) -> None:
    migrated = writing_engine(empty)
    await migrate(migrated)
    described = [await _described(migrated)]
    async with migrated.begin() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
    described.append(await _described(migrated))
    await migrated.dispose()
    assert described[0] == described[1]


async def _described(engine: AsyncEngine) -> dict[str, list[str]]:
    """Tables and indexes in the database's own words."""
    file = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'"
    server = (
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' "
        "UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0"
    )
    async with engine.connect() as connection:
        rows = await connection.execute(text(file if engine.dialect.name == "sqlite" else server))
        return {name: sorted((sql or "").replace(",", "\n").replace(")", " )").split()) for name, sql in rows}


async def test_a_database_of_a_newer_version_is_refused(sqlite: StorageSettings) -> None:
    async with open_call_log(sqlite):
        pass
    with sqlite3.connect(sqlite.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageError, match="newer agi-router: its revision is 9999") as refused:
        async with open_call_log(sqlite):
            pass
    assert "newer version" in refused.value.remedy


async def test_a_database_of_a_newer_version_can_still_be_read(sqlite: StorageSettings) -> None:
    async with open_call_log(sqlite) as call_log:
        call_log.write("call-1", arrived())
    with sqlite3.connect(sqlite.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("ALTER TABLE calls ADD COLUMN colour TEXT")
        connection.execute("UPDATE calls SET disposition = 'parked'")
    connection.close()
    async with read_calls(sqlite) as calls:
        assert [record.call_id for record in await calls.recent(5)] == ["call-1"]


async def test_a_missing_database_is_told_and_not_created(sqlite: StorageSettings) -> None:
    with pytest.raises(StorageError, match="there is no database at") as refused:
        async with read_calls(sqlite):
            pass
    assert "agi-router serve" in refused.value.remedy
    assert not sqlite.path.exists()


async def test_a_database_without_tables_tells_how_to_bring_it_up_to_date(sqlite: StorageSettings) -> None:
    sqlite.path.touch()
    with pytest.raises(StorageError, match="revision none") as refused:
        async with read_calls(sqlite):
            pass
    assert "db upgrade" in refused.value.remedy


async def test_a_file_that_is_no_database_is_told(sqlite: StorageSettings) -> None:
    sqlite.path.write_text("these are the notes of a long meeting, and not a database at all" * 20)
    with pytest.raises(StorageError, match="file is not a database"):
        async with open_call_log(sqlite):
            pass
    with pytest.raises(StorageError, match="file is not a database"):
        async with read_calls(sqlite):
            pass


async def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    settings = StorageSettings.at(tmp_path / "no" / "such" / "folder" / "calls.db")
    with pytest.raises(StorageError, match="cannot be opened for writing") as refused:
        async with open_call_log(settings):
            pass
    assert "storage.url" in refused.value.remedy


async def test_others_may_not_read_who_called_whom(sqlite: StorageSettings) -> None:
    async with open_call_log(sqlite) as call_log:
        call_log.write("call-1", arrived())
        await call_log.flush()
        modes = {path.name: path.stat().st_mode & 0o007 for path in sqlite.path.parent.iterdir()}
    assert "agi-router.db-wal" in modes
    assert set(modes.values()) == {0}


async def test_a_reader_cannot_write(empty: StorageSettings) -> None:
    async with open_call_log(empty):
        pass
    async with read_calls(empty) as calls, calls._engine.connect() as connection:
        with pytest.raises(Exception, match=r"readonly database|read-only transaction"):
            await connection.execute(text("DELETE FROM calls"))


async def test_odd_file_names_are_names_and_no_urls(tmp_path: Path) -> None:
    settings = StorageSettings.at(tmp_path / "a b%20#1?mode=memory.db")
    async with open_call_log(settings) as call_log:
        call_log.write("call-1", arrived())
        await call_log.flush()
        async with read_calls(settings) as calls:
            assert await calls.trace("call-1") == [arrived()]
    assert settings.path.exists()


@pytest.mark.parametrize("url", ["postgresql://db", "sqlite://", "sqlite:///:memory:", "calls.db", ""])
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(StorageError, match="neither an SQLite file") as refused:
        _ = StorageSettings(url).name
    assert "sqlite:////var/lib" in refused.value.remedy


def test_a_password_in_a_refused_url_is_not_shown() -> None:
    with pytest.raises(StorageError) as refused:
        _ = StorageSettings("postgresql://router:s3cret@db/?password=t0psecret").name
    assert "s3cret" not in str(refused.value)
    assert "t0psecret" not in str(refused.value)
