"""Whose number it is, asked of a CRM over HTTP by the document that comes with the router, and of the phone book."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from ari_app.crm.finding import Finding
from ari_app.crm.settings import FindSettings, SharedNumbers, UnknownNumbers
from ari_app.domain.contacts import Contact, ContactSource, Found, Several, Unanswered, Unknown
from ari_app.storage.number_forms import counting_number_forms
from ari_app.storage.phone_book_reader import StoredPhoneBook
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from sandbox.crm import GenericCrm
from sandbox.crm.faults import Fault, Trouble
from tests.component.crm.connecting import connected, settings_for
from tests.patience import PATIENCE_S

BEN = "+442071838750"


@pytest_asyncio.fixture
async def crm() -> AsyncIterator[GenericCrm]:
    async with GenericCrm() as crm:
        yield crm


@pytest_asyncio.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as database:
        yield database


@asynccontextmanager
async def finding(crm: GenericCrm, database: Database, find: FindSettings | None = None) -> AsyncIterator[Finding]:
    book = StoredPhoneBook(database.reader)
    async with counting_number_forms(database) as tally, connected(settings_for(crm)) as connector:
        yield Finding(connector, find or FindSettings(), phone_book=book, tally=tally)


def asked(crm: GenericCrm) -> list[str]:
    return [request.query["phone"] for request in crm.requests if "phone" in request.query]


async def test_a_contact_is_found_in_the_form_in_which_the_crm_has_its_number(
    crm: GenericCrm, database: Database
) -> None:
    crm.add_contact(id="7", first_name="Ben", last_name="Miller", phone="02071838750", owner_id="77", url="http://b")
    async with finding(crm, database) as finder:
        found = await finder.find(BEN, 2)
    assert isinstance(found, Found)
    contact = found.contact
    assert (contact.id, contact.name, contact.owner, contact.url) == ("7", "Ben Miller", "77", "http://b")
    assert found.matched == "national"
    assert asked(crm) == [BEN, "02071838750"]


async def test_the_form_that_matched_goes_first_also_after_a_restart(crm: GenericCrm, database: Database) -> None:
    crm.add_contact(phone="02071838750")
    async with finding(crm, database) as finder:
        await finder.find(BEN, 2)
    crm.requests.clear()
    async with finding(crm, database) as finder:
        await finder.find("+442071838751", 2)
    assert asked(crm)[0] == "02071838751"
    async with counting_number_forms(database) as tally:
        assert tally.counts("crm") == {"national": 1}


async def test_nobody_knows_a_number_in_any_form(crm: GenericCrm, database: Database) -> None:
    async with finding(crm, database) as finder:
        assert await finder.find(BEN, 2) == Unknown()
    assert asked(crm) == [BEN, "02071838750", "442071838750", "+44 20 7183 8750", "020 7183 8750"]


async def test_an_unknown_caller_is_created_once(crm: GenericCrm, database: Database) -> None:
    async with finding(crm, database, FindSettings(unknown=UnknownNumbers.CREATE)) as finder:
        first, second = await asyncio.gather(finder.find(BEN, 2), finder.find(BEN, 2))
    assert first == second
    assert isinstance(first, Found)
    assert first.source is ContactSource.CREATED
    assert [row["phone"] for row in crm.contacts] == [BEN]
    assert first.contact.id == crm.contacts[0]["id"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(SharedNumbers.ASK, None), (SharedNumbers.COMPANY, "9"), (SharedNumbers.MOST_RECENT, "2")],
)
async def test_a_shared_number_means_whom_the_policy_says(
    crm: GenericCrm, database: Database, policy: SharedNumbers, expected: str | None
) -> None:
    crm.add_contact(id="1", first_name="Ann", phone=BEN, company_id="9", updated_at="2026-01-01T00:00:00Z")
    crm.add_contact(id="2", first_name="Ben", mobile=BEN, company_id="9", updated_at="2026-02-01T00:00:00Z")
    async with finding(crm, database, FindSettings(shared=policy)) as finder:
        answer = await finder.find(BEN, 2)
    if expected is None:
        assert isinstance(answer, Several)
        assert [contact.id for contact in answer.contacts] == ["1", "2"]
    else:
        assert isinstance(answer, Found)
        assert answer.contact.id == expected


@pytest.mark.parametrize("trouble", [Fault(status=503), Fault(trouble=Trouble.HANG), Fault(trouble=Trouble.GARBAGE)])
async def test_a_crm_that_does_not_answer_is_told_of_within_the_deadline(
    crm: GenericCrm, database: Database, trouble: Fault
) -> None:
    crm.faults.mishap = lambda _method, _path: trouble
    async with finding(crm, database) as finder, asyncio.timeout(PATIENCE_S):
        answer = await finder.find(BEN, 0.3)
    assert isinstance(answer, Unanswered)
    assert answer.failure.remedy


class Book:
    """A phone book with one contact."""

    async def of_number(self, connector: str, number: str) -> Sequence[Contact]:
        return [Contact(connector=connector, id="7", name="Ben Miller")]


class NoForms:
    """Counts nothing."""

    def counts(self, connector: str) -> Mapping[str, int]:
        return {}

    def matched(self, connector: str, form: str) -> None:
        """Nothing."""


async def test_the_phone_book_answers_for_a_crm_that_is_gone(crm: GenericCrm) -> None:
    async with connected(settings_for(crm)) as connector:
        await crm.stop()
        finder = Finding(connector, FindSettings(), phone_book=Book(), tally=NoForms())
        found = await finder.find(BEN, 1)
    assert isinstance(found, Found)
    assert (found.contact.name, found.source) == ("Ben Miller", ContactSource.PHONE_BOOK)
