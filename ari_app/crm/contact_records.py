"""Contacts as a document's answers tell of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from ari_app.domain.contacts import Contact, ContactKind

PHONES: Final = ("phone", "mobile", "phone2", "phone3")
EARLIEST_MS: Final = 100_000_000_000
"""A plain number from here on counts milliseconds: as seconds it would be the year 5138."""


def contact_of(connector: str, record: Mapping[str, str]) -> Contact | None:
    """The contact of one record of Contacts, FindContact or CreateContact; None where it has no id."""
    contact_id = record.get("contact_id", "").strip()
    if not contact_id:
        return None
    names = (record.get("firstname", "").strip(), record.get("lastname", "").strip())
    phones = (record.get(name, "").strip() for name in PHONES)
    is_organization = record.get("kind", "").strip().casefold() == ContactKind.ORGANIZATION
    return Contact(
        connector=connector,
        id=contact_id,
        kind=ContactKind.ORGANIZATION if is_organization else ContactKind.PERSON,
        name=record.get("name", "").strip() or " ".join(filter(None, names)),
        company=record.get("company_name", "").strip(),
        company_id=record.get("company_id", "").strip(),
        job_title=record.get("job_title", "").strip(),
        email=record.get("email", "").strip(),
        phones=tuple(dict.fromkeys(filter(None, phones))),
        owner=record.get("owner_id", "").strip(),
        url=record.get("url", "").strip(),
        changed_at=moment_of(record.get("changed_at", "")),
    )


def moment_of(text: str) -> datetime | None:
    """A moment as CRMs write it, ISO 8601 (without an offset it is UTC), or seconds or milliseconds since 1970.

    None where it is none of these.
    """
    written = text.strip()
    try:
        if written.replace(".", "", 1).isdecimal() and len(written.partition(".")[0]) > len("20261121"):
            number = float(written)
            return datetime.fromtimestamp(number / 1000 if number >= EARLIEST_MS else number, UTC)
        moment = datetime.fromisoformat(written)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
