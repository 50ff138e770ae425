"""How what others are told is forgotten: by age, without numbers, and at the request of a number's owner."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from ari_app.domain import events as e
from ari_app.domain.notices import Notice, NoticeType
from ari_app.live.erasing import all_forms_of
from ari_app.storage import retention as retention_module
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.outbox import OutboxWriter, StoredNotices, writing_notices
from ari_app.storage.retention import Retention
from ari_app.storage.schema import notices, webhook_attempts, webhook_deliveries, webhook_subscriptions
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import RetentionSettings, StorageSettings
from tests.component.storage_events import START, answered_call, at
from tests.component.storage_receivers import EVERYTHING, device_notice, subscribe, waiting

DAY = timedelta(days=1)
CALLER = "+14155550177"


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def outbox(database: Database) -> OutboxWriter:
    made = OutboxWriter(region="US")
    await subscribe(database, made, {"on": EVERYTHING, "off": EVERYTHING})
    async with database.writer.begin() as connection:
        off = webhook_subscriptions.c.id == "off"
        await connection.execute(update(webhook_subscriptions).where(off).values(is_enabled=False))
    return made


@pytest.fixture
async def call_log(database: Database, outbox: OutboxWriter) -> AsyncIterator[CallLog]:
    async with writing_call_log(database, outbox) as opened:
        yield opened


@pytest.fixture
async def told(database: Database, outbox: OutboxWriter) -> AsyncIterator[StoredNotices]:
    async with writing_notices(database, outbox) as opened:
        yield opened


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "BATCH", 2)
    monkeypatch.setattr(retention_module, "PAUSE_S", 0)


async def tell(call_log: CallLog, call_id: str, happened: list[e.CallEvent]) -> None:
    for event in happened:
        call_log.write(call_id, event)
    await call_log.flush()


async def deliver(database: Database, to: str, answer: str = "") -> None:
    """All that waits for this one is delivered, each by one attempt, which was answered so."""
    async with database.writer.begin() as connection:
        of_it = webhook_deliveries.c.subscription_id == to
        await connection.execute(update(webhook_deliveries).where(of_it).values(state="delivered"))
        attempt = f"SELECT id, 1, due_at, 'https://crm.example.com', 3.5, 200, '', '{answer}' FROM webhook_deliveries"
        into = "INSERT INTO webhook_attempts (delivery_id, number, at, url, elapsed_ms, status, error, answer)"
        await connection.execute(text(f"{into} {attempt} WHERE subscription_id = '{to}'"))


async def counts(database: Database) -> list[int]:
    async with database.reader.connect() as connection:
        tables = (notices, webhook_deliveries, webhook_attempts)
        return [(await connection.execute(select(func.count()).select_from(table))).scalar_one() for table in tables]


async def stored(database: Database) -> list[dict[str, Any]]:
    async with database.reader.connect() as connection:
        rows = (await connection.execute(select(notices).order_by(notices.c.position))).mappings().all()
        return [{str(name): value for name, value in row.items()} for row in rows]


def aged(number: int, days: float) -> Notice:
    return replace(device_notice(number), at=START + days * DAY)


async def test_old_notices_go_with_deliveries_and_attempts_and_what_is_still_tried_stays(
    database: Database, told: StoredNotices
) -> None:
    for number in range(5):
        told.tell(aged(number, number))
    await told.flush()
    keeping = Retention(database, RetentionSettings(), 3)
    await keeping.once(START + 100 * DAY)
    assert await counts(database) == [5, 10, 0]
    await deliver(database, "on")
    await keeping.once(START + 6 * DAY)
    assert [delivery.notice for delivery in await waiting(database) if delivery.to == "off"] == ["device-3", "device-4"]
    assert await counts(database) == [2, 4, 2]


async def test_without_a_number_of_days_notices_stay(database: Database, told: StoredNotices) -> None:
    told.tell(aged(1, 0))
    await told.flush()
    await deliver(database, "on")
    await Retention(database, RetentionSettings(keep_days=1)).once(START + 100 * DAY)
    assert (await counts(database))[0] == 1


async def test_what_a_call_told_goes_with_the_call(database: Database, call_log: CallLog, told: StoredNotices) -> None:
    await tell(call_log, "call-1", answered_call())
    told.tell(device_notice(1))
    await told.flush()
    await Retention(database, RetentionSettings(keep_days=5)).once(START + 10 * DAY)
    assert [row["call_id"] for row in await stored(database)] == [""]


async def test_a_call_that_loses_its_numbers_tells_none_also_where_it_is_still_to_be_told(
    database: Database, call_log: CallLog
) -> None:
    await tell(call_log, "20260301T093000-4a8f0c1e9b7d", answered_call())
    before = await stored(database)
    await Retention(database, RetentionSettings(mask_numbers_after_days=5)).once(START + 10 * DAY)
    after = await stored(database)
    assert len(after) == len(before)
    assert CALLER not in str(after)
    assert after[-1]["about"]["numbers"] == ["+14155550100", "+1415555****"]
    call = after[-1]["data"]["call"]
    assert (call["caller_number"], call["called_number"]) == ("+1415555****", "+14155550100")
    same = {"caller_number", "legs"}
    kept = [{k: v for k, v in row["data"]["call"].items() if k not in same} for row in (before[-1], after[-1])]
    assert kept[0] == kept[1]


async def test_numbers_of_notices_without_a_call_are_hidden_by_their_age(
    database: Database, told: StoredNotices
) -> None:
    data = {"message": {"sender": f"sip:{CALLER}@192.0.2.1", "text": f"call {CALLER}"}}
    for number in range(5):
        told.tell(replace(aged(number, number), type=NoticeType.MESSAGE_RECEIVED, data=data))
        await told.flush()
    keeping = Retention(database, RetentionSettings(mask_numbers_after_days=5))
    for days in (7.5, 9.5):
        await keeping.once(START + days * DAY)
        hidden = [CALLER not in str(row["data"]) for row in await stored(database)]
        assert hidden == [number < days - 5 for number in range(5)]


async def test_numbers_in_what_receivers_have_answered_are_hidden_with_those_of_the_notice(
    database: Database, call_log: CallLog, told: StoredNotices
) -> None:
    await tell(call_log, "20260301T093000-4a8f0c1e9b7d", answered_call())
    told.tell(aged(1, 0))
    await told.flush()
    await deliver(database, "on", answer=f"took {CALLER} of ours")
    await Retention(database, RetentionSettings(mask_numbers_after_days=5)).once(START + 10 * DAY)
    async with database.reader.connect() as connection:
        answers = (await connection.execute(select(webhook_attempts.c.answer))).scalars().all()
    assert set(answers) == {"took +1415555**** of ours"}


async def erase(database: Database) -> Any:
    return await StoredEraser(database).erase(all_forms_of(CALLER, "US"))


async def test_what_waits_for_a_receiver_is_not_sent_once_its_number_is_erased(
    database: Database, call_log: CallLog, told: StoredNotices
) -> None:
    await tell(call_log, "call-1", answered_call())
    arrived, *rest = answered_call()
    assert isinstance(arrived, e.CallArrived)
    await tell(call_log, "call-2", [replace(arrived, caller_number="+14155550188"), *rest])
    about_it = {"message": {"sender": "sip:14155550177@192.0.2.1", "text": "hello"}}
    longer = {"message": {"sender": "sip:914155550177123@192.0.2.1", "text": "hello"}}
    told.tell(replace(device_notice(1), data=about_it))
    told.tell(replace(device_notice(2), data=longer))
    await told.flush()
    erased = await erase(database)
    assert (erased.calls, erased.notices) == (1, 6)
    left = {delivery.notice for delivery in await waiting(database)}
    assert {notice for notice in left if not notice.startswith("call-2-")} == {"device-2"}
    assert len(left) == 1 + 5


async def test_a_call_that_goes_on_keeps_what_it_has_told_until_it_is_asked_again(
    database: Database, call_log: CallLog
) -> None:
    await tell(call_log, "call-1", answered_call()[:9])
    erased = await erase(database)
    assert (erased.in_progress, erased.notices) == (1, 0)
    over: list[e.CallEvent] = [e.CallEnded(at=datetime.now(UTC) - timedelta(minutes=2), by="caller", cause=16)]
    await tell(call_log, "call-1", over)
    assert (await erase(database)).notices == 4
    assert await waiting(database) == []


async def test_an_erased_number_that_only_another_call_has_told_of_is_untold(
    database: Database, call_log: CallLog
) -> None:
    refused = e.NumberRefused(at=at(1), number=CALLER, trunk="main", code="too_many", detail="", remedy="")
    first = answered_call()[0]
    assert isinstance(first, e.CallArrived)
    over = e.CallEnded(at=at(2), by="caller", cause=16)
    await tell(call_log, "call-1", [replace(first, caller_number="+14155550188"), refused, over])
    erased = await erase(database)
    assert (erased.calls, erased.notices) == (0, 1)
    assert {row["type"] for row in await stored(database)} == {"call.started", "call.ended"}
