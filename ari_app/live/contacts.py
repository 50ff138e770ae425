"""The desk of contacts: has CRMs create and change contacts, with the phone book behind them, and brings it up to date.

A contact is created, or changed, in the CRM; the copy follows at once, so that the next call shows the name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from agi_router.document.problems import suggestion
from agi_router.routing.errors import Failure
from ari_app.calls.clock import now
from ari_app.calls.ids import new_call_id
from ari_app.control.settings import ControlError
from ari_app.crm.contact_records import PHONES, contact_of
from ari_app.crm.phone_books import PhoneBooks
from ari_app.domain.contacts import Contact, ContactFields, ContactKind
from ari_app.domain.crm import Crm, HookError, HookName, Record
from ari_app.domain.phone_book import BookEntry, BookKeeper, ContactArchive, SyncRun, cleaned
from ari_app.domain.unavailable import UnavailableError
from ari_app.live.contact_forms import ContactChange, ContactForm
from ari_app.live.contact_json import sync_as_json
from ari_app.live.once import Once, Outcome

DEADLINE_S: Final = 15.0
"""Somebody waits for the CRM."""

_MADE_OF: Final = {
    "name": "name",
    "company": "company_name",
    "job_title": "job_title",
    "email": "email",
    "owner": "owner_id",
}
"""What of a contact is the text of one variable."""

_NAMELESS: Final = Failure(
    "contact_without_name", "the contact has no name", "send name, first_name and last_name, or company"
)

log = structlog.get_logger("agi_router.phone_book")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What a CRM was asked for came to nothing; unless it `is_undone`, nobody knows that for certain.

    `is_answer`: the CRM has answered so. It may be asked again in `again_in_s` seconds, when it says so.
    """

    failure: Failure
    is_undone: bool
    is_answer: bool
    again_in_s: float | None = None


Written = BookEntry | Refused | Failure


class ContactDesk:
    """Everything raises StorageError's kin when the database fails."""

    def __init__(
        self, *, crms: Mapping[str, Crm], archive: ContactArchive, book: BookKeeper, books: PhoneBooks, once: Once
    ) -> None:
        self.archive = archive
        self.books = books
        self._crms = crms
        self._book = book
        self._once = once

    async def create(self, form: ContactForm) -> Written:
        """Have the CRM create it."""
        return await self._create(form, new_request_id())

    async def create_once(self, form: ContactForm, owner: str, key: str) -> Outcome[BookEntry | Refused]:
        """Have it created, or tell what an earlier request with this key of idempotency has created."""
        undone: list[Refused] = []

        async def do(request_id: str) -> BookEntry | Refused | Failure:
            written = await self._create(form, request_id)
            if isinstance(written, Refused) and written.is_undone:
                undone.append(written)
                return written.failure  # which leaves the key free
            return written

        outcome: Outcome[BookEntry | Refused] = await self._once.carry_out(
            {"contact": form.model_dump()}, owner, key, new_id=new_request_id(), do=do, told=self._told
        )
        return Outcome(undone[0]) if undone else outcome

    async def change(self, connector: str, contact_id: str, kind: ContactKind | None, change: ContactChange) -> Written:
        """Have the CRM change it."""
        crm = self._crm(connector, HookName.UPDATE_CONTACT)
        if isinstance(crm, Failure):
            return crm
        known = await self.archive.contact(connector, contact_id, kind)
        if known is None:
            return unknown_contact(connector, contact_id)
        if not change.fields:
            return known
        values = {**change.fields, "contact_id": contact_id, "now": now().isoformat()}
        record = await _asked(crm, HookName.UPDATE_CONTACT, values)
        if isinstance(record, Refused):
            return record
        return await self._kept(_with(known.contact, change.fields, record))

    async def sync(self, connector: str, *, full: bool = False) -> SyncRun | Failure:
        """Have a run begin, or join the one that goes on; `full`: one that reads all contacts, in any case."""
        book = self.books.get(connector)
        return self._unknown(connector) if book is None else await book.start(full=full)

    def last_run(self, connector: str) -> SyncRun | Failure | None:
        """How the run goes on, or what came of the last one; None before the first one."""
        book = self.books.get(connector)
        return self._unknown(connector) if book is None else book.last

    async def begin_sync(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """A command of the control socket: `crm`, `full`. The run that goes on, or a ControlError with why not."""
        name = str(arguments.get("crm", ""))
        return _told_run(name, await self.sync(name, full=bool(arguments.get("full"))))

    async def tell_syncs(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        """A command of the control socket: the same of all CRMs."""
        return {"phone_books": [sync_as_json(name, book.last) for name, book in self.books.items()]}

    async def tell_sync(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """A command of the control socket: `crm`. The run that goes on, or what came of the last one."""
        name = str(arguments.get("crm", ""))
        return _told_run(name, self.last_run(name))

    async def _create(self, form: ContactForm, request_id: str) -> Written:
        crm = self._crm(form.connector, HookName.CREATE_CONTACT)
        if isinstance(crm, Failure):
            return crm
        if not form.has_name:
            return _NAMELESS
        values = {**form.fields, "idempotency_key": request_id, "now": now().isoformat()}
        record = await _asked(crm, HookName.CREATE_CONTACT, values)
        if isinstance(record, Refused):
            return record
        told = contact_of(form.connector, record)
        if told is None:
            return _without_id(crm)
        return await self._kept(_with(Contact(connector=crm.name, id=told.id), form.fields, record), request_id)

    async def _kept(self, contact: Contact, made_by: str = "") -> BookEntry | Refused:
        """In the copy as well. The CRM has it already, so that a copy that fails is no reason to say no."""
        clean = cleaned(contact)
        if clean is None:
            return _without_id(self._crms[contact.connector])
        try:
            await self._book.put_one(clean, made_by=made_by)
            entry = await self.archive.contact(clean.connector, clean.id, clean.kind)
        except UnavailableError as error:
            log.warning("the phone book cannot be written", reason=str(error), remedy=error.remedy)
            entry = None
        return entry or BookEntry(contact=clean)

    async def _told(self, request_id: str) -> BookEntry | Refused | Failure:
        return await self.archive.made_by(request_id) or Failure(
            "idempotency_outcome_unknown",
            "nobody knows whether the CRM has carried out the first request with this Idempotency-Key: no contact of it"
            " is in the phone book",
            "look in the CRM; to create the contact, ask with a new key",
        )

    def _crm(self, name: str, hook: HookName) -> Crm | Failure:
        crm = self._crms.get(name)
        if crm is None:
            return self._unknown(name)
        if hook not in crm.abilities.hooks:
            return Failure(
                "crm_no_hook",
                f"the document of the CRM {name} has no {hook.value}",
                f"add the hook {hook.value} to the document",
            )
        return crm

    def _unknown(self, name: str) -> Failure:
        return Failure(
            "crm_unknown",
            f"there is no CRM called {name}{suggestion(name, list(self._crms))}",
            "name one of the section crm of the configuration; a new one needs a restart of the router",
        )


def _told_run(name: str, run: SyncRun | Failure | None) -> Mapping[str, Any]:
    if isinstance(run, Failure):
        raise ControlError(f"{run.message} [{run.code}]", run.remedy)
    return sync_as_json(name, run)


def new_request_id() -> str:
    """A new id of what is to be created once."""
    return f"req-{new_call_id()}"


def unknown_contact(connector: str, contact_id: str) -> Failure:
    """Nobody in the phone book is that."""
    return Failure(
        "contact_unknown",
        f"the phone book has no contact {contact_id} of {connector}",
        f"GET /api/v1/contacts lists those there are; agi-router crm sync {connector} reads the CRM's anew",
    )


async def _asked(crm: Crm, hook: HookName, values: ContactFields) -> Record | Refused:
    """What the CRM says of the contact then; empty where it says nothing."""
    try:
        answer = await crm.run(hook, values, deadline_s=DEADLINE_S)
    except HookError as error:
        return Refused(
            failure=error.failure,
            is_undone=error.is_undone,
            is_answer=error.status is not None,
            again_in_s=error.again_in_s,
        )
    return answer.records[0] if answer.records else {}


def _with(before: Contact, fields: ContactFields, record: Record) -> Contact:
    """What is given in place of what was, and what the CRM says in place of both."""
    given = {**fields, **{name: text for name, text in record.items() if text}}
    told = contact_of(before.connector, {"name": before.name, **given, "contact_id": before.id})
    assert told is not None
    texts = {name: getattr(told, name) for name, variable in _MADE_OF.items() if given.get(variable)}
    texts["name"] = told.name if given.get("name") or not before.name else before.name
    phones = (*told.phones, *(phone for phone in before.phones if not _is_replaced(phone, before, given)))
    return replace(
        before,
        **texts,
        kind=told.kind if given.get("kind") else before.kind,
        company_id=told.company_id or before.company_id,
        phones=tuple(dict.fromkeys(phones)),
        url=told.url or before.url,
        changed_at=told.changed_at or now(),
    )


def _is_replaced(phone: str, before: Contact, given: ContactFields) -> bool:
    """Whether there is another one in the place of this one."""
    place = before.phones.index(phone)
    return place < len(PHONES) and bool(given.get(PHONES[place]))


def _without_id(crm: Crm) -> Refused:
    why = Failure(
        "crm_gave_no_id",
        f"{crm.title} has taken the contact, and did not say under which id",
        "map its id to $contact_id$ in response_map of CreateContact; the contact is in the CRM",
    )
    return Refused(failure=why, is_undone=False, is_answer=True)
