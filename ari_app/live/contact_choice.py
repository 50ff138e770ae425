"""Choosing whose number it was, later: one of several who share it, or another one than a CRM had told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import structlog
from pydantic import BaseModel, ConfigDict, Field

from agi_router.document.problems import suggestion
from agi_router.routing.errors import Failure
from ari_app.calls.contacts import AskedCrms, contact_found, number_of
from ari_app.control.settings import ControlError
from ari_app.domain import events as e
from ari_app.domain.call_log import CallReader
from ari_app.domain.contacts import Contact, ContactKind, ContactSource, Found
from ari_app.domain.phone_book import BookEntry
from ari_app.domain.record import CallContact, CallRecord, after, fold
from ari_app.live.feed import Feed
from ari_app.live.forms import read_form

log = structlog.get_logger("agi_router.contacts")


class ChoiceForm(BaseModel):
    """Which contact of which CRM a call was with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    call_id: str = Field(min_length=1, max_length=64)
    connector: str = Field(min_length=1, max_length=64)
    contact_id: str = Field(min_length=1, max_length=255)


class Book(Protocol):
    """The phone book, as far as it knows contacts by their ids."""

    async def contact(self, connector: str, contact_id: str) -> BookEntry | None:
        """None where it has no such contact. Raises UnavailableError."""
        ...


class ContactChoice:
    """Puts on a call's record what somebody has chosen. CRMs that are told of calls are told of it."""

    def __init__(
        self, crms: AskedCrms, connectors: Mapping[str, object], calls: CallReader, feed: Feed, book: Book
    ) -> None:
        self._crms = crms
        self._connectors = connectors
        self._calls = calls
        self._feed = feed
        self._book = book

    async def choose(self, wanted: ChoiceForm, by: str) -> CallContact | Failure:
        """What is on record then, of whoever (`by`) has chosen; why it was not done. Raises UnavailableError.

        The same choice once more changes nothing.
        """
        if wanted.connector not in self._connectors:
            known = list(self._connectors)
            return Failure(
                "connector_unknown",
                f"no CRM connector is called {wanted.connector}{suggestion(wanted.connector, known)}",
                "take a name of section crm of the configuration",
            )
        await self._feed.flush()
        happened = await self._calls.trace(wanted.call_id)
        if not happened:
            return Failure(
                "unknown_call", f"no call that the router carried has the id {wanted.call_id}", "see agi-router calls"
            )
        record = fold(wanted.call_id, happened)
        before = record.contact(wanted.connector)
        if before is not None and before.state == "found" and before.contact_id == wanted.contact_id:
            return before
        chosen = await self._contact(wanted, happened)
        found = Found(contact=chosen, source=ContactSource.CHOSEN)
        event = contact_found(found, self._number(record, before))
        self._feed.write(wanted.call_id, event)
        log.info("a contact was chosen", call=wanted.call_id, crm=wanted.connector, contact=wanted.contact_id, by=by)
        now_known = after(record, event).contact(wanted.connector)
        assert now_known is not None
        return now_known

    async def answer(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The command `assign`: the contact on record, or a ControlError with why it is not."""
        told = await self.choose(read_form(ChoiceForm, arguments), by="the control socket")
        if isinstance(told, Failure):
            raise ControlError(f"{told.message} [{told.code}]", told.remedy)
        return asdict(told)

    def _number(self, record: CallRecord, before: CallContact | None) -> str:
        """The number outside in E.164; "" of who withheld his."""
        return before.number if before is not None else self._crms.outside(number_of(record)) or ""

    async def _contact(self, wanted: ChoiceForm, happened: Sequence[e.CallEvent]) -> Contact:
        """By the phone book, else by what the CRM has told of this call; else no more than its id is known."""
        entry = await self._book.contact(wanted.connector, wanted.contact_id)
        if entry is not None:
            return entry.contact
        for event in happened:
            told = _told_by(event, wanted)
            if told is not None:
                return told
        return Contact(connector=wanted.connector, id=wanted.contact_id)


def _told_by(event: e.CallEvent, wanted: ChoiceForm) -> Contact | None:
    """The contact, as far as this event tells of it."""
    match event:
        case e.ContactFound(connector=wanted.connector, contact_id=wanted.contact_id):
            return Contact(
                connector=event.connector,
                id=event.contact_id,
                kind=ContactKind(event.kind),
                name=event.name,
                company=event.company,
                owner=event.owner,
                url=event.url,
            )
        case e.ContactNotFound(connector=wanted.connector):
            candidates = (each for each in event.candidates if each.get("id") == wanted.contact_id)
            told = next(candidates, None)
            if told is None:
                return None
            name, company = told.get("name", ""), told.get("company", "")
            return Contact(connector=event.connector, id=wanted.contact_id, name=name, company=company)
        case _:
            return None
