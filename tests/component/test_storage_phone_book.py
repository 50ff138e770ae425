"""The phone book in a real database of either kind: taken, searched, cleared of what is gone, erased."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agi_router.routing.errors import Failure
from ari_app.domain.contacts import Contact, ContactKind
from ari_app.domain.phone_book import BookEntry, ContactFilter, SyncRun, SyncState, words_of
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.errors import StorageError
from ari_app.storage.phone_book import WrittenPhoneBook, open_phone_book
from ari_app.storage.phone_book_reader import StoredPhoneBook, read_phone_book
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings

ADA = Contact(
    connector="hubspot",
    id="7",
    name="Ada Łovelace",
    company="Müller & Söhne",
    company_id="c1",
    job_title="Engineer",
    email="ada@example.com",
    phones=("(415) 555-0177 ext. 12", "+44 20 7946 0958", "101"),
    owner="77",
    url="https://crm.example.com/7",
    changed_at=datetime(2026, 11, 20, 9, 30, 0, 250, tzinfo=UTC),
)
MULLER = Contact(connector="hubspot", id="7", kind=ContactKind.ORGANIZATION, name="Müller & Söhne")
BEN = Contact(connector="hubspot", id="8", name="ben Miller", phones=("+14155550177",))
OTHERS = Contact(connector="tryton", id="7", name="Čapek", phones=("+14155550177",))
EVERYBODY = (ADA, MULLER, BEN, OTHERS)
BOTH = tuple(ContactKind)


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


def book_of(database: Database, region: str = "US") -> WrittenPhoneBook:
    return WrittenPhoneBook(database, lambda: region)


async def filled(database: Database, *contacts: Contact) -> tuple[WrittenPhoneBook, StoredPhoneBook, SyncRun]:
    book = book_of(database)
    run = await book.begin("hubspot")
    await book.put(run, [contact for contact in contacts if contact.connector == "hubspot"])
    for contact in contacts:
        if contact.connector != "hubspot":
            await book.put_one(contact)
    return book, StoredPhoneBook(database.reader), run


async def done(book: WrittenPhoneBook, run: SyncRun) -> None:
    await book.end(replace(run, state=SyncState.DONE))


async def found(stored: StoredPhoneBook, search: str = "", **wanted: tuple[object, ...]) -> list[str]:
    entries, total = await stored.search(ContactFilter(words=words_of(search), **wanted), offset=0, limit=50)  # type: ignore[arg-type]
    assert total == len(entries)
    return [entry.contact.name for entry in entries]


async def test_a_contact_is_found_as_it_was_put_with_its_numbers_in_e164(database: Database) -> None:
    _, stored, _ = await filled(database, *EVERYBODY)
    assert await stored.contact("hubspot", "7") == BookEntry(contact=ADA, numbers=("+14155550177", "+442079460958"))
    assert await stored.contact("hubspot", "7", ContactKind.ORGANIZATION) == BookEntry(contact=MULLER)
    assert await stored.contact("hubspot", "9") is None
    assert await stored.contact("tryton", "7") == BookEntry(contact=OTHERS, numbers=("+14155550177",))
    assert await stored.sizes() == {"hubspot": 3, "tryton": 1}
    async with read_phone_book(database.settings) as beside:
        assert (await beside.contact("hubspot", "8")) == BookEntry(contact=BEN, numbers=("+14155550177",))


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("", ["Ada Łovelace", "ben Miller", "Čapek", "Müller & Söhne"]),
        ("lovelace", ["Ada Łovelace"]),
        ("SOHNE mull", ["Ada Łovelace", "Müller & Söhne"]),
        ("muller ada", ["Ada Łovelace"]),
        ("capek", ["Čapek"]),
        ("@EXAMPLE.com", ["Ada Łovelace"]),
        ("engin", ["Ada Łovelace"]),
        ("415-555-0177", ["Ada Łovelace", "ben Miller", "Čapek"]),
        ("+44 (20) 7946 0958", ["Ada Łovelace"]),
        ("02079460958", ["Ada Łovelace"]),
        ("lovelace ben", []),
        ("100%", []),
        ("_", []),
    ],
)
async def test_every_word_has_to_stand_somewhere_without_cases_and_accents(
    database: Database, search: str, names: list[str]
) -> None:
    _, stored, _ = await filled(database, *EVERYBODY)
    assert await found(stored, search) == names


async def test_contacts_are_found_by_number_connector_and_kind(database: Database) -> None:
    _, stored, _ = await filled(database, *EVERYBODY)
    assert await found(stored, numbers=("+14155550177",)) == ["Ada Łovelace", "ben Miller", "Čapek"]
    assert await found(stored, numbers=("+14155550177",), connectors=("tryton",)) == ["Čapek"]
    assert await found(stored, kinds=(ContactKind.ORGANIZATION,)) == ["Müller & Söhne"]
    assert await stored.of_number("hubspot", "+14155550177") == (ADA, BEN)
    assert await stored.of_number("hubspot", "+14155550178") == ()


async def test_pages_come_in_order_and_tell_how_many_there_are(database: Database) -> None:
    _, stored, _ = await filled(database, *(replace(BEN, id=str(number), name="Ben") for number in range(120)))
    pages = [await stored.search(ContactFilter(), offset=offset, limit=50) for offset in (0, 50, 100, 150)]
    assert [entry.contact.id for page, _ in pages for entry in page] == [str(number) for number in range(120)]
    assert [total for _, total in pages] == [120] * 4


async def test_a_run_writes_only_what_has_changed_and_a_changed_number_is_not_found_any_more(
    database: Database,
) -> None:
    book, stored, run = await filled(database, ADA, BEN)
    await done(book, run)
    second = await book.begin("hubspot")
    assert await book.put(second, [ADA, replace(BEN, phones=("+14155550199",))]) == 1
    assert [contact.id for contact in await stored.of_number("hubspot", "+14155550177")] == ["7"]
    assert [contact.id for contact in await stored.of_number("hubspot", "+14155550199")] == ["8"]
    assert (await book.put(second, [ADA, ADA]), await book.delete_unseen(second, BOTH)) == (0, 0)


async def test_what_a_run_has_not_seen_is_deleted_and_nothing_of_others(database: Database) -> None:
    book, stored, run = await filled(database, *EVERYBODY)
    await done(book, run)
    second = await book.begin("hubspot")
    await book.put(second, [BEN])
    assert await book.delete_unseen(second, [ContactKind.ORGANIZATION]) == 1
    assert await found(stored) == ["Ada Łovelace", "ben Miller", "Čapek"]
    assert await book.delete_unseen(second, BOTH) == 1
    assert await found(stored) == ["ben Miller", "Čapek"]
    assert await stored.of_number("hubspot", "+442079460958") == ()


async def test_more_than_a_batch_is_deleted(database: Database) -> None:
    book, stored, run = await filled(database, *(replace(BEN, id=str(number)) for number in range(130)))
    await done(book, run)
    second = await book.begin("hubspot")
    assert await book.delete_unseen(second, BOTH) == 130
    assert await stored.sizes() == {}


async def test_who_is_put_in_beside_a_run_is_not_deleted_by_it_but_by_the_next_one(database: Database) -> None:
    book, stored, run = await filled(database, ADA)
    await done(book, run)
    second = await book.begin("hubspot")
    await book.put_one(BEN, made_by="req-1")
    await book.put(second, [ADA])
    assert await book.delete_unseen(second, BOTH) == 0
    assert await stored.made_by("req-1") == BookEntry(contact=BEN, numbers=("+14155550177",))
    assert await stored.made_by("req-2") is None
    third = await book.begin("hubspot")
    assert await book.delete_unseen(third, BOTH) == 2


async def test_a_run_does_not_forget_which_request_has_created_a_contact(database: Database) -> None:
    book, stored, run = await filled(database)
    await book.put_one(BEN, made_by="req-1")
    await book.put(run, [replace(BEN, name="Benjamin")])
    await book.put_one(replace(BEN, name="Benny"))
    made = await stored.made_by("req-1")
    assert made is not None
    assert made.contact.name == "Benny"


async def test_numbers_are_read_anew_when_the_region_has_changed(database: Database) -> None:
    local = replace(BEN, phones=("020 7946 0958",))
    book, stored, run = await filled(database, local)
    await done(book, run)
    assert await stored.of_number("hubspot", "+442079460958") == ()
    british = book_of(database, "GB")
    second = await british.begin("hubspot")
    assert await british.put(second, [local]) == 1
    assert await stored.of_number("hubspot", "+442079460958") == (local,)
    await done(british, second)
    assert await british.put(await british.begin("hubspot"), [local]) == 0


async def test_the_last_run_is_kept_with_what_broke_it_off(database: Database) -> None:
    book, stored, run = await filled(database)
    assert await stored.runs() == {"hubspot": run}
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    whole = replace(run, state=SyncState.DONE, ended_at=at, seen=9, changed=4, deleted=1, whole_at=at)
    await book.end(whole)
    second = await book.begin("hubspot")
    assert (second.run, second.whole_at) == (2, at)
    broken = replace(
        second, state=SyncState.BROKEN_OFF, ended_at=at, hook="Contacts", page=3, failure=Failure("down", "a", "b")
    )
    await book.end(broken)
    assert await stored.runs() == {"hubspot": broken}


async def test_a_run_of_a_killed_router_has_broken_off(database: Database) -> None:
    _, stored, _ = await filled(database, ADA)
    await open_phone_book(database, lambda: "US")
    run = (await stored.runs())["hubspot"]
    assert (run.state, run.failure and run.failure.code) == (SyncState.BROKEN_OFF, "router_ended")
    assert await found(stored) == ["Ada Łovelace"]


async def test_copies_of_connectors_that_are_gone_are_forgotten(database: Database) -> None:
    book, stored, _ = await filled(database, *EVERYBODY)
    assert await book.forget_others(["tryton"]) == 3
    assert (await stored.sizes(), await stored.runs()) == ({"tryton": 1}, {})
    assert await book.forget_others([]) == 1


async def test_contacts_with_a_number_are_erased_and_others_stay(database: Database) -> None:
    _, stored, _ = await filled(database, *EVERYBODY)
    erased = await StoredEraser(database).erase(("+14155550177", "4155550177"))
    assert erased.contacts == 3
    assert await found(stored) == ["Müller & Söhne"]
    assert (await StoredEraser(database).erase(("",))).contacts == 0


async def test_a_database_that_cannot_be_read_has_nobody_for_a_call_and_tells_searchers(database: Database) -> None:
    _, stored, _ = await filled(database, ADA)
    async with database.writer.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE contact_numbers")
    assert await stored.of_number("hubspot", "+14155550177") == ()
    with pytest.raises(StorageError, match="contact_numbers"):
        await stored.search(ContactFilter(numbers=("+14155550177",)), offset=0, limit=5)
