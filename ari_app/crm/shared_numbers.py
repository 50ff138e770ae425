"""Whom a number means that several contacts have."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from ari_app.crm.settings import SharedNumbers
from ari_app.domain.contacts import Contact, ContactKind


def meant(contacts: Sequence[Contact], policy: SharedNumbers) -> Contact | None:
    """The one of these, of whom there is at least one, that the number means; None when the policy does not choose."""
    if len(contacts) == 1:
        return contacts[0]
    match policy:
        case SharedNumbers.REFUSE | SharedNumbers.ASK:
            return None
        case SharedNumbers.COMPANY:
            return _company(contacts)
        case SharedNumbers.MOST_RECENT:
            dated = [(contact.changed_at, contact) for contact in contacts if contact.changed_at is not None]
            return max(dated, key=lambda pair: pair[0])[1] if dated else None
        case _:
            assert_never(policy)


def _company(contacts: Sequence[Contact]) -> Contact | None:
    """The organization that all of them are, or belong to."""
    ids = {each.id if each.kind is ContactKind.ORGANIZATION else each.company_id for each in contacts}
    if len(ids) != 1 or "" in ids:
        return None
    for each in contacts:
        if each.kind is ContactKind.ORGANIZATION:
            return each
    first = contacts[0]
    named = next((each.company for each in contacts if each.company), "")
    company = Contact(connector=first.connector, id=first.company_id, kind=ContactKind.ORGANIZATION)
    return replace(company, name=named, company=named, company_id=first.company_id)
