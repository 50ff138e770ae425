"""Contacts: the people and organizations that a CRM knows, as the router needs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from agi_router.routing.errors import Failure


class ContactKind(StrEnum):
    """What a contact is."""

    PERSON = "person"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One contact of a CRM. `connector` is the CRM's name in the configuration, all ids are the CRM's.

    `phones` are as the CRM writes them, the main one first. `owner` is the user who looks after the contact, `url` the
    contact's page for people. `changed_at` is None where the CRM does not tell.
    """

    connector: str
    id: str
    kind: ContactKind = ContactKind.PERSON
    name: str = ""
    company: str = ""
    company_id: str = ""
    job_title: str = ""
    email: str = ""
    phones: tuple[str, ...] = ()
    owner: str = ""
    url: str = ""
    changed_at: datetime | None = None


class ContactSource(StrEnum):
    """How it is known whose number it is."""

    CRM = "crm"
    PHONE_BOOK = "phone_book"  # the router's own copy
    CREATED = "created"  # nobody had the number, and the contact was created
    CHOSEN = "chosen"  # by somebody, later


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """It is this contact. `matched` is the form of the number that the CRM knew, "" where it was not asked by one."""

    contact: Contact
    matched: str = ""
    source: ContactSource = ContactSource.CRM


@dataclass(frozen=True, slots=True)
class Several:
    """The number is that of several contacts, and the policy for such numbers does not choose."""

    contacts: Sequence[Contact]


@dataclass(frozen=True, slots=True)
class Unknown:
    """No contact has the number."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The CRM could not be asked, or gave no answer in time."""

    failure: Failure


ContactAnswer = Found | Several | Unknown | Unanswered


class ContactFinder(Protocol):
    """Finds whose number it is, at one CRM."""

    async def find(self, number: str, deadline_s: float) -> ContactAnswer:
        """Whose number (E.164) it is. Never raises, and is safe to cancel.

        Answers within the deadline, and as much again where a contact is created.
        """


class PhoneBook(Protocol):
    """The router's own copy of the contacts of CRMs."""

    async def of_number(self, connector: str, number: str) -> Sequence[Contact]:
        """Who has this number (E.164) by the copy; () also while it cannot be read. Takes a moment at most."""


ContactFields = Mapping[str, str]
"""What a contact is to be made of, or changed to, by the names of the document language (firstname, phone ...)."""
