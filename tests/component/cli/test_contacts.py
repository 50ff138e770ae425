"""`agi-router contacts` and `crm sync`, beside a router and without one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ari_app.control.server import serve_control
from ari_app.crm.phone_books import keeping_phone_books
from ari_app.domain.contacts import Contact, ContactKind
from ari_app.domain.crm import HookName
from ari_app.live.contacts import ContactDesk
from ari_app.live.once import Once
from ari_app.settings import load_settings
from ari_app.storage.phone_book import WrittenPhoneBook
from ari_app.storage.phone_book_reader import StoredPhoneBook
from ari_app.storage.reservations import Reservations
from ari_app.storage.serving import open_database
from tests.command import Command
from tests.component.cli.test_completion import completed
from tests.fakes.listed_crm import ListedCrm, down, person

BEN = Contact(
    connector="hubspot", id="512", name="Ben \x1b[2JMüller", company="[b]Miller", phones=("+1 415 555 0177", "101")
)
MILLER = Contact(connector="tryton", id="7", kind=ContactKind.ORGANIZATION, name="Miller Ltd", email="m@example.com")


async def _one_crm(_: object) -> dict[str, object]:
    told = {"name": "hubspot", "title": "A CRM", "state": "ok", **dict.fromkeys(("since", "answered_at", "failure"))}
    return {"connectors": [{**told, "remedy": "", "failed_at": None}]}


@asynccontextmanager
async def serving(command: Command, crm: ListedCrm) -> AsyncIterator[None]:
    """What of a router answers these commands."""
    settings = load_settings(command.config)
    async with open_database(settings.storage) as database:
        book, archive = WrittenPhoneBook(database, lambda: "US"), StoredPhoneBook(database.reader)
        async with keeping_phone_books([crm], {}, book, archive) as books:
            once = Once(Reservations(database))
            desk = ContactDesk(crms={crm.name: crm}, archive=archive, book=book, books=books, once=once)
            commands = {
                "crm_sync": desk.begin_sync,
                "crm_synced": desk.tell_sync,
                "phone_books": desk.tell_syncs,
                "crm": _one_crm,
            }
            async with serve_control(settings.control, commands):
                yield


@pytest.fixture
async def known(command: Command) -> None:
    async with open_database(load_settings(command.config).storage) as database:
        for contact in (BEN, MILLER):
            await WrittenPhoneBook(database, lambda: "US").put_one(contact)


@pytest.mark.usefixtures("known")
async def test_contacts_are_found_without_a_router(command: Command) -> None:
    everybody = await command("contacts")
    assert everybody.rows == [
        "name company phones e-mail crm id",
        "Ben \\x1b[2JMüller [b]Miller +1 415 555 0177, 101 hubspot 512",
        "Miller Ltd organization m@example.com tryton 7",
    ]
    for words in (["MULLER", "ben"], ["--number", "415-555-0177"], ["--number", "555 01"], ["--crm", "hubspot"]):
        found = await command("contacts", *words, "--json")
        assert [each["id"] for each in found.json["items"]] == ["512"], words
    assert (await command("contacts", "--kind", "organization", "--json")).json["items"][0]["id"] == "7"
    first = await command("contacts", "-n", "1", "miller")
    assert (len(first.rows), first.err) == (2, "1 more: name further words, or -n 2\n")
    for words in (["nobody"], ["--number", "ben"]):
        assert (await command("contacts", *words)).out == "no contact like that in the phone book\n"


async def test_a_phone_book_without_contacts_is_told(command: Command) -> None:
    async with open_database(load_settings(command.config).storage):
        pass
    assert (await command("contacts")).out == "the phone book is empty\n"


async def test_a_run_is_followed_to_its_end(command: Command) -> None:
    crm = ListedCrm({HookName.CONTACTS: [[person("1"), person("2"), person("")], [person("3")]]})
    async with serving(command, crm):
        told = await command("crm", "sync", "hubspot")
        as_json = await command("crm", "sync", "hubspot", "--json")
    assert told.status == 0
    assert told.out == "read 3 contacts of hubspot: 3 were new or had changed, 0 were deleted\n"
    assert told.err.splitlines()[-1] == "1 records have no id that can be kept; they were left out"
    assert (as_json.json["state"], as_json.json["seen"], as_json.json["changed"]) == ("done", 3, 0)
    assert [each["id"] for each in (await command("contacts", "--json")).json["items"]] == ["1", "2", "3"]


async def test_a_run_of_what_has_changed_says_so_and_all_is_read_on_demand(command: Command) -> None:
    contacts = HookName.CONTACTS
    crm = ListedCrm({contacts: [[person("1"), person("2")]]}, lists_changes=frozenset({contacts}))
    async with serving(command, crm):
        await command("crm", "sync", "hubspot")
        crm.lists = {contacts: [[person("1")]]}
        changes = await command("crm", "sync", "hubspot")
        every = await command("crm", "sync", "hubspot", "--full")
    assert changes.out == (
        "read 1 contacts of hubspot that may have changed: 0 were new or had changed; --full reads all of them\n"
    )
    assert every.out == "read 1 contacts of hubspot: 0 were new or had changed, 1 were deleted\n"


async def test_a_run_that_broke_off_says_where_and_why_and_so_does_the_phone_book(command: Command) -> None:
    async with serving(command, ListedCrm({HookName.CONTACTS: [[person("1")], down()]})):
        told = await command("crm", "sync", "hubspot")
    assert told.status == 1
    assert "broke off at page 2 of Contacts: the CRM cannot be reached [crm_unreachable]" in told.err
    assert "wait until it is back" in told.err
    found = await command("contacts")
    assert "hubspot was not read to the end the last time: the CRM cannot be reached" in found.err


async def test_the_status_of_crms_tells_how_old_the_copy_is_and_what_broke_it_off(command: Command) -> None:
    crm = ListedCrm({HookName.CONTACTS: [[person("1")]]})
    async with serving(command, crm):
        assert "phone book" not in (await command("crm", "status")).out
        await command("crm", "sync", "hubspot")
        crm.lists = {HookName.CONTACTS: [down()]}
        await command("crm", "sync", "hubspot")
        told, as_json = await command("crm", "status"), await command("crm", "status", "--json")
    assert "hubspot: all contacts were last read into the phone book at 2" in told.out
    assert "the last run broke off: Contacts, page 1: the CRM cannot be reached [crm_unreachable]" in told.out
    (shown,) = as_json.json["connectors"]
    assert (shown["phone_book"]["state"], shown["phone_book"]["trouble"]["code"]) == ("broken_off", "crm_unreachable")


async def test_a_crm_that_there_is_not_is_told_with_those_there_are(command: Command) -> None:
    async with serving(command, ListedCrm()):
        told = await command("crm", "sync", "hubspott")
        lists_nothing = await command("crm", "sync", "hubspot")
    assert (told.status, 'did you mean "hubspot"?' in told.err) == (1, True)
    assert (lists_nothing.status, "neither Contacts nor Organizations" in lists_nothing.err) == (1, True)


async def test_without_a_router_nothing_is_read(command: Command) -> None:
    told = await command("crm", "sync", "hubspot")
    assert (told.status, "no router runs" in told.err) == (1, True)


async def test_the_shell_completes_crms_and_kinds(command: Command) -> None:
    command.config.write_text("crm: {hubspot: {document: hubspot}, tryton: {document: tryton}}\n")
    assert await completed(command, "crm", "sync", "hu") == ["hubspot"]
    assert await completed(command, "contacts", "--crm", "t") == ["tryton"]
