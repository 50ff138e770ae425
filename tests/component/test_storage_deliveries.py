"""Claims of deliveries, and what becomes of them, in a real database of either kind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ari_app.domain.webhooks import Attempt, Delivery, DeliveryState
from ari_app.storage.database import sharing_engine
from ari_app.storage.deliveries import DUE, StoredOutbox, open_outbox
from ari_app.storage.errors import StorageError
from ari_app.storage.group_commit import committing_together
from ari_app.storage.schema import notices, webhook_attempts, webhook_deliveries, webhook_subscriptions
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.component.waiting_deliveries import on_record, put, subscribe
from tests.patience import PATIENCE_S

CLAIM = timedelta(minutes=1)
CALLS = ["call/1", "call/1", "call/2", "call/1", "call/2", "call/3"]


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        await subscribe(opened.writer, "crm", "other")
        yield opened


@pytest.fixture
async def outbox(database: Database) -> AsyncIterator[StoredOutbox]:
    async with open_outbox(database.writer, is_alone=True) as opened:
        yield opened


def now() -> datetime:
    return datetime.now(UTC)


async def claimed(outbox: StoredOutbox, limit: int = 10, *, lease: timedelta = CLAIM) -> Sequence[Delivery]:
    return await outbox.claim("crm", limit, now() + lease)


def attempt(delivery: Delivery, error: str = "") -> Attempt:
    return Attempt(
        number=delivery.attempts + 1,
        at=now(),
        url="https://x/",
        elapsed_ms=1.5,
        status=500 if error else 204,
        error=error,
    )


async def succeed(outbox: StoredOutbox, delivery: Delivery) -> None:
    assert await outbox.settle(delivery, attempt(delivery), DeliveryState.DELIVERED, now()) is None


def subjects(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.notice.subject for delivery in deliveries]


async def test_of_each_subject_the_oldest_alone_is_claimed(database: Database, outbox: StoredOutbox) -> None:
    ids = await put(database.writer, "crm", CALLS)
    first = await claimed(outbox)
    assert [delivery.notice.id for delivery in first] == [ids[0], ids[2], ids[5]]
    assert await claimed(outbox) == []
    await succeed(outbox, first[0])
    assert [delivery.notice.id for delivery in await claimed(outbox)] == [ids[1]]


async def test_a_claimed_delivery_has_its_notice_whole(database: Database, outbox: StoredOutbox) -> None:
    await put(database.writer, "crm", ["call/1"])
    [delivery] = await claimed(outbox)
    assert delivery.notice.data == {"call": {"call_id": "call/1"}}
    assert delivery.notice.about.users == {"456"}
    assert (delivery.notice.call_id, delivery.attempts, delivery.is_replay) == ("1", 0, False)


async def test_no_more_is_claimed_than_there_is_room_for_and_nothing_of_others(
    database: Database, outbox: StoredOutbox
) -> None:
    await put(database.writer, "crm", ["call/1", "call/2", "call/3"])
    await put(database.writer, "other", ["call/1"])
    assert subjects(await claimed(outbox, 2)) == ["call/1", "call/2"]
    assert subjects(await claimed(outbox, 2)) == ["call/3"]


async def test_every_attempt_is_on_record(database: Database, outbox: StoredOutbox) -> None:
    [id_] = await put(database.writer, "crm", ["call/1"])
    for _ in range(3):
        [delivery] = await claimed(outbox)
        await outbox.settle(delivery, attempt(delivery, "no"), DeliveryState.PENDING, now())
    [delivery] = await claimed(outbox)
    assert delivery.attempts == 3
    await succeed(outbox, delivery)
    assert await on_record(database.reader) == [(id_, "delivered", 4)]
    async with database.reader.connect() as connection:
        errors = await connection.execute(select(webhook_attempts.c.error).order_by(webhook_attempts.c.number))
        assert errors.scalars().all() == ["no", "no", "no", ""]


async def test_what_failed_waits_with_all_that_comes_after_it(database: Database, outbox: StoredOutbox) -> None:
    await put(database.writer, "crm", CALLS)
    first, *_ = await claimed(outbox, 1)
    later = now() + timedelta(hours=5)
    await outbox.settle(first, attempt(first, "no"), DeliveryState.PENDING, later)
    assert subjects(await claimed(outbox)) == ["call/2", "call/3"]
    async with database.reader.connect() as connection:
        of_call = select(webhook_deliveries.c.due_at).where(webhook_deliveries.c.subject == "call/1")
        assert set((await connection.execute(of_call)).scalars()) == {later}


async def test_what_waits_behind_one_that_failed_is_due_once_that_is_over(
    database: Database, outbox: StoredOutbox
) -> None:
    await put(database.writer, "crm", ["call/1", "call/1", "call/1"])
    [first] = await claimed(outbox)
    await outbox.settle(first, attempt(first, "no"), DeliveryState.PENDING, now() + timedelta(milliseconds=20))
    assert await outbox.next_due("crm") is not None
    await asyncio.sleep(0.03)
    [again] = await claimed(outbox)
    assert again.id == first.id
    await outbox.settle(again, attempt(again, "no"), DeliveryState.PENDING, now() + timedelta(hours=5))
    async with database.writer.begin() as connection:  # somebody wants it to be tried at once
        await connection.execute(text(f"UPDATE webhook_deliveries SET due_at = '2026-01-01' WHERE id = {first.id}"))
    [again] = await claimed(outbox)
    await outbox.settle(again, attempt(again, "no"), DeliveryState.FAILED, now())
    assert len(await claimed(outbox)) == 1


async def test_a_claim_that_is_over_is_anybody_s(database: Database, outbox: StoredOutbox) -> None:
    await put(database.writer, "crm", ["call/1"])
    [mine] = await claimed(outbox, lease=timedelta(milliseconds=30))
    due = await outbox.next_due("crm")
    assert due is not None
    await asyncio.sleep(0.04)
    async with open_outbox(database.writer, is_alone=False) as other:
        [theirs] = await claimed(other)
        assert theirs.id == mine.id
        # A failure that is told late leaves the other's claim alone, and is on record.
        await outbox.settle(mine, attempt(mine, "no"), DeliveryState.PENDING, now())
        assert await claimed(outbox) == []
        await succeed(other, theirs)
    assert [(state, count) for _, state, count in await on_record(database.reader)] == [("delivered", 2)]


async def test_what_was_delivered_is_whoever_claims_it_now(database: Database, outbox: StoredOutbox) -> None:
    await put(database.writer, "crm", ["call/1"])
    [mine] = await claimed(outbox, lease=timedelta(0))
    async with open_outbox(database.writer, is_alone=False) as other:
        [theirs] = await claimed(other)
        await succeed(outbox, mine)
        await other.settle(theirs, attempt(theirs, "no"), DeliveryState.PENDING, now())
    assert [(state, count) for _, state, count in await on_record(database.reader)] == [("delivered", 2)]


async def test_whoever_serves_a_file_alone_has_the_claims_of_the_one_before(database: Database) -> None:
    await put(database.writer, "crm", ["call/1", "call/2"])
    async with open_outbox(database.writer, is_alone=True) as died:
        assert len(await claimed(died)) == 2
    async with open_outbox(database.writer, is_alone=True) as next_one:
        assert len(await claimed(next_one)) == 2


async def test_what_is_given_back_is_due_at_once(database: Database, outbox: StoredOutbox) -> None:
    await put(database.writer, "crm", ["call/1", "call/2"])
    await outbox.release(await claimed(outbox))
    assert len(await claimed(outbox)) == 2


async def test_next_is_what_is_due_first_of_what_may_be_sent(database: Database, outbox: StoredOutbox) -> None:
    assert await outbox.next_due("crm") is None
    await put(database.writer, "crm", ["call/1", "call/1"])
    [first] = await claimed(outbox)
    later = now() + timedelta(hours=2)
    await outbox.settle(first, attempt(first, "no"), DeliveryState.PENDING, later)
    assert await outbox.next_due("crm") == later
    assert await outbox.next_due("other") is None


async def test_a_receiver_fails_since_its_first_failure_after_the_last_delivery(
    database: Database, outbox: StoredOutbox
) -> None:
    await put(database.writer, "crm", ["call/1", "call/2", "call/3", "call/4"])
    one, two, three, four = await claimed(outbox)
    failed = replace(attempt(one, "no"), at=now() - timedelta(hours=80))
    assert await outbox.settle(one, failed, DeliveryState.PENDING, now()) == failed.at
    assert await outbox.settle(two, attempt(two, "no"), DeliveryState.PENDING, now()) == failed.at
    await succeed(outbox, three)
    again = attempt(four, "no")
    assert await outbox.settle(four, again, DeliveryState.PENDING, now()) == again.at


async def test_what_had_not_to_be_sent_leaves_no_attempt(database: Database, outbox: StoredOutbox) -> None:
    [id_] = await put(database.writer, "crm", ["call/1"])
    [delivery] = await claimed(outbox)
    await outbox.settle(delivery, None, DeliveryState.DELIVERED, now())
    assert await on_record(database.reader) == [(id_, "delivered", 0)]


async def test_what_becomes_of_a_delivery_whose_subscription_is_gone_is_nobody_s_business(
    database: Database, outbox: StoredOutbox
) -> None:
    await put(database.writer, "crm", ["call/1"])
    [delivery] = await claimed(outbox)
    async with database.writer.begin() as connection:
        await connection.execute(delete(webhook_subscriptions).where(webhook_subscriptions.c.id == "crm"))
    await succeed(outbox, delivery)
    assert await on_record(database.reader) == []


async def test_two_processes_on_a_server_share_what_there_is(postgresql: StorageSettings) -> None:
    async with AsyncExitStack() as open_ends:
        database = await open_ends.enter_async_context(open_database(postgresql))
        await subscribe(database.writer, "crm")
        await put(database.writer, "crm", [f"call/{number // 3}" for number in range(300)])
        engines = [sharing_engine(postgresql) for _ in range(3)]
        for engine in engines:
            open_ends.push_async_callback(engine.dispose)
        outboxes = [await open_ends.enter_async_context(open_outbox(each, is_alone=False)) for each in engines]
        seen: list[tuple[int, str]] = []
        at_work = asyncio.Barrier(len(outboxes))  # else the others may be done before one has begun

        async def work(outbox: StoredOutbox) -> int:
            done = 0
            while await outbox.next_due("crm") is not None:
                claims = await claimed(outbox, 4)
                if not done:
                    assert claims
                    await at_work.wait()
                for delivery in claims:
                    seen.append((delivery.id, delivery.notice.subject))
                    await succeed(outbox, delivery)
                    done += 1
            return done

        async with asyncio.timeout(PATIENCE_S):
            done = await asyncio.gather(*map(work, outboxes))
    assert sum(done) == len(seen) == len({id_ for id_, _ in seen}) == 300
    assert all(done)
    for subject in {subject for _, subject in seen}:
        ids = [id_ for id_, about in seen if about == subject]
        assert ids == sorted(ids)


async def test_one_that_fails_spoils_nothing_of_what_is_committed_with_it(database: Database) -> None:
    async with committing_together(database.writer) as group:

        async def count(connection: AsyncConnection) -> int:
            return int((await connection.execute(text("SELECT count(*) FROM webhook_subscriptions"))).scalar_one())

        async def broken(connection: AsyncConnection) -> None:
            await connection.execute(text("UPDATE webhook_subscriptions SET name = 'crm'"))  # it is unique

        results = await asyncio.gather(
            *(group.carry_out(count) for _ in range(3)),
            group.carry_out(broken),
            group.carry_out(count),
            return_exceptions=True,
        )
    assert [result for result in results if isinstance(result, int)] == [2, 2, 2, 2]
    [error] = [result for result in results if not isinstance(result, int)]
    assert isinstance(error, StorageError)


async def test_what_is_due_is_found_by_its_index_however_much_waits(database: Database) -> None:
    await put(database.writer, "crm", [f"call/{number // 7}" for number in range(3000)])
    async with database.writer.begin() as connection:
        await connection.execute(text("ANALYZE"))
        claiming = await plan(connection, DUE.claimable, {"of": "crm", "now": now(), "most": 4})
        looking = await plan(connection, DUE.next_due, {"of": "crm"})
    for found in (claiming, looking):
        assert "ix_webhook_deliveries_due" in found
        assert "ix_webhook_deliveries_pending" in found
        assert "TEMP B-TREE" not in found
        assert "Sort" not in found


async def plan(connection: AsyncConnection, query: Select[Any], given: dict[str, Any]) -> str:
    """How the database would carry this out, in its words."""
    how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    words = query.params(given).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    rows = await connection.execute(text(f"{how} {words}"))
    return "\n".join(str(tuple(row)) for row in rows)


async def test_what_a_later_version_has_told_waits_and_keeps_back_its_own_subject_alone(
    database: Database, outbox: StoredOutbox
) -> None:
    ids = await put(database.writer, "crm", ["call/1", "call/1", "call/2"])
    async with database.writer.begin() as connection:
        await connection.execute(update(notices).where(notices.c.id == ids[0]).values(type="call.teleported"))
    async with asyncio.timeout(PATIENCE_S):
        assert [delivery.notice.id for delivery in await claimed(outbox)] == [ids[2]]
        assert await claimed(outbox) == []
        due_at = await outbox.next_due("crm")
    assert due_at is not None and due_at > now() + timedelta(seconds=30), "nobody looks for it again and again"
    assert (ids[0], "pending", 0) in await on_record(database.reader)


async def test_a_fault_in_one_of_those_that_commit_together_costs_no_other_one(database: Database) -> None:
    async def work(connection: AsyncConnection) -> int:
        found: int = (await connection.execute(text("SELECT 1"))).scalar_one()
        return found

    async def fail(_: AsyncConnection) -> int:
        raise ValueError("a fault of the router's own")

    async with committing_together(database.writer) as group, asyncio.timeout(PATIENCE_S):
        made = await asyncio.gather(
            group.carry_out(work), group.carry_out(fail), group.carry_out(work), return_exceptions=True
        )
        assert [made[0], made[2], str(made[1])] == [1, 1, "a fault of the router's own"]
        assert await group.carry_out(work) == 1


async def test_what_was_due_by_a_clock_that_was_set_back_is_due_when_the_process_starts(database: Database) -> None:
    await put(database.writer, "crm", ["call/1", "call/2"])
    years, soon = now() + timedelta(days=3000), now() + timedelta(hours=20)
    async with database.writer.begin() as connection:
        of_first = webhook_deliveries.c.subject == "call/1"
        await connection.execute(update(webhook_deliveries).values(due_at=soon))
        await connection.execute(update(webhook_deliveries).where(of_first).values(due_at=years))
    async with open_outbox(database.writer, is_alone=False) as opened:
        assert subjects(await claimed(opened)) == ["call/1"]


async def test_what_was_begun_is_committed_though_its_caller_and_the_group_end(database: Database) -> None:
    await put(database.writer, "crm", ["call/1"])
    async with open_outbox(database.writer, is_alone=True) as outbox:
        claiming = asyncio.create_task(claimed(outbox))
        await asyncio.sleep(0)  # it has asked
        claiming.cancel()
        await asyncio.gather(claiming, return_exceptions=True)
    async with database.reader.connect() as connection:
        claims = (await connection.execute(select(webhook_deliveries.c.claimed_by))).scalars().all()
    assert all(claims)
