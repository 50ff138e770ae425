"""API keys in a real database of either kind."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.schema import DropTable

from ari_app.access.key import ApiKey, KeyLimits, new_key
from ari_app.access.networks import network
from ari_app.access.scopes import Scope
from ari_app.storage.api_keys import open_api_keys, read_api_keys
from ari_app.storage.errors import StorageError
from ari_app.storage.schema import api_keys
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


def a_key(name: str = "crm") -> ApiKey:
    key, _ = new_key(
        name,
        frozenset({Scope.CALLS_PLACE, Scope.CALLS_READ}),
        AT,
        networks=(network("10.1.0.0/16"), network("2001:db8::1")),
        limits=KeyLimits(requests_per_minute=60, calls_per_second=2, concurrent_calls=10),
        expires_at=AT + timedelta(days=90),
    )
    return key


async def test_a_key_is_kept_as_it_was_put_last(database: Database) -> None:
    key = a_key()
    rotated, _ = key.rotated(old_until=AT + timedelta(hours=24), expires_at=None)
    async with open_api_keys(database) as keys:
        for known in (key, rotated, replace(rotated, revoked_at=AT, old=None)):
            await keys.put(known)
            assert list(await keys.all()) == [known]
            assert list(await read_api_keys(database.settings)) == [known]


async def test_the_file_holds_no_secret(sqlite: StorageSettings) -> None:
    key, token = new_key("crm", frozenset(Scope), AT)
    async with open_database(sqlite) as database, open_api_keys(database) as keys:
        await keys.put(key)
    files = [path.read_bytes() for path in sqlite.path.parent.iterdir() if path.is_file()]
    assert any(key.digest.encode() in content for content in files)
    assert not any(token.secret.encode() in content for content in files)


async def test_a_name_is_that_of_one_living_key_and_of_any_number_of_dead_ones(database: Database) -> None:
    first, second, third = a_key(), a_key(), a_key()
    async with open_api_keys(database) as keys:
        await keys.put(replace(first, revoked_at=AT))
        await keys.put(replace(second, revoked_at=AT))
        await keys.put(third)
        with pytest.raises(StorageError, match="cannot be written"):
            await keys.put(a_key())
        assert {key.id for key in await keys.all()} == {first.id, second.id, third.id}


async def test_a_last_use_is_written_behind_and_changes_nothing_else(database: Database) -> None:
    key = a_key()
    async with open_api_keys(database) as keys:
        await keys.put(key)
        keys.note_use(key.id, AT)
        keys.note_use(key.id, AT + timedelta(minutes=1))
        keys.note_use("0" * 12, AT)
    assert list(await read_api_keys(database.settings)) == [replace(key, last_used_at=AT + timedelta(minutes=1))]


async def test_a_database_of_before_there_were_keys_has_none(database: Database) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(DropTable(api_keys))
    assert list(await read_api_keys(database.settings)) == []


async def test_a_scope_that_this_version_does_not_know_gives_no_right(database: Database) -> None:
    async with open_api_keys(database) as keys:
        await keys.put(a_key())
        async with database.writer.begin() as connection:
            await connection.execute(update(api_keys).values(scopes=["calls:read", "moon:visit"]))
        assert [key.scopes for key in await keys.all()] == [frozenset({Scope.CALLS_READ})]
