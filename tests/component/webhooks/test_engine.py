"""Deliveries from a real database to real receivers: those that work, those that fail, and those that are dead."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select

from ari_app.domain.webhooks import Delivery
from ari_app.lanes.health import Pauses
from ari_app.lanes.schedule import Schedule
from ari_app.storage.deliveries import StoredOutbox
from ari_app.storage.schema import webhook_attempts, webhook_subscriptions
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from ari_app.webhooks.tally import Result
from tests.component.waiting_deliveries import on_record, put, subscribe
from tests.component.webhooks.rig import BRISK, KnownSubscriptions, Receiver, engine, receiving, taken, to
from tests.patience import PATIENCE_S

CALLS = [f"call/{number % 5}" for number in range(20)]


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        await subscribe(opened.writer, "crm", "other")
        yield opened


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)


async def until_settled(database: Database) -> None:
    """Nothing is pending any more."""
    async with asyncio.timeout(PATIENCE_S):
        while any(state == "pending" for _, state, _ in await on_record(database.reader)):
            await asyncio.sleep(0.01)


async def until_delivered(database: Database, ids: Collection[str]) -> None:
    """It is on record that these were taken: a receiver knows of it before."""
    async with asyncio.timeout(PATIENCE_S):
        while not {id_ for id_, state, _ in await on_record(database.reader) if state == "delivered"} >= set(ids):
            await asyncio.sleep(0.01)


def assert_in_order(receiver: Receiver, ids: list[str]) -> None:
    for subject in set(CALLS):
        assert receiver.of_subject(subject) == [id_ for id_ in ids if id_.endswith(subject)]


async def test_everything_arrives_once_and_each_call_in_its_order(database: Database) -> None:
    ids = list(await put(database.writer, "crm", CALLS))
    async with receiving() as crm, engine(database, KnownSubscriptions(to(crm))) as running:
        await crm.until_kept(ids)
        await until_settled(database)
    assert sorted(crm.heard) == sorted(ids)
    assert_in_order(crm, ids)
    assert running.count(Result.DELIVERED) == len(ids)
    assert await on_record(database.reader) == [(id_, "delivered", 1) for id_ in ids]


async def test_a_receiver_that_fails_at_random_gets_everything_in_order(database: Database) -> None:
    chance = random.Random(7)

    def moody(_id: str, _count: int) -> web.Response:
        return web.Response(status=chance.choice([200, 204, 500, 503, 302, 404]))

    ids = list(await put(database.writer, "crm", CALLS))
    async with receiving(moody) as crm, engine(database, KnownSubscriptions(to(crm))):
        await crm.until_kept(ids)
        await until_settled(database)
    assert_in_order(crm, ids)
    record = await on_record(database.reader)
    assert [(id_, state) for id_, state, _ in record] == [(id_, "delivered") for id_ in ids]
    assert sum(count for _, _, count in record) == len(crm.heard) > len(ids)


async def test_a_dead_receiver_slows_nobody_else(database: Database) -> None:
    """The dead one hangs with all that it may have under way, while the other one gets all that there is."""
    theirs = await put(database.writer, "other", CALLS)
    ids = await put(database.writer, "crm", CALLS)
    async with receiving(lambda _id, _count: None) as dead, receiving() as crm:
        async with engine(database, KnownSubscriptions(to(dead, "other"), to(crm)), within_s=60, stop_s=0.1):
            await dead.until(lambda: len(dead.heard) == 4)
            await until_delivered(database, ids)
            assert len(dead.heard) == 4
    record = await on_record(database.reader)
    assert {id_ for id_, state, _ in record if state == "pending"} == set(theirs)


async def test_some_requests_are_under_way_to_a_receiver_at_a_time(database: Database) -> None:
    ids = await put(database.writer, "crm", [f"call/{number}" for number in range(12)])
    async with receiving() as crm, engine(database, KnownSubscriptions(to(crm))):
        crm.gate.clear()
        await crm.until(lambda: len(crm.heard) == 4)
        assert crm.at_once == 4
        crm.gate.set()
        await crm.until_kept(ids)


async def test_a_receiver_that_fails_again_and_again_gets_one_request_at_a_time(database: Database) -> None:
    """As long as it is well it answers only when it has four of them: so many are sent to it at a time."""
    together: list[int] = []
    ids = await put(database.writer, "crm", [f"call/{number}" for number in range(12)])
    async with receiving() as crm:

        def failing(_id: str, _count: int) -> web.Response:
            together.append(crm.at_once)
            if crm.at_once == 4:
                crm.gate.set()
            elif len(crm.heard) == 31:
                crm.gate.clear()
            return web.Response(status=500 if len(crm.heard) < 30 else 200)

        crm.answer, crm.pause_s = failing, 0.01
        crm.gate.clear()
        async with engine(database, KnownSubscriptions(to(crm))):
            await crm.until_kept(ids)
    assert together[:4] == [1, 2, 3, 4]
    assert set(together[8:30]) == {1}
    assert together[30:34] == [1, 2, 3, 4]


async def test_410_disables_and_what_waits_is_delivered_when_it_is_enabled_again(database: Database) -> None:
    ids = await put(database.writer, "crm", ["call/1", "call/1", "call/1"])
    async with receiving(lambda _id, count: web.Response(status=410 if count == 1 else 204)) as crm:
        known = KnownSubscriptions(to(crm))
        async with engine(database, known) as running:
            await until(lambda: bool(running.news) and not running.engine.receivers)
            assert "answered 410" in known.reasons["crm"]
            assert running.news == [("crm", known.reasons["crm"])]
            assert crm.heard == [ids[0]]
            crm.answer = taken
            known.put(to(crm))
            await crm.until_kept(ids)
            await until_settled(database)
    assert crm.of_subject("call/1") == list(ids)
    assert [(state, count) for _, state, count in await on_record(database.reader)] == [
        ("delivered", 2),
        ("delivered", 1),
        ("delivered", 1),
    ]


async def test_without_a_secret_nothing_is_tried_and_all_of_it_goes_when_there_is_one(database: Database) -> None:
    lost = await put(database.writer, "crm", ["call/1"])
    other = await put(database.writer, "other", ["call/2"] * 20)
    async with receiving() as crm, receiving() as board:
        known = KnownSubscriptions(replace(to(crm), secrets=()), to(board, "other"))
        async with engine(database, known):
            await board.until_kept(other)
            known.put(to(crm), to(board, "other"))
            await crm.until_kept(lost)
            await until_settled(database)
    assert (lost[0], "delivered", 1) in await on_record(database.reader)


class Wall:
    """A clock on the wall that goes on when a test says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = datetime.now(UTC)
        for name in ("ari_app.lanes.lane.now", "ari_app.webhooks.lane.now", "ari_app.storage.claims.moment"):
            patch.setattr(name, lambda: self.now)


async def test_after_the_last_attempt_a_delivery_is_given_up_and_the_next_one_goes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its attempts take longer than the schedule, the receiver is not dead: it takes others meanwhile."""
    wall = Wall(monkeypatch)
    poison, healthy = await put(database.writer, "crm", ["call/1", "call/1"])
    async with receiving(lambda id_, _count: web.Response(status=500 if id_ == poison else 204)) as crm:
        pace = replace(BRISK, schedule=Schedule(waits=(timedelta(hours=1),) * 3))
        async with engine(database, KnownSubscriptions(to(crm)), pace) as running:
            for attempts in range(1, 5):
                async with asyncio.timeout(PATIENCE_S):
                    while not any(made == attempts for _, _, made in await on_record(database.reader)):
                        await asyncio.sleep(0.01)
                if attempts < 4:
                    await until_delivered(database, await put(database.writer, "crm", [f"call/x{attempts}"]))
                    wall.now += timedelta(hours=2)
            await crm.until_kept([healthy])
            await until_settled(database)
    assert running.count(Result.GIVEN_UP) == 1
    assert running.news == []
    record = {id_: (state, count) for id_, state, count in await on_record(database.reader)}
    assert record[poison] == ("failed", 4)
    assert record[healthy] == ("delivered", 1)


async def test_a_receiver_that_takes_nothing_for_the_whole_schedule_is_disabled_and_nothing_else_is_lost(
    database: Database,
) -> None:
    ids = await put(database.writer, "crm", [f"call/{number}" for number in range(50)])
    schedule = Schedule(waits=(timedelta(milliseconds=30),) * 3)
    async with receiving(lambda _id, _count: web.Response(status=500)) as crm:
        known = KnownSubscriptions(to(crm))
        async with engine(database, known, replace(BRISK, schedule=schedule)) as running:
            await until(lambda: bool(running.news))
    assert "has taken nothing" in known.reasons["crm"]
    states = [state for _, state, _ in await on_record(database.reader)]
    assert states.count("pending") + states.count("failed") == len(ids)
    assert states.count("failed") <= 4
    async with database.reader.connect() as connection:
        since = select(webhook_subscriptions.c.failing_since).where(webhook_subscriptions.c.id == "crm")
        assert (await connection.execute(since)).scalar() is not None


async def test_what_waits_for_its_next_attempt_is_due_once_somebody_enables_the_webhook(database: Database) -> None:
    ids = await put(database.writer, "crm", ["call/1", "call/2", "call/1"])
    async with receiving(lambda _id, _count: web.Response(status=500)) as crm:
        known = KnownSubscriptions(to(crm))
        async with engine(database, known, replace(BRISK, schedule=Schedule(waits=(timedelta(hours=1),)))) as running:
            await until(lambda: running.count(Result.FAILED) == 2)
            known.put(replace(to(crm), is_enabled=False))
            crm.answer = taken
            await until(lambda: not running.engine.receivers)
            known.put(to(crm))
            await crm.until_kept(ids)
            await until_settled(database)


async def test_what_a_receiver_asks_for_is_waited_for(database: Database) -> None:
    await put(database.writer, "crm", ["call/1", "call/2"])
    async with receiving(lambda _id, _count: web.Response(status=429, headers={"Retry-After": "3600"})) as crm:
        pace = replace(BRISK, requests=1, pauses=Pauses())
        async with engine(database, KnownSubscriptions(to(crm)), pace) as running:
            await until(lambda: running.count(Result.FAILED) == 1)
            await asyncio.sleep(0.1)  # some looks at what is due
    assert len(crm.heard) == 1


async def test_a_template_that_has_nothing_to_say_counts_as_delivered_without_a_request(database: Database) -> None:
    await put(database.writer, "crm", CALLS)
    async with receiving() as crm:
        async with engine(database, KnownSubscriptions(replace(to(crm), template="silent"))) as running:
            await until_settled(database)
    assert (crm.heard, running.count(Result.SKIPPED)) == ([], len(CALLS))
    async with database.reader.connect() as connection:
        assert (await connection.execute(select(webhook_attempts))).all() == []


async def test_subscriptions_come_change_and_go_while_the_engine_runs(database: Database) -> None:
    async with receiving() as first, receiving() as second:
        known = KnownSubscriptions()
        async with engine(database, known):
            ids = await put(database.writer, "crm", ["call/1"])
            known.put(to(first))
            await first.until_kept(ids)
            known.put(to(second))
            await until_settled(database)
            more = await put(database.writer, "other", ["call/2"])
            known.put(to(second), to(second, "other"))
            await second.until_kept(more)
            await until_settled(database)
            known.put(to(second, "other"))
            await put(database.writer, "crm", ["call/3a"])
            last = await put(database.writer, "other", ["call/4b"])
            await second.until_kept(last)
    assert len(first.heard) == 1
    assert [subject for subject, _ in second.kept] == ["call/2", "call/4b"]


async def test_what_is_claimed_while_its_subscription_ends_is_given_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, claimed, goes_on = StoredOutbox.claim, asyncio.Event(), asyncio.Event()

    async def slowly(outbox: StoredOutbox, *given: Any) -> Sequence[Delivery]:
        """The database has done it, and the engine has not heard of it yet."""
        if found := await claim(outbox, *given):
            claimed.set()
            await goes_on.wait()
        return found

    monkeypatch.setattr(StoredOutbox, "claim", slowly)
    ids = await put(database.writer, "crm", ["call/1", "call/2"])
    async with receiving() as crm:
        known = KnownSubscriptions(to(crm))
        async with engine(database, known) as running:
            await claimed.wait()
            known.put()
            await until(lambda: not running.engine.receivers)
            goes_on.set()
        assert crm.heard == []
        async with engine(database, KnownSubscriptions(to(crm)), is_alone=False):
            await crm.until_kept(ids)
            await until_settled(database)
    assert await on_record(database.reader) == [(id_, "delivered", 1) for id_ in ids]


async def test_a_stopping_engine_finishes_what_answers_in_time(database: Database) -> None:
    [id_] = await put(database.writer, "crm", ["call/1"])
    async with receiving() as crm:
        crm.gate.clear()
        async with engine(database, KnownSubscriptions(to(crm))):
            await crm.until(lambda: bool(crm.heard))
            asyncio.get_running_loop().call_later(0.05, crm.gate.set)
    assert await on_record(database.reader) == [(id_, "delivered", 1)]


async def test_a_stopping_engine_gives_back_what_takes_longer(database: Database) -> None:
    ids = await put(database.writer, "crm", ["call/1", "call/2"])
    async with receiving(lambda _id, _count: None) as dead:
        async with engine(database, KnownSubscriptions(to(dead)), within_s=60, stop_s=0.05):
            await dead.until(lambda: len(dead.heard) == 2)
        dead.answer = taken
        async with engine(database, KnownSubscriptions(to(dead)), is_alone=False):
            await dead.until_kept(ids)
            await until_settled(database)
    assert [(state, count) for _, state, count in await on_record(database.reader)] == [("delivered", 1)] * 2
