"""Opening, migrating and refusing databases."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import make_url

from ari_app.storage.call_log import open_call_log
from ari_app.storage.call_reader import read_calls
from ari_app.storage.database import writing_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.migrate import migrate, migration_config
from ari_app.storage.migrations import REVISIONS
from ari_app.storage.revision import revision
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import arrived


@pytest.fixture
def settings(tmp_path: Path) -> StorageSettings:
    return StorageSettings.at(tmp_path / "agi-router.db")


async def test_an_empty_database_is_brought_to_the_newest_revision(settings: StorageSettings) -> None:
    engine = writing_engine(settings)
    before, after = await migrate(engine)
    assert (before.current, before.is_older) == (None, True)
    assert (after.current, after.is_older) == (after.head, False)
    assert await revision(engine) == after
    assert await migrate(engine) == (after, after)
    await engine.dispose()


async def test_the_revisions_that_readers_know_are_those_of_the_migrations(settings: StorageSettings) -> None:
    engine = writing_engine(settings)
    async with engine.connect() as connection:
        scripts = await connection.run_sync(lambda sync: ScriptDirectory.from_config(migration_config(sync)))
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(REVISIONS))
    await engine.dispose()


@pytest.mark.parametrize("name", ["agi-router.db", "a b%20?c#d.db", ":memory: of ours"])
def test_the_file_survives_the_way_through_a_url(tmp_path: Path, name: str) -> None:
    assert StorageSettings.at(tmp_path / name).path == tmp_path / name
    assert make_url(StorageSettings.at(tmp_path / name).url).database == str(tmp_path / name)


@pytest.mark.parametrize("url", ["postgresql://u:pa/s@s@host/db", "postgresql://u:pa@host:5432/db"])
def test_a_url_that_is_no_sqlite_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StorageError, match="names no SQLite file") as refused:
        _ = StorageSettings(url).path
    assert "u:" not in str(refused.value)


async def test_models_and_migrations_agree(settings: StorageSettings) -> None:
    engine = writing_engine(settings)
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.check(migration_config(sync)))
    await engine.dispose()


async def test_indexes_and_keys_of_models_and_migrations_agree(settings: StorageSettings, tmp_path: Path) -> None:
    from ari_app.storage.schema import metadata  # noqa: PLC0415

    migrated, modelled = writing_engine(settings), writing_engine(StorageSettings.at(tmp_path / "modelled.db"))
    await migrate(migrated)
    async with modelled.begin() as connection:
        await connection.run_sync(metadata.create_all)
    described = []
    for engine in (migrated, modelled):
        async with engine.connect() as connection:
            rows = await connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%'"))
            described.append({name: sorted((sql or "").replace(",", "\n").split()) for name, sql in rows})
        await engine.dispose()
    described[0].pop("sqlite_autoindex_alembic_version_1", None)
    assert described[0] == described[1]


async def test_a_database_of_a_newer_version_is_refused(settings: StorageSettings) -> None:
    async with open_call_log(settings):
        pass
    with sqlite3.connect(settings.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageError, match="newer agi-router: its revision is 9999") as refused:
        async with open_call_log(settings):
            pass
    assert "newer version" in refused.value.remedy


async def test_a_database_of_a_newer_version_can_still_be_read(settings: StorageSettings) -> None:
    async with open_call_log(settings) as call_log:
        call_log.write("call-1", arrived())
    with sqlite3.connect(settings.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("ALTER TABLE calls ADD COLUMN colour TEXT")
        connection.execute("UPDATE calls SET disposition = 'parked'")
    connection.close()
    async with read_calls(settings) as calls:
        assert [record.call_id for record in await calls.recent(5)] == ["call-1"]


async def test_a_missing_database_is_told_and_not_created(settings: StorageSettings) -> None:
    with pytest.raises(StorageError, match="there is no database at") as refused:
        async with read_calls(settings):
            pass
    assert "agi-router serve" in refused.value.remedy
    assert not settings.path.exists()


async def test_a_database_without_tables_tells_how_to_bring_it_up_to_date(settings: StorageSettings) -> None:
    settings.path.touch()
    with pytest.raises(StorageError, match="revision none") as refused:
        async with read_calls(settings):
            pass
    assert "db upgrade" in refused.value.remedy


async def test_a_file_that_is_no_database_is_told(settings: StorageSettings) -> None:
    settings.path.write_text("these are the notes of a long meeting, and not a database at all" * 20)
    with pytest.raises(StorageError, match="file is not a database"):
        async with open_call_log(settings):
            pass
    with pytest.raises(StorageError, match="file is not a database"):
        async with read_calls(settings):
            pass


async def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    settings = StorageSettings.at(tmp_path / "no" / "such" / "folder" / "calls.db")
    with pytest.raises(StorageError, match="cannot be opened for writing") as refused:
        async with open_call_log(settings):
            pass
    assert "storage.url" in refused.value.remedy


async def test_others_may_not_read_who_called_whom(settings: StorageSettings) -> None:
    async with open_call_log(settings) as call_log:
        call_log.write("call-1", arrived())
        await call_log.flush()
        modes = {path.name: path.stat().st_mode & 0o007 for path in settings.path.parent.iterdir()}
    assert "agi-router.db-wal" in modes
    assert set(modes.values()) == {0}


async def test_a_reader_cannot_write(settings: StorageSettings) -> None:
    async with open_call_log(settings):
        pass
    async with read_calls(settings) as calls, calls._engine.connect() as connection:
        with pytest.raises(Exception, match="readonly database"):
            await connection.execute(text("DELETE FROM calls"))


async def test_odd_file_names_are_names_and_no_urls(tmp_path: Path) -> None:
    settings = StorageSettings.at(tmp_path / "a b%20#1?mode=memory.db")
    async with open_call_log(settings) as call_log:
        call_log.write("call-1", arrived())
        await call_log.flush()
        async with read_calls(settings) as calls:
            assert await calls.trace("call-1") == [arrived()]
    assert settings.path.exists()


@pytest.mark.parametrize("url", ["postgresql://db/calls", "sqlite://", "sqlite:///:memory:", "calls.db", ""])
def test_a_url_that_names_no_sqlite_file_is_refused(url: str) -> None:
    with pytest.raises(StorageError, match="names no SQLite file") as refused:
        _ = StorageSettings(url).path
    assert "sqlite:////var/lib" in refused.value.remedy


def test_a_password_in_a_refused_url_is_not_shown() -> None:
    with pytest.raises(StorageError) as refused:
        _ = StorageSettings("postgresql://router:s3cret@db/calls").path
    assert "s3cret" not in str(refused.value)
