"""The last good answers in real databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, event, text, update
from structlog.testing import capture_logs

from agi_router.routing import in_time as in_time_module
from agi_router.routing.memory import Remembered, question_key
from ari_app.storage import last_good_reader as last_good_reader_module
from ari_app.storage import write_behind as write_behind_module
from ari_app.storage.last_good import LastGoodAnswers, open_last_good
from ari_app.storage.last_good_reader import read_last_good
from ari_app.storage.schema import last_good_answers
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.patience import PATIENCE_S

CALLER = "+14155550177"
QUESTION = question_key("sales", frozenset({"callerNumber"}), {"callerNumber": CALLER})
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=7)
ADA = Remembered(NOW - timedelta(days=3), {"value": "456", "headers": {"X-Name": "Zoë \ud800\0"}})
BOB = Remembered(NOW, {"value": "77"})


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recalled is not to depend on what else the machine does; one test is about the wait."""
    monkeypatch.setattr(last_good_reader_module, "RECALL_S", PATIENCE_S)


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def answers(database: Database) -> AsyncIterator[LastGoodAnswers]:
    async with open_last_good(database) as opened:
        yield opened


async def rows(database: Database) -> int:
    async with database.reader.connect() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM last_good_answers"))).scalar_one())


async def grow_old(database: Database) -> None:
    """The one answer's time is over, although the clock stands still."""
    async with database.writer.begin() as connection:
        await connection.execute(update(last_good_answers).values(until=datetime(2000, 1, 1, tzinfo=UTC)))


async def test_an_answer_is_recalled_before_and_after_it_is_committed(answers: LastGoodAnswers) -> None:
    answers.remember(QUESTION, ADA, LATER)
    assert await answers.recall(QUESTION) == ADA
    await answers.flush()
    assert await answers.recall(QUESTION) == ADA
    assert await answers.recall("another question") is None


async def test_it_survives_a_restart(database: Database) -> None:
    async with open_last_good(database) as before:
        before.remember(QUESTION, ADA, LATER)
    async with open_last_good(database) as after:
        assert await after.recall(QUESTION) == ADA


async def test_the_newest_answer_replaces_the_older_one(answers: LastGoodAnswers, database: Database) -> None:
    answers.remember(QUESTION, ADA, LATER)
    await answers.flush()
    answers.remember(QUESTION, ADA, LATER)
    answers.remember(QUESTION, BOB, LATER)
    assert await answers.recall(QUESTION) == BOB
    await answers.flush()
    assert await answers.recall(QUESTION) == BOB
    assert await rows(database) == 1


async def test_what_is_forgotten_is_gone_at_once_and_from_the_disk(
    answers: LastGoodAnswers, database: Database
) -> None:
    answers.remember(QUESTION, ADA, LATER)
    await answers.flush()
    answers.forget(QUESTION)
    assert await answers.recall(QUESTION) is None
    await answers.flush()
    assert await answers.recall(QUESTION) is None
    assert await rows(database) == 0


async def test_what_is_too_old_is_not_recalled_and_a_new_router_deletes_it(database: Database) -> None:
    async with open_last_good(database) as answers:
        answers.remember("another question", BOB, LATER)
        await answers.flush()  # the first commit of a router deletes what is too old; the next one comes in an hour
        answers.remember(QUESTION, ADA, NOW - timedelta(seconds=1))
        await answers.flush()
        assert await answers.recall(QUESTION) is None
        assert await rows(database) == 2
    async with open_last_good(database) as answers:
        answers.remember("another question", BOB, LATER)
        await answers.flush()
    assert await rows(database) == 1


async def test_an_answer_that_comes_during_a_commit_is_not_lost(database: Database, answers: LastGoodAnswers) -> None:
    @event.listens_for(database.writer.sync_engine, "commit", once=True)
    def during_commit(_: Connection) -> None:
        answers.remember(QUESTION, BOB, LATER)

    answers.remember(QUESTION, ADA, LATER)
    await answers.flush()
    async with read_last_good(database.settings) as on_disk:
        assert await on_disk.recall(QUESTION) == BOB


async def test_a_call_does_not_wait_for_a_disk(answers: LastGoodAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    answers.remember(QUESTION, ADA, LATER)
    await answers.flush()
    # Connected: a connect that is given up leaves a thread to end by itself.
    assert await answers.recall(QUESTION) == ADA
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(last_good_reader_module, "RECALL_S", 0.0)
        patch.setattr(in_time_module, "GRACE_S", 0.0)
        assert await answers.recall(QUESTION) is None
    assert [entry["reason"] for entry in logs] == ["TimeoutError"]
    assert await answers.recall(QUESTION) == ADA


async def test_a_dry_run_has_time_to_open_the_database(
    database: Database, answers: LastGoodAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.remember(QUESTION, ADA, LATER)
    await answers.flush()
    monkeypatch.setattr(last_good_reader_module, "RECALL_S", 0.0)
    monkeypatch.setattr(in_time_module, "GRACE_S", 0.0)
    async with read_last_good(database.settings) as on_disk:
        assert await on_disk.recall(QUESTION) == ADA


async def test_a_caller_who_leaves_while_his_answer_is_recalled_leaves_nothing_behind(
    answers: LastGoodAnswers,
) -> None:
    before = asyncio.all_tasks()
    for steps in range(40):
        recall = asyncio.create_task(answers.recall(QUESTION))
        for _ in range(steps):
            await asyncio.sleep(0)
        recall.cancel()  # his call is told to end ...
        await asyncio.sleep(0)
        recall.cancel()  # ... and its deadline passes, or the router stops
        await asyncio.gather(recall, return_exceptions=True)
    async with asyncio.timeout(PATIENCE_S):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.01)


async def test_old_answers_go_although_nobody_calls(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_behind_module, "PRUNE_EVERY_S", 0.01)
    async with open_last_good(database) as answers:
        answers.remember(QUESTION, ADA, LATER)
        await answers.flush()
        await grow_old(database)
        async with asyncio.timeout(PATIENCE_S):
            while await rows(database):  # nobody signals a deletion
                await asyncio.sleep(0.01)


async def test_neither_the_number_nor_a_bare_hash_of_the_question_stands_in_the_database(
    sqlite: StorageSettings,
) -> None:
    async with open_database(sqlite) as database, open_last_good(database) as answers:
        answers.remember(QUESTION, BOB, LATER)
        await answers.flush()
    stored = b"".join(path.read_bytes() for path in sqlite.path.parent.glob("agi-router.db*"))
    assert b"last_good_answers" in stored
    assert CALLER.encode() not in stored
    assert QUESTION.encode() not in stored


async def test_the_key_is_its_owners_alone_and_without_it_nothing_is_found(sqlite: StorageSettings) -> None:
    key = sqlite.path.with_name("agi-router.db.key")
    async with open_database(sqlite) as database, open_last_good(database) as answers:
        answers.remember(QUESTION, ADA, LATER)
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(key.read_bytes()[:7])  # a copy that broke off
    async with open_database(sqlite) as database, open_last_good(database) as answers:
        assert await answers.recall(QUESTION) is None
    assert len(key.read_bytes()) == 32


async def test_a_database_that_fails_is_told_and_costs_no_call(
    answers: LastGoodAnswers, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_behind_module, "RETRY_S", 0.01)
    answers.remember(QUESTION, ADA, LATER)
    await answers.flush()
    async with database.writer.begin() as connection:
        await connection.execute(text("ALTER TABLE last_good_answers RENAME TO away"))
    with capture_logs() as logs:
        assert await answers.recall(QUESTION) is None
        answers.remember(QUESTION, BOB, LATER)
        assert await answers.recall(QUESTION) == BOB
    assert "last_good_answers" in logs[0]["reason"]
    async with database.writer.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO last_good_answers"))
    await answers.flush()
    assert await answers.recall(QUESTION) == BOB


async def test_memory_is_bounded_while_the_database_does_not_take_it(database: Database) -> None:
    answers = LastGoodAnswers(database, b"key", max_pending=1)
    answers.remember("one", ADA, LATER)
    with capture_logs() as logs:
        answers.remember("two", BOB, LATER)
    answers.remember("one", BOB, LATER)
    assert (await answers.recall("one"), await answers.recall("two")) == (BOB, None)
    assert [entry["lost"] for entry in logs] == [1]
