"""The phone book follows a CRM that is asked over HTTP by its document, also when that breaks off in the middle."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agi_router.routing.errors import Failure
from ari_app.crm.synchronising import Synchronising
from ari_app.domain.phone_book import SyncRun, SyncState
from ari_app.storage.phone_book import WrittenPhoneBook
from ari_app.storage.phone_book_reader import StoredPhoneBook
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from sandbox.crm import Fault, GenericCrm, Trouble
from tests.component.crm.connecting import connected, settings_for
from tests.sqlite import make_database


async def test_a_crm_that_fails_in_the_middle_of_its_pages_loses_nobody_in_the_copy(tmp_path: Path) -> None:
    storage = StorageSettings.at(tmp_path / "router.db")
    make_database(storage.path)
    async with GenericCrm() as crm, open_database(storage) as database:
        crm.page_size = 10
        for number in range(35):
            crm.add_contact(first_name="Ben", last_name=str(number), phone=f"+141555501{number:02}")
        stored = StoredPhoneBook(database.reader)
        async with connected(settings_for(crm)) as connector:
            syncing = Synchronising(connector, WrittenPhoneBook(database, lambda: "US"), page_waits_s=())
            whole = await run(syncing)
            assert (whole.state, whole.seen, await stored.sizes()) == (SyncState.DONE, 35, {"crm": 35})
            (ben,) = await stored.of_number("crm", "+14155550134")
            assert (ben.name, ben.changed_at is not None) == ("Ben 34", True)

            del crm.contacts[:20]
            for trouble in (Trouble.STATUS, Trouble.GARBAGE, Trouble.DISCONNECT):
                crm.faults.mishap = failing_at("2", Fault(trouble=trouble, status=500), crm)
                broken = await run(syncing, full=True)
                assert (broken.state, broken.hook, broken.page) == (SyncState.BROKEN_OFF, "Contacts", 2), trouble
                assert isinstance(broken.failure, Failure)
                assert await stored.sizes() == {"crm": 35}
            crm.faults.clear()
            again = await run(syncing, full=True)
            assert (again.state, again.deleted, await stored.sizes()) == (SyncState.DONE, 20, {"crm": 15})
        await crm.stop()
        assert len(await stored.of_number("crm", "+14155550134")) == 1


async def test_a_crm_that_can_tell_what_has_changed_is_asked_for_all_at_times(tmp_path: Path) -> None:
    storage = StorageSettings.at(tmp_path / "router.db")
    make_database(storage.path)
    async with GenericCrm() as crm, open_database(storage) as database:
        long_ago = "2026-01-01T00:00:00+00:00"
        for name in ("Ada", "Ben", "Cem"):
            crm.add_contact(first_name=name, phone="+14155550101", updated_at=long_ago)
        crm.add_organization(name="Engines", updated_at=long_ago)
        stored = StoredPhoneBook(database.reader)
        async with connected(settings_for(crm)) as connector:
            syncing = Synchronising(connector, WrittenPhoneBook(database, lambda: "US"), full_every_s=3600)
            assert (await run(syncing)).is_full
            del crm.contacts[0]
            crm.contacts[0] |= {"first_name": "Bea", "updated_at": datetime.now(UTC).isoformat()}
            some = await run(syncing)
            assert (some.is_full, some.seen, some.changed, some.deleted) == (False, 1, 1, 0)
            names = {contact.name for contact in await stored.of_number("crm", "+14155550101")}
            assert names == {"Ada", "Bea", "Cem"}
            every = await run(syncing, full=True)
            assert (every.is_full, every.seen, every.deleted, await stored.sizes()) == (True, 3, 1, {"crm": 3})
    assert ["updated_since" in each.query for each in crm.requests] == [False, False, True, True, False, False]


FAILING = [
    Fault(status=503),
    Fault(status=429, retry_after="0"),
    Fault(trouble=Trouble.DISCONNECT),
    Fault(trouble=Trouble.GARBAGE),
]


@pytest.mark.parametrize("fault", FAILING, ids=lambda fault: f"{fault.trouble}-{fault.status}")
async def test_a_page_that_fails_in_passing_is_asked_for_again(
    syncing: Synchronising, crm: GenericCrm, fault: Fault
) -> None:
    crm.faults.next(*[fault] * 2, of="contacts")
    ended = await run(syncing)
    assert (ended.state, ended.seen, ended.failure) == (SyncState.DONE, 35, None)
    assert [each.query.get("page") for each in crm.requests if each.path.endswith("contacts")] == [
        *[None] * 3,
        *["2", "3", "4"],
    ]


async def test_the_wait_that_a_crm_asks_for_is_kept_and_told(syncing: Synchronising, crm: GenericCrm) -> None:
    crm.faults.next(Fault(status=429, retry_after="1"), of="contacts")
    began = time.monotonic()
    await syncing.start()
    while (last := syncing.last) is None or last.failure is None:
        await asyncio.sleep(0.005)
    assert (last.state, last.hook, last.page, last.failure.code) == (SyncState.RUNNING, "Contacts", 1, "crm_busy")
    ended = await syncing.finished()
    assert ended is not None
    assert (ended.state, ended.failure) == (SyncState.DONE, None)
    assert time.monotonic() - began > 1


@pytest.mark.parametrize(
    ("fault", "asked"),
    [(Fault(status=500), 4), (Fault(status=403), 1), (Fault(status=422), 1), (Fault(status=503, retry_after="900"), 1)],
    ids=["failing-for-good", "forbidden", "refused", "wants-to-be-left-alone"],
)
async def test_what_does_not_pass_breaks_the_run_off(
    syncing: Synchronising, crm: GenericCrm, fault: Fault, asked: int
) -> None:
    crm.faults.mishap = lambda _method, _path: fault
    ended = await run(syncing)
    assert (ended.state, len(crm.requests)) == (SyncState.BROKEN_OFF, asked)


async def test_pages_that_alternate_break_the_run_off(syncing: Synchronising, crm: GenericCrm) -> None:
    crm.next_pages = {"1": 2, "2": 3, "3": 2}
    ended = await run(syncing)
    assert ended.failure is not None
    assert (ended.state, ended.page, ended.failure.code) == (SyncState.BROKEN_OFF, 4, "crm_pages_repeat")
    assert ended.failure.message.startswith("Contacts.paging: page 3 leads back")


@pytest.fixture
async def crm() -> AsyncIterator[GenericCrm]:
    async with GenericCrm() as crm:
        crm.page_size = 10
        for number in range(35):
            crm.add_contact(first_name="Ben", last_name=str(number), phone=f"+141555501{number:02}")
        yield crm


@pytest.fixture
async def syncing(tmp_path: Path, crm: GenericCrm) -> AsyncIterator[Synchronising]:
    storage = StorageSettings.at(tmp_path / "router.db")
    make_database(storage.path)
    async with open_database(storage) as database, connected(settings_for(crm)) as connector:
        book = WrittenPhoneBook(database, lambda: "US")
        yield Synchronising(connector, book, page_waits_s=(0.01, 0.01, 0.01))


async def run(syncing: Synchronising, *, full: bool = False) -> SyncRun:
    await syncing.start(full=full)
    ended = await syncing.finished()
    assert ended is not None
    return ended


def failing_at(page: str, fault: Fault, crm: GenericCrm) -> Callable[[str, str], Fault | None]:
    """Whatever is asked of this page."""
    return lambda _method, _path: fault if crm.requests[-1].query.get("page") == page else None
