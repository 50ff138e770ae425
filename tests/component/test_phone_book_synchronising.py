"""The phone book follows a CRM, in a real database of either kind: whole runs, broken ones, and one at a time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from agi_router.routing.errors import Failure
from ari_app.crm.synchronising import OVERLAP, Synchronising
from ari_app.domain.contacts import Contact, ContactKind
from ari_app.domain.crm import HookName
from ari_app.domain.phone_book import ContactFilter, SyncRun, SyncState
from ari_app.storage.phone_book import WrittenPhoneBook
from ari_app.storage.phone_book_reader import StoredPhoneBook
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.fakes.listed_crm import DOWN, ListedCrm, down, person
from tests.patience import PATIENCE_S

CONTACTS, ORGANIZATIONS = HookName.CONTACTS, HookName.ORGANIZATIONS


@dataclass
class Rig:
    crm: ListedCrm
    database: Database
    stored: StoredPhoneBook
    syncing: Synchronising
    book: WrittenPhoneBook

    async def run(self, *, full: bool = False) -> SyncRun:
        begun = await self.syncing.start(full=full)
        assert isinstance(begun, SyncRun)
        ended = await self.syncing.finished()
        assert ended is not None
        assert (await self.stored.runs())["hubspot"] == ended
        return ended

    async def ids(self) -> list[str]:
        entries, _ = await self.stored.search(ContactFilter(), offset=0, limit=1000)
        return sorted(entry.contact.id for entry in entries)


@pytest.fixture
async def rig(settings: StorageSettings) -> AsyncIterator[Rig]:
    async with open_database(settings) as database:
        crm, book = ListedCrm(), WrittenPhoneBook(database, lambda: "US")
        syncing = Synchronising(crm, book)
        yield Rig(crm, database, StoredPhoneBook(database.reader), syncing, book)
        await syncing.stop()


async def test_all_pages_of_people_and_organizations_are_read(rig: Rig) -> None:
    told = {
        "contact_id": " 1 ",
        "firstname": "Ada",
        "lastname": "Lovelace",
        "phone": "(415) 555-0177",
        "mobile": "+44 20 7946 0958",
        "company_name": "Engines",
        "company_id": "o1",
        "changed_at": "2026-11-20T09:30:00Z",
    }
    rig.crm.lists = {
        CONTACTS: [[told, person("2")], [], [person("3", kind="organization")]],
        ORGANIZATIONS: [[{"company_id": "o1", "company_name": "Engines", "phone": "+14155550100"}]],
    }
    run = await rig.run()
    assert (run.state, run.seen, run.changed, run.deleted, run.failure) == (SyncState.DONE, 4, 4, 0, None)
    assert run.whole_at == run.ended_at
    assert await rig.stored.of_number("hubspot", "+14155550177") == (
        Contact(
            connector="hubspot",
            id="1",
            name="Ada Lovelace",
            company="Engines",
            company_id="o1",
            phones=("(415) 555-0177", "+44 20 7946 0958"),
            changed_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        ),
    )
    (engines,) = await rig.stored.of_number("hubspot", "+14155550100")
    assert (engines.kind, engines.name) == (ContactKind.ORGANIZATION, "Engines")


async def test_a_whole_run_deletes_who_is_gone_and_writes_who_has_changed(rig: Rig) -> None:
    rig.crm.lists = {CONTACTS: [[person("1"), person("2")], [person("3")]], ORGANIZATIONS: [[{"company_id": "o1"}]]}
    await rig.run()
    rig.crm.lists = {CONTACTS: [[person("1"), person("3", name="Grace")]], ORGANIZATIONS: [[]]}
    run = await rig.run()
    assert (run.run, run.seen, run.changed, run.deleted) == (2, 2, 1, 2)
    assert await rig.ids() == ["1", "3"]


@pytest.mark.parametrize(("pages_before", "ids"), [(0, ["1", "2", "3"]), (1, ["1", "2", "3", "4"])])
async def test_a_run_that_breaks_off_deletes_nobody_and_tells_where_and_why(
    rig: Rig, pages_before: int, ids: list[str]
) -> None:
    rig.crm.lists = {CONTACTS: [[person("1"), person("2")], [person("3")]]}
    whole = await rig.run()
    rig.crm.lists = {CONTACTS: [*[[person("4")]] * pages_before, down()]}
    broken = await rig.run()
    assert (broken.state, broken.hook, broken.page) == (SyncState.BROKEN_OFF, "Contacts", pages_before + 1)
    assert (broken.failure, broken.whole_at) == (DOWN, whole.whole_at)
    assert await rig.ids() == ids


async def test_organizations_that_cannot_be_read_break_the_whole_run_off(rig: Rig) -> None:
    rig.crm.lists = {CONTACTS: [[person("1"), person("2")]], ORGANIZATIONS: [[]]}
    await rig.run()
    rig.crm.lists = {CONTACTS: [[person("1")]], ORGANIZATIONS: [down()]}
    run = await rig.run()
    assert (run.state, run.hook, run.page) == (SyncState.BROKEN_OFF, "Organizations", 1)
    assert await rig.ids() == ["1", "2"]


async def test_a_crm_that_suddenly_knows_nobody_is_not_believed(rig: Rig) -> None:
    rig.crm.lists = {CONTACTS: [[person("1")]]}
    await rig.run()
    rig.crm.lists = {CONTACTS: [[]]}
    assert (await rig.run()).deleted == 0
    assert await rig.ids() == ["1"]


async def test_a_document_without_contacts_leaves_people_who_were_put_in_by_others(rig: Rig) -> None:
    rig.crm.lists = {ORGANIZATIONS: [[{"company_id": "o1"}, {"company_id": "o2"}]]}
    await rig.run()
    await WrittenPhoneBook(rig.database, lambda: "US").put_one(Contact(connector="hubspot", id="7"))
    rig.crm.lists = {ORGANIZATIONS: [[{"company_id": "o1"}]]}
    await rig.run()
    assert await rig.ids() == ["7", "o1"]


async def test_pages_that_come_again_for_ever_break_the_run_off(rig: Rig) -> None:
    rig.crm.lists = {CONTACTS: [[person("1")], [person("1")], [person("1")]]}
    run = await rig.run()
    assert (run.state, run.page, run.failure and run.failure.code) == (SyncState.BROKEN_OFF, 2, "crm_pages_repeat")


async def test_pages_that_alternate_break_the_run_off(rig: Rig) -> None:
    once_more = person("1", name="by another name")
    rig.crm.lists = {CONTACTS: [[person("1")], [person("2")], [], [once_more]]}
    run = await rig.run()
    assert (run.state, run.page, run.seen) == (SyncState.BROKEN_OFF, 4, 2)
    assert run.failure is not None
    assert run.failure.message == "Contacts.paging: page 4 has the records of page 1 once more"


async def test_records_without_a_usable_id_are_counted_and_texts_are_kept_in_bounds(rig: Rig) -> None:
    rig.crm.lists = {
        CONTACTS: [
            [
                person(""),
                person("x" * 256),
                person("a\x00b"),
                person("1", name="Ada\x00\r\nLovelace\ud800" + "!" * 999, phone="9" * 999, company_name="语" * 9999),
            ]
        ]
    }
    run = await rig.run()
    assert (run.state, run.seen, run.unusable) == (SyncState.DONE, 1, 3)
    entry = await rig.stored.contact("hubspot", "1")
    assert entry is not None
    assert entry.contact.name.startswith("Ada Lovelace !!!")
    assert [len(entry.contact.name), len(entry.contact.company), len(entry.contact.phones[0])] == [255, 255, 64]
    assert (await rig.run()).changed == 0


async def test_there_is_one_run_at_a_time(rig: Rig) -> None:
    gate = asyncio.Event()
    rig.crm.lists = {CONTACTS: [[person("1")], gate, [person("2")]]}
    first, second = await asyncio.gather(rig.syncing.start(), rig.syncing.start())
    assert isinstance(first, SyncRun)
    assert isinstance(second, SyncRun)
    assert (first.run, second.run) == (1, 1)
    gate.set()
    run = await rig.syncing.finished()
    assert run is not None
    assert (run.state, run.seen, rig.crm.runs) == (SyncState.DONE, 2, 1)


async def test_a_run_that_is_stopped_has_broken_off(rig: Rig) -> None:
    rig.crm.lists = {CONTACTS: [[person("1")], asyncio.Event()]}
    await rig.syncing.start()
    while not await rig.ids():
        await asyncio.sleep(0)
    await rig.syncing.stop()
    run = (await rig.stored.runs())["hubspot"]
    assert (run.state, run.failure and run.failure.code) == (SyncState.BROKEN_OFF, "router_ended")


async def test_a_database_that_cannot_be_written_breaks_the_run_off(rig: Rig) -> None:
    gate = asyncio.Event()
    rig.crm.lists = {CONTACTS: [gate, [person("1")]]}
    await rig.syncing.start()
    async with rig.database.writer.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE contact_numbers")
    gate.set()
    run = await rig.syncing.finished()
    assert run is not None
    assert (run.state, run.failure and run.failure.code) == (SyncState.BROKEN_OFF, "database_unavailable")


async def test_a_document_that_lists_nothing_is_told(rig: Rig) -> None:
    told = await rig.syncing.start()
    assert isinstance(told, Failure)
    assert (told.code, await rig.stored.runs()) == ("crm_lists_no_contacts", {})


async def test_what_has_changed_is_asked_for_alone_since_each_list_was_last_read_to_its_end(rig: Rig) -> None:
    rig.crm.lists_changes = frozenset({CONTACTS, ORGANIZATIONS})
    rig.crm.lists = {CONTACTS: [[person("1"), person("2")]], ORGANIZATIONS: [down()]}
    broken = await rig.run()
    assert (broken.is_full, broken.full_at, list(broken.read_from)) == (True, None, ["Contacts"])
    rig.crm.lists[ORGANIZATIONS] = [[{"company_id": "o1"}]]
    full = await rig.run()
    assert (full.is_full, full.full_at, full.whole_at) == (True, full.ended_at, full.ended_at)
    assert {values.get("changed_since") for _, values in rig.crm.listed} == {None}
    rig.crm.listed.clear()
    rig.crm.lists = {CONTACTS: [[person("2", name="Grace")]], ORGANIZATIONS: [[]]}
    run = await rig.run()
    assert (run.is_full, run.seen, run.changed, run.deleted) == (False, 1, 1, 0)
    assert (run.whole_at, run.full_at) == (run.ended_at, full.ended_at)
    assert await rig.ids() == ["1", "2", "o1"]
    for hook, values in rig.crm.listed:
        since = datetime.fromisoformat(values["changed_since"])
        assert since == (full.read_from[hook.value] - OVERLAP).replace(microsecond=0)
        assert int(values["changed_since_ms"]) == since.timestamp() * 1000
        assert run.read_from[hook.value] > full.read_from[hook.value]


async def test_all_is_read_again_at_times_and_when_asked_for_which_shows_who_was_deleted(rig: Rig) -> None:
    rig.crm.lists_changes = frozenset({CONTACTS})
    rig.crm.lists = {CONTACTS: [[person("1"), person("2")]]}
    first = await rig.run()
    rig.crm.lists = {CONTACTS: [[person("1")]]}
    weekly = Synchronising(rig.crm, rig.book, last=first, full_every_s=3600)
    await weekly.start()
    run = await weekly.finished()
    assert run is not None
    assert (run.is_full, await rig.ids()) == (False, ["1", "2"])
    due = Synchronising(rig.crm, rig.book, last=run, full_every_s=1e-6)
    await due.start()
    run = await due.finished()
    assert run is not None
    assert (run.is_full, run.deleted, await rig.ids()) == (True, 1, ["1"])
    rig.crm.lists = {CONTACTS: [[person("3")]]}
    run = await rig.run(full=True)
    assert (run.is_full, run.deleted, await rig.ids()) == (True, 1, ["3"])


async def test_a_run_of_changes_alone_gives_way_to_a_full_one_that_somebody_wants(rig: Rig) -> None:
    rig.crm.lists_changes = frozenset({CONTACTS})
    rig.crm.lists = {CONTACTS: [[person("1"), person("2")]]}
    await rig.run()
    rig.crm.lists = {CONTACTS: [asyncio.Event()]}
    begun = await rig.syncing.start()
    rig.crm.lists = {CONTACTS: [[person("1")]]}
    full = await rig.run(full=True)
    assert isinstance(begun, SyncRun)
    assert (begun.is_full, full.is_full, full.run, full.deleted) == (False, True, begun.run + 1, 1)


async def test_a_copy_that_has_to_be_written_anew_is_read_whole(rig: Rig) -> None:
    rig.crm.lists_changes = frozenset({CONTACTS})
    rig.crm.lists = {CONTACTS: [[person("1", phone="030 901820")]]}
    await rig.run()
    moved = Synchronising(rig.crm, WrittenPhoneBook(rig.database, lambda: "DE"))
    await moved.start()
    run = await moved.finished()
    assert run is not None
    assert (run.is_full, run.changed) == (True, 1)


async def test_the_schedule_goes_on_after_a_run_that_broke_off(rig: Rig) -> None:
    rig.crm.lists = {CONTACTS: [down()]}
    schedule = asyncio.create_task(rig.syncing.keep_to(0.01))
    async with asyncio.timeout(PATIENCE_S):
        while rig.crm.runs < 2:
            await asyncio.sleep(0)
        rig.crm.lists = {CONTACTS: [[person("1")]]}
        while rig.syncing.last is None or rig.syncing.last.state is not SyncState.DONE:
            await asyncio.sleep(0)
    schedule.cancel()
    await asyncio.gather(schedule, return_exceptions=True)
    assert await rig.ids() == ["1"]
