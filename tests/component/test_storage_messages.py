"""Text messages in a real database of either kind: kept, found again, deleted, masked, erased."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.domain.history import Paging
from ari_app.domain.messages import ContactResult, MessageDirection, MessageFilter, MessageStatus, TextMessage
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.messages import StoredMessages, read_messages, writing_messages
from ari_app.storage.retention import Retention
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import RetentionSettings, StorageSettings

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MESSAGE = TextMessage(
    id="msg-1",
    at=AT,
    direction=MessageDirection.OUTBOUND,
    status=MessageStatus.SENT,
    sender="+14155550100",
    recipient="ada@example.com",
    text="Call +14155550177 at 10 👩‍👧\nplease",
    user="456",
    contacts=(
        ContactResult(endpoint="PJSIP/ada", contact="sip:14155550199@192.0.2.7", status=MessageStatus.SENT),
        ContactResult(endpoint="PJSIP/ada", contact="sip:a@b", status=MessageStatus.FAILED, reason="no"),
    ),
    key="crm",
)


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


async def keep(database: Database, *messages: TextMessage) -> StoredMessages:
    async with writing_messages(database) as log:
        for message in messages:
            log.put(message)
    return StoredMessages(database.reader)


async def ids(stored: StoredMessages) -> list[str]:
    return [message.id for message in (await stored.messages(MessageFilter(), Paging())).items]


async def test_a_message_is_found_as_it_was_put(database: Database) -> None:
    stored = await keep(database, MESSAGE, replace(MESSAGE, id="msg-2", contacts=(), at=AT + timedelta(seconds=1)))
    assert await stored.message("msg-1") == MESSAGE
    assert await stored.message("msg-3") is None
    assert await ids(stored) == ["msg-2", "msg-1"]
    async with read_messages(database.settings) as beside:
        assert await beside.message("msg-1") == MESSAGE


async def test_messages_of_one_moment_are_paged_without_loss(database: Database) -> None:
    stored = await keep(database, *(replace(MESSAGE, id=f"msg-{number}") for number in range(7)))
    found, cursor = [], ""
    while True:
        page = await stored.messages(MessageFilter(users=("456",)), Paging(limit=3, cursor=cursor))
        found += [message.id for message in page.items]
        if page.next is None:
            break
        cursor = page.next
    assert found == [f"msg-{number}" for number in reversed(range(7))]
    assert page.total == 7


async def test_old_messages_are_deleted_and_numbers_masked_when_their_time_is_over(database: Database) -> None:
    ages = {"old": 40, "middle": 20, "new": 1}
    stored = await keep(
        database, *(replace(MESSAGE, id=name, at=AT - timedelta(days=days)) for name, days in ages.items())
    )
    retention = Retention(database, RetentionSettings(keep_days=30, mask_numbers_after_days=10))
    for _ in range(2):  # masked once, and left alone then
        await retention.once(AT)
    assert await ids(stored) == ["new", "middle"]
    masked = await stored.message("middle")
    assert masked is not None
    assert (masked.sender, masked.text) == ("+1415555****", "Call +1415555**** at 10 👩‍👧\nplease")
    assert (masked.recipient, masked.contacts[0].contact) == ("ada@example.com", "sip:1415555****@192.0.2.7")
    assert await stored.message("new") == replace(MESSAGE, id="new", at=AT - timedelta(days=1))


async def test_messages_from_and_to_a_number_are_erased_and_others_stay(database: Database) -> None:
    received = replace(MESSAGE, direction=MessageDirection.INBOUND, status=MessageStatus.RECEIVED, sender="sip:ada@pbx")
    stored = await keep(
        database,
        replace(received, id="from", sender="sip:+14155550177@carrier"),
        replace(received, id="to", recipient="4155550177"),
        replace(received, id="longer", sender="sip:+141555501770@carrier"),
        replace(received, id="other"),
    )
    erased = await StoredEraser(database).erase(("+14155550177", "4155550177"))
    assert erased.messages == 2
    assert sorted(await ids(stored)) == ["longer", "other"]


async def test_erasing_nobody_erases_no_message(database: Database) -> None:
    stored = await keep(database, replace(MESSAGE, sender=""))
    assert (await StoredEraser(database).erase(("",))).messages == 0
    assert await ids(stored) == ["msg-1"]
