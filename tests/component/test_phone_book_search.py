"""Any search over any contacts gives what a plain reading of all of them gives, in a database of either kind."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ari_app.domain.contacts import Contact, ContactKind
from ari_app.domain.phone_book import ContactFilter, folded, numbers_of, ordered_by, searched_in, words_of
from ari_app.storage.phone_book import WrittenPhoneBook
from ari_app.storage.phone_book_reader import StoredPhoneBook
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings

NAMES = (
    "Ada Łovelace",
    "ada müller",
    "Grace  Hopper",
    "100% Söhne_GmbH",
    "C:\\Ω",
    "Ἀθηνᾶ",
    "日本 太郎",
    "O'Neil (old)",
)
COMPANIES = ("", "Müller & Söhne", "hopper ltd", "100 %")
PHONES = ("+1 (415) 555-0177", "415.555.0178", "+44 20 7946 0958", "101")
EVERYBODY = [
    Contact(
        connector=("hubspot", "tryton")[number % 2],
        id=str(number),
        kind=tuple(ContactKind)[number % 3 == 0],
        name=NAMES[number % len(NAMES)],
        company=COMPANIES[number % len(COMPANIES)],
        email=f"p{number % 5}@example.com",
        phones=PHONES[number % 3 : number % 3 + 1 + number % 2],
    )
    for number in range(48)
]
NUMBERS = sorted({number for contact in EVERYBODY for number in numbers_of(contact, "US")})
PARTS = [*NAMES, *COMPANIES, *PHONES, "@example", "p1", "%", "_", "/", "\\", "ZZ", "é"]


@st.composite
def searches(draw: st.DrawFn) -> str:
    """Pieces of what stands in contacts, in any case, and sometimes anything else."""
    words = []
    for part in draw(st.lists(st.sampled_from(PARTS), max_size=3)):
        first = draw(st.integers(0, len(part)))
        words.append(part[first : draw(st.integers(first, len(part)))])
    words += draw(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), max_size=1))
    whole = " ".join(words)
    return draw(st.sampled_from([whole, whole.upper(), whole.lower(), whole.title()]))


def filters() -> st.SearchStrategy[ContactFilter]:
    return st.builds(
        ContactFilter,
        words=searches().map(words_of),
        numbers=st.lists(st.sampled_from([*NUMBERS, "+15555550000"]), max_size=2).map(tuple),
        connectors=st.lists(st.sampled_from(["hubspot", "tryton", "other"]), max_size=2).map(tuple),
        kinds=st.lists(st.sampled_from(ContactKind), max_size=2).map(tuple),
    )


def is_wanted(contact: Contact, wanted: ContactFilter) -> bool:
    numbers = numbers_of(contact, "US")
    return (
        all(word in searched_in(contact, numbers) for word in wanted.words)
        and (not wanted.numbers or bool(set(wanted.numbers) & set(numbers)))
        and (not wanted.connectors or contact.connector in wanted.connectors)
        and (not wanted.kinds or contact.kind in wanted.kinds)
    )


@pytest.fixture
async def stored(settings: StorageSettings) -> AsyncIterator[StoredPhoneBook]:
    async with open_database(settings) as database:
        book = WrittenPhoneBook(database, lambda: "US")
        for connector in ("hubspot", "tryton"):
            run = await book.begin(connector)
            await book.put(run, [contact for contact in EVERYBODY if contact.connector == connector])
        yield StoredPhoneBook(database.reader)


@given(filters(), st.integers(0, 60), st.integers(1, 60))
@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_search_finds_what_the_model_finds(
    stored: StoredPhoneBook, wanted: ContactFilter, offset: int, limit: int
) -> None:
    expected = {contact for contact in EVERYBODY if is_wanted(contact, wanted)}
    whole, total = await stored.search(wanted, offset=0, limit=100)
    assert ({entry.contact for entry in whole}, total) == (expected, len(expected))
    assert [ordered_by(entry.contact) for entry in whole] == sorted(ordered_by(contact) for contact in expected)
    assert all(entry.numbers == tuple(sorted(numbers_of(entry.contact, "US"))) for entry in whole)
    page, total = await stored.search(wanted, offset=offset, limit=limit)
    assert (page, total) == (whole[offset : offset + limit], len(expected))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_what_is_folded_is_folded_for_good(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(text.upper()) in {folded(text), folded(text.upper().lower())}
