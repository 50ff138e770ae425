"""Claims on the rows of a table of its own, in a real database of either kind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer, MetaData, Row, String, Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.storage.claims import Claims, DueRows, moment
from ari_app.storage.database import sharing_engine
from ari_app.storage.group_commit import committing_together
from ari_app.storage.schema import UtcDateTime
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.patience import PATIENCE_S

METADATA = MetaData()
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("worker", String(16), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("is_blocked", Boolean, nullable=False),
    Column("has_failed", Boolean, nullable=False),
    Column("is_readable", Boolean, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("claimed_by", String(64)),
)
DUE = DueRows(
    JOBS,
    rows=select(JOBS),
    receiver=JOBS.c.worker,
    waits=JOBS.c.is_open,
    may_begin=~JOBS.c.is_blocked,
    is_put_off=JOBS.c.has_failed,
)
LONG_AGO = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Job:
    id: int


def job(row: Row[Any]) -> Job | None:
    return Job(row.id) if row.is_readable else None


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        await create(opened)
        yield opened


@pytest.fixture
async def mine(database: Database) -> AsyncIterator[Claims[Job]]:
    async with claiming(database.writer, "me") as claims:
        yield claims


@pytest.fixture
async def theirs(database: Database) -> AsyncIterator[Claims[Job]]:
    async with claiming(database.writer, "they") as claims:
        yield claims


async def create(database: Database) -> None:
    async with database.writer.begin() as connection:
        await connection.run_sync(METADATA.create_all)


@asynccontextmanager
async def claiming(engine: AsyncEngine, owner: str) -> AsyncIterator[Claims[Job]]:
    async with committing_together(engine) as group:
        yield Claims(DUE, job, group, owner)


async def put(database: Database, *ids: int, due_at: datetime = LONG_AGO, **changed: Any) -> None:
    """Jobs that are due one after the other, in this order."""
    usual = {
        "worker": "ada",
        "is_open": True,
        "is_blocked": False,
        "has_failed": False,
        "is_readable": True,
        "claimed_by": None,
    }
    rows = [
        {**usual, **changed, "id": id_, "due_at": due_at + timedelta(seconds=number)} for number, id_ in enumerate(ids)
    ]
    async with database.writer.begin() as connection:
        await connection.execute(insert(JOBS), rows)


async def due_at(database: Database) -> dict[int, datetime]:
    async with database.reader.connect() as connection:
        return {row.id: row.due_at for row in await connection.execute(select(JOBS))}


async def take(claims: Claims[Job], limit: int = 10, *, until: timedelta = HOUR) -> Sequence[Job]:
    return await claims.claim("ada", limit, moment() + until)


def ids(jobs: Sequence[Job]) -> list[int]:
    return [each.id for each in jobs]


async def test_what_is_due_longest_is_claimed_first_and_no_more_than_was_asked_for(
    database: Database, mine: Claims[Job]
) -> None:
    await put(database, 3, 1, 2)
    assert ids(await take(mine, 2)) == [3, 1]
    assert ids(await take(mine, 2)) == [2]
    assert await take(mine) == []


async def test_nothing_is_claimed_that_is_over_or_blocked_or_not_due_or_another_worker_s(
    database: Database, mine: Claims[Job]
) -> None:
    await put(database, 1, is_open=False)
    await put(database, 2, is_blocked=True)
    await put(database, 3, due_at=moment() + HOUR)
    await put(database, 4, worker="bob")
    assert await take(mine) == []


async def test_nobody_else_gets_what_is_claimed_before_the_claim_is_over(
    database: Database, mine: Claims[Job], theirs: Claims[Job]
) -> None:
    await put(database, 1, 2)
    assert ids(await take(mine)) == [1, 2]
    assert await take(theirs) == []


async def test_a_claim_that_is_over_is_anybody_s(database: Database, mine: Claims[Job], theirs: Claims[Job]) -> None:
    await put(database, 1)
    assert ids(await take(mine, until=timedelta())) == [1]
    assert ids(await take(theirs)) == [1]


async def test_what_is_given_back_is_due_at_once(database: Database, mine: Claims[Job], theirs: Claims[Job]) -> None:
    await put(database, 1, 2, 3)
    first, second, _ = await take(mine)
    await mine.release([first, second])
    assert ids(await take(theirs)) == [1, 2]


async def test_nobody_gives_back_what_is_another_s_by_now(
    database: Database, mine: Claims[Job], theirs: Claims[Job]
) -> None:
    await put(database, 1)
    late = await take(mine, until=timedelta())
    assert await take(theirs)
    await mine.release(late)
    assert await take(mine) == []


async def test_what_waits_for_its_next_attempt_is_hastened_and_nothing_else(
    database: Database, mine: Claims[Job], theirs: Claims[Job]
) -> None:
    later = moment() + HOUR
    await put(database, 1, due_at=later, has_failed=True)
    await put(database, 2, due_at=later)
    await put(database, 3, due_at=later, has_failed=True, worker="bob")
    await put(database, 4, due_at=later, has_failed=True, is_open=False)
    await put(database, 5, due_at=later, has_failed=True, claimed_by="they")
    await put(database, 6, has_failed=True)
    await mine.hasten("ada")
    now_due = await due_at(database)
    assert {id_ for id_, at in now_due.items() if at < later} == {1, 6}
    assert now_due[6] == LONG_AGO, "what was due keeps its turn"


async def test_next_is_when_something_is_due_or_the_claim_on_it_is_over(database: Database, mine: Claims[Job]) -> None:
    assert await mine.next_due("ada") is None
    await put(database, 1)
    await put(database, 2, worker="bob")
    await put(database, 3, is_open=False)
    await put(database, 4, is_blocked=True)
    assert await mine.next_due("ada") == LONG_AGO
    over = moment() + HOUR
    assert ids(await mine.claim("ada", 9, over)) == [1]
    assert await mine.next_due("ada") == over


async def test_what_was_put_off_by_a_clock_that_was_ahead_is_due_and_what_waits_as_long_as_it_may_waits_on(
    database: Database, mine: Claims[Job]
) -> None:
    await put(database, 1, due_at=moment() + timedelta(days=3000), claimed_by="they")
    await put(database, 2, due_at=moment() + timedelta(days=1))
    await mine.mend_clock()
    assert ids(await take(mine)) == [1]


async def test_who_is_alone_takes_over_what_others_had_claimed(
    database: Database, mine: Claims[Job], theirs: Claims[Job]
) -> None:
    await put(database, 1, 2)
    await put(database, 3, due_at=moment() + HOUR)
    assert len(await take(theirs)) == 2
    assert await take(mine) == []
    await mine.take_over()
    assert sorted(ids(await take(mine))) == [1, 2]


async def test_what_cannot_be_made_of_a_row_is_left_alone_until_the_claim_is_over(
    database: Database, mine: Claims[Job]
) -> None:
    await put(database, 1, is_readable=False)
    await put(database, 2)
    over = moment() + HOUR
    assert ids(await mine.claim("ada", 9, over)) == [2]
    assert await mine.next_due("ada") == over


async def test_what_another_process_has_locked_is_passed_over_and_not_waited_for(postgresql: StorageSettings) -> None:
    async with AsyncExitStack() as open_ends:
        database = await open_ends.enter_async_context(open_database(postgresql))
        await create(database)
        await put(database, 1, 2)
        engine = sharing_engine(postgresql)
        open_ends.push_async_callback(engine.dispose)
        mine = await open_ends.enter_async_context(claiming(engine, "me"))
        async with database.writer.begin() as connection, asyncio.timeout(PATIENCE_S):
            await connection.execute(update(JOBS).where(JOBS.c.id == 1).values(has_failed=True))
            assert ids(await take(mine)) == [2]


async def test_many_processes_share_what_there_is_and_no_two_of_them_get_the_same(postgresql: StorageSettings) -> None:
    async with AsyncExitStack() as open_ends:
        database = await open_ends.enter_async_context(open_database(postgresql))
        await create(database)
        await put(database, *range(300))
        workers: list[Claims[Job]] = []
        for number in range(4):
            engine = sharing_engine(postgresql)
            open_ends.push_async_callback(engine.dispose)
            workers.append(await open_ends.enter_async_context(claiming(engine, f"worker {number}")))

        async def work(claims: Claims[Job]) -> list[int]:
            done: list[int] = []
            while got := await take(claims, 3):
                done += ids(got)
            return done

        async with asyncio.timeout(PATIENCE_S):
            shares = await asyncio.gather(*map(work, workers))
    assert sorted(id_ for share in shares for id_ in share) == list(range(300))
