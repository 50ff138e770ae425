"""The phone book: the router's own copy of the contacts of its CRMs, so that names are there when a CRM is not."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from agi_router.routing.errors import Failure
from agi_router.routing.numbers import dialled_digits, digits, national, normalise
from agi_router.routing.printable import one_line
from ari_app.domain.contacts import Contact, ContactKind

LONGEST_PAGE: Final = 200
MOST_WORDS: Final = 10
LONGEST_ID: Final = 255
LONGEST_TEXT: Final = 255
LONGEST_URL: Final = 2048
LONGEST_PHONE: Final = 64
MOST_PHONES: Final = 10

_LONGEST_SEARCHED: Final = 1800
"""Bytes of UTF-8: an entry of an index of PostgreSQL holds 2704, with the name by which it is ordered."""
_LONGEST_ORDERED: Final = 100

_WHOLE: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i", "ħ": "h"}
)
"""Letters that Unicode does not take for others with an accent; U+0131 is the i without its dot."""

_EXTENSION: Final = re.compile(r"\s*(?:;ext=|ext(?:ension)?\.?|x\.?|#)\s*:?\s*\d{1,8}\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEntry:
    """A contact of the copy. `numbers` are its phones in E.164, as far as they can be read."""

    contact: Contact
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFilter:
    """Which contacts: all that is given holds. Each of `words` (folded) stands somewhere in the contact.

    Of `numbers` (E.164), `connectors` and `kinds` it has one.
    """

    words: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    connectors: tuple[str, ...] = ()
    kinds: tuple[ContactKind, ...] = ()


CUT_SHORT: Final = Failure(
    "router_ended",
    "the router ended while it read the CRM's contacts",
    "nothing is to be done: the next run reads them all",
)


class SyncState(StrEnum):
    """How far a run of the synchronisation has come."""

    RUNNING = "running"
    DONE = "done"  # each list was read to its end
    BROKEN_OFF = "broken_off"  # what was read is in the copy, and nothing was deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun:
    """One run, with which the copy of one CRM is brought up to date.

    `hook` is the list that is read, or was when it broke off, and `page` that of it, from 1 on. `seen` counts the
    contacts that the CRM told, `changed` those of them that were new or other than in the copy, `unusable` those
    without an id. `whole_at` is when the last run ended that was DONE.

    `is_full`: the CRM was asked for all that it has, not only for what has changed; `full_at` is when the last such run
    ended that was DONE. `read_from` is of each list when its last reading to the end began.
    """

    connector: str
    run: int
    state: SyncState
    started_at: datetime
    ended_at: datetime | None = None
    hook: str = ""
    page: int = 0
    seen: int = 0
    changed: int = 0
    unusable: int = 0
    deleted: int = 0
    failure: Failure | None = None
    whole_at: datetime | None = None
    is_full: bool = True
    full_at: datetime | None = None
    read_from: Mapping[str, datetime] = field(default_factory=dict)


class ContactArchive(Protocol):
    """Reads the copy. Everything raises StorageError's kin when the database fails."""

    async def search(self, wanted: ContactFilter, *, offset: int, limit: int) -> tuple[Sequence[BookEntry], int]:
        """Some of the contacts, by their names, and how many there are altogether."""

    async def contact(self, connector: str, contact_id: str, kind: ContactKind | None = None) -> BookEntry | None:
        """One, by the CRM's id; of a person and an organization with the same id the person, unless `kind` says."""

    async def made_by(self, request_id: str) -> BookEntry | None:
        """The contact that was created by this request."""

    async def sizes(self) -> Mapping[str, int]:
        """How many contacts there are of each connector that has some."""

    async def runs(self) -> Mapping[str, SyncRun]:
        """The last run of each connector that ever had one."""


class BookKeeper(Protocol):
    """Writes the copy, a few contacts in a transaction. Everything raises StorageError's kin when it fails."""

    async def begin(self, connector: str) -> SyncRun:
        """A new run. It knows nothing of earlier readings where the copy has to be written anew."""

    async def put(self, run: SyncRun, contacts: Sequence[Contact]) -> int:
        """Take what the CRM has told in this run; how many of them were new or had changed."""

    async def delete_unseen(self, run: SyncRun, kinds: Sequence[ContactKind]) -> int:
        """Delete the connector's contacts of these kinds that this run has not seen; how many they were."""

    async def end(self, run: SyncRun) -> None:
        """Keep what came of it."""

    async def put_one(self, contact: Contact, *, made_by: str = "") -> None:
        """Take one beside all runs: none of those that go on deletes it. `made_by` is the request that created it."""

    async def forget_others(self, connectors: Sequence[str]) -> int:
        """Delete the copies of all other connectors; how many contacts they had."""


def folded(text: str) -> str:
    """The text as it is searched: without cases, accents and the like of single letters."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_WHOLE)
    return "".join(letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter))


def ordered_by(contact: Contact) -> str:
    """What the list of contacts is ordered by."""
    return folded(contact.name or contact.company or contact.email)[:_LONGEST_ORDERED]


def searched_in(contact: Contact, numbers: Iterable[str]) -> str:
    """All that is searched of a contact, folded: what it is called, where it works, its addresses.

    Its phones are digits alone, as they are written, in E.164 and as they are dialled at home.
    """
    texts = (contact.name, contact.company, contact.email, contact.job_title)
    phones = ("".join(filter(str.isdecimal, folded(phone))) for phone in contact.phones)
    forms = dict.fromkeys((*phones, *(form for number in numbers for form in (digits(number), national(number)))))
    whole = " ".join(filter(None, (*map(folded, texts), *forms)))
    return whole.encode()[:_LONGEST_SEARCHED].decode(errors="ignore")


def words_of(search: str) -> tuple[str, ...]:
    """What has to stand in a contact, each somewhere. A word that is a number is its digits alone."""
    words = (dialled_digits(word) or folded(word) for word in search.split())
    return tuple(dict.fromkeys(word.removeprefix("+") for word in words if word))[:MOST_WORDS]


def searched_for(
    search: str, number: str, region: str, *, connectors: Sequence[str] = (), kinds: Sequence[ContactKind] = ()
) -> ContactFilter:
    """What people ask for. A number that is not a whole one is searched by its digits; nobody has what is none."""
    words, numbers = words_of(search), tuple[str, ...]()
    if number:
        e164, dialled = normalise(number, region), dialled_digits(number)
        if e164 is None and dialled is not None:
            words = (*words, dialled.removeprefix("+"))
        else:
            numbers = (e164 or number,)
    return ContactFilter(words=words, numbers=numbers, connectors=tuple(connectors), kinds=tuple(kinds))


def numbers_of(contact: Contact, region: str) -> tuple[str, ...]:
    """Its phones in E.164, without their extensions; those that are no whole numbers are left out."""
    read = (normalise(_EXTENSION.sub("", phone), region) for phone in contact.phones)
    return tuple(dict.fromkeys(number for number in read if number))


def cleaned(contact: Contact) -> Contact | None:
    """The contact as it can be kept: texts of one printable line and a bounded length; None where its id is none.

    What is cut off is more than anybody reads; an id that was cut would be that of somebody else.
    """
    if not 0 < len(contact.id) <= LONGEST_ID or not contact.id.isprintable():
        return None
    phones = (one_line(phone)[:LONGEST_PHONE] for phone in contact.phones[:MOST_PHONES])
    return replace(
        contact,
        name=_text(contact.name),
        company=_text(contact.company),
        company_id=_text(contact.company_id),
        job_title=_text(contact.job_title),
        email=_text(contact.email),
        phones=tuple(filter(None, phones)),
        owner=_text(contact.owner),
        url=one_line(contact.url)[:LONGEST_URL],
    )


def _text(text: str) -> str:
    return one_line(text)[:LONGEST_TEXT]
