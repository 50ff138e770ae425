"""Whose number it is, at one CRM: in one form after the other, until it knows one; else by the phone book."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar
from weakref import WeakValueDictionary

from agi_router.routing.errors import Failure
from agi_router.routing.in_time import in_time
from agi_router.routing.numbers import WrittenForm, written
from ari_app.crm.contact_records import contact_of
from ari_app.crm.settings import FindSettings, UnknownNumbers
from ari_app.crm.shared_numbers import meant
from ari_app.domain.contacts import (
    Contact,
    ContactAnswer,
    ContactSource,
    Found,
    PhoneBook,
    Several,
    Unanswered,
    Unknown,
)
from ari_app.domain.crm import Crm, HookError, HookName, Record

T = TypeVar("T")

KNOWN_S: Final = 10.0
"""Who calls again within this time is not asked for again."""
MOST_KNOWN: Final = 1000
CREATED_S: Final = 3600.0
"""A contact for the same number is not created again within this time: a CRM may need a while to find it."""


class FormTally(Protocol):
    """How often each form of a number was the one that a CRM knew. It is kept over restarts."""

    def counts(self, connector: str) -> Mapping[str, int]:
        """By the form's name; those that never were are missing."""
        ...

    def matched(self, connector: str, form: str) -> None:
        """Count one more; neither waits nor raises."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    answer: ContactAnswer
    until: float  # by time.monotonic()


class Finding:
    """Implements `ContactFinder` for one connector."""

    def __init__(self, crm: Crm, settings: FindSettings, *, phone_book: PhoneBook, tally: FormTally) -> None:
        self._crm = crm
        self._settings = settings
        self._phone_book = phone_book
        self._tally = tally
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._created: OrderedDict[str, float] = OrderedDict()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def find(self, number: str, deadline_s: float) -> ContactAnswer:
        """See the protocol. Who calls twice at the same moment is looked for, and created, once."""
        deadline = asyncio.get_running_loop().time() + deadline_s
        turn = self._turns.setdefault(number, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline):
                await turn.acquire()
        except TimeoutError:
            return await self._by_phone_book(number, self._too_late(deadline_s))
        try:
            return self._recent(number) or await self._find(number, deadline_s, deadline)
        finally:
            turn.release()

    async def _find(self, number: str, deadline_s: float, deadline: float) -> ContactAnswer:
        answer: ContactAnswer
        if HookName.FIND_CONTACT not in self._crm.abilities.hooks:
            return await self._by_phone_book(number, Unknown())
        try:
            # A connector keeps to the deadline by itself, and says in the grace after it how far it came.
            answer = await in_time(self._ask(number, deadline), deadline - asyncio.get_running_loop().time())
        except TimeoutError:
            answer = self._too_late(deadline_s)
        match answer:
            case Unanswered():
                return await self._by_phone_book(number, answer)
            case Unknown() if self._may_create(number):
                answer = await self._create(number, deadline_s)
            case _:
                pass
        if not isinstance(answer, Unanswered):
            _keep(self._known, number, _Known(answer, time.monotonic() + KNOWN_S))
        return answer

    async def _ask(self, number: str, deadline: float) -> ContactAnswer:
        """Ask in each form. A CRM that does not take one of them at all may take another."""
        refused: Failure | None = None
        was_answered = False
        for form, text in self._forms(number):
            left_s = deadline - asyncio.get_running_loop().time()
            try:
                answer = await self._crm.run(HookName.FIND_CONTACT, number_values(number, text), deadline_s=left_s)
            except HookError as error:
                if not error.is_final:
                    return Unanswered(error.failure)
                refused = refused or error.failure
                continue
            was_answered = True
            if contacts := self._contacts(answer.records, number):
                self._tally.matched(self._crm.name, form)
                return self._judge(contacts, ContactSource.CRM, form)
        return Unknown() if was_answered or refused is None else Unanswered(refused)

    def _forms(self, number: str) -> Iterator[tuple[str, str]]:
        """The forms and the number in them; what the CRM knew most often comes first, the same text only once."""
        counts = self._tally.counts(self._crm.name)
        seen: set[str] = set()
        for form in sorted(self._crm.abilities.number_forms, key=lambda name: -counts.get(name, 0)):
            text = written(number, WrittenForm(form))
            if text not in seen:
                seen.add(text)
                yield form, text

    def _contacts(self, records: Sequence[Record], number: str) -> list[Contact]:
        """The contacts of an answer, each once; where some show the number, those: a CRM may search in all its text."""
        found = [each for record in records if (each := contact_of(self._crm.name, record)) is not None]
        contacts = list({(each.kind, each.id): each for each in reversed(found)}.values())[::-1]
        ending = written(number, WrittenForm.LOCAL)
        return [each for each in contacts if any(_digits(phone).endswith(ending) for phone in each.phones)] or contacts

    def _judge(self, contacts: Sequence[Contact], source: ContactSource, form: str = "") -> Found | Several:
        chosen = meant(contacts, self._settings.shared)
        return Several(contacts) if chosen is None else Found(contact=chosen, matched=form, source=source)

    async def _by_phone_book(self, number: str, otherwise: ContactAnswer) -> ContactAnswer:
        contacts = await self._phone_book.of_number(self._crm.name, number)
        return self._judge(contacts, ContactSource.PHONE_BOOK) if contacts else otherwise

    def _may_create(self, number: str) -> bool:
        if self._settings.unknown is not UnknownNumbers.CREATE:
            return False
        can_create = HookName.CREATE_CONTACT in self._crm.abilities.hooks
        return can_create and self._created.get(number, 0.0) <= time.monotonic()

    async def _create(self, number: str, deadline_s: float) -> ContactAnswer:
        """Create a contact, which then is named by the number. One that may be there already is not created again."""
        _keep(self._created, number, time.monotonic() + CREATED_S)
        values = {"number": number, "phone": number, "name": number, "lastname": number}
        try:
            answer = await self._crm.run(HookName.CREATE_CONTACT, values, deadline_s=deadline_s)
        except HookError as error:
            if error.is_undone:
                self._created.pop(number, None)  # which has made room for others meanwhile
            return Unanswered(error.failure)
        created = (contact_of(self._crm.name, record) for record in answer.records)
        contact = next((each for each in created if each is not None), None)
        if contact is None:
            return Unanswered(_NO_ID)
        named = replace(contact, name=contact.name or number, phones=contact.phones or (number,))
        return Found(contact=named, source=ContactSource.CREATED)

    def _recent(self, number: str) -> ContactAnswer | None:
        known = self._known.get(number)
        return known.answer if known is not None and known.until > time.monotonic() else None

    def _too_late(self, deadline_s: float) -> Unanswered:
        return Unanswered(
            Failure(
                "crm_too_late",
                f"{self._crm.title} did not tell within {deadline_s:g} s whose number it is",
                f"ask for less, or raise crm.{self._crm.name}.find.deadline_s: nobody who calls waits for it",
            )
        )


_NO_ID: Final = Failure(
    "crm_no_contact_id",
    "the CRM took the new contact, and its answer has no contact_id",
    "map the id in the response_map of CreateContact",
)


def number_values(number: str, text: str) -> dict[str, str]:
    """What FindContact is asked with for this number (E.164), tried as this text."""
    return {"number": number, "phone": text, **{f"phone_{form}": written(number, form) for form in WrittenForm}}


def _digits(phone: str) -> str:
    return "".join(filter(str.isdecimal, phone))


def _keep(kept: OrderedDict[str, T], number: str, value: T) -> None:
    """Keep it as the newest, and not too many."""
    kept[number] = value
    kept.move_to_end(number)
    while len(kept) > MOST_KNOWN:
        kept.popitem(last=False)
