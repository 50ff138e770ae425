"""Keys of idempotency in a real database of either kind: of many who want a name, one has it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.schema import DropTable

from ari_app.storage.errors import StorageError
from ari_app.storage.reservations import KEPT, Reservation, Reservations
from ari_app.storage.schema import reservations
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings

FIRST, SECOND = Reservation("a request", "first"), Reservation("another request", "second")


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


async def test_who_comes_second_is_told_who_was_first_also_after_a_restart(settings: StorageSettings) -> None:
    async with open_database(settings) as database:
        assert await Reservations(database).reserve("name", FIRST) == FIRST
    async with open_database(settings) as database:
        kept = Reservations(database)
        assert await kept.reserve("name", SECOND) == FIRST
        assert await kept.reserve("other name", SECOND) == SECOND


async def test_of_many_at_the_same_instant_one_has_the_name(database: Database) -> None:
    kept = Reservations(database)
    wanted = [Reservation("a request", f"call {number}") for number in range(20)]
    standing = await asyncio.gather(*(kept.reserve("name", one) for one in wanted))
    assert len(set(standing)) == 1
    assert standing[0] in wanted


async def test_a_name_that_was_let_go_is_free(database: Database) -> None:
    kept = Reservations(database)
    await kept.reserve("name", FIRST)
    await kept.release("name")
    assert await kept.reserve("name", SECOND) == SECOND


async def test_a_name_is_kept_for_a_day(database: Database) -> None:
    yesterday = datetime.now(UTC) - KEPT
    moments = {"old": yesterday, "young": yesterday + timedelta(minutes=1)}
    async with database.writer.begin() as connection:
        rows = [{"name": name, "fingerprint": "f", "call_id": "c", "at": at} for name, at in moments.items()]
        await connection.execute(insert(reservations), rows)
    kept = Reservations(database)
    assert await kept.reserve("old", FIRST) == FIRST
    assert await kept.reserve("young", FIRST) == Reservation("f", "c")


async def test_a_database_that_fails_is_told_with_what_to_do(database: Database) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(DropTable(reservations))
    for asking in (Reservations(database).reserve("name", FIRST), Reservations(database).release("name")):
        with pytest.raises(StorageError) as error:
            await asking
        assert error.value.remedy
