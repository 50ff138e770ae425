"""Routes that a CRM decides: whose contact the caller is. One search serves the route and the call's record."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from agi_router.routing.contact_owner import NoContactOwners, OwnerAnswer
from agi_router.routing.decision import FailedAttempt, LookupProgress, ReceivedAnswer
from agi_router.routing.errors import Failure
from agi_router.routing.in_time import GRACE_S
from ari_app.crm.overhearing import Exchange, Overheard
from ari_app.domain.contacts import (
    Contact,
    ContactAnswer,
    ContactFinder,
    ContactSource,
    Found,
    Several,
    Unanswered,
    Unknown,
)

OTHER_FORM: Final = Failure(
    "contact_not_found_so",
    "the CRM knows no contact by the number in this form",
    "nothing is wrong: the next form is tried",
)


@dataclass(frozen=True, slots=True)
class Searched:
    """A connector as routes ask it: what finds contacts on calls, the same for dry runs, and what is heard of both."""

    finder: ContactFinder
    trial_finder: ContactFinder
    heard: Overheard


class Owners:
    """Implements `ContactOwners` for the connectors that there are."""

    def __init__(self, searched: Callable[[str], Searched | None], *, are_trials: bool = False) -> None:
        """`searched` gives the connector of this name, None when there is none."""
        self._searched = searched
        self._are_trials = are_trials
        self._going_on: set[asyncio.Task[ContactAnswer]] = set()

    def for_trials(self) -> "Owners":
        """See the protocol: no contact is created."""
        return Owners(self._searched, are_trials=True)

    async def owner(
        self, crm: str, number: str, deadline_s: float, on_progress: Callable[[LookupProgress], None]
    ) -> OwnerAnswer:
        """See the protocol."""
        searched = self._searched(crm)
        if searched is None:
            return await NoContactOwners().owner(crm, number, deadline_s, on_progress)
        told = _Told(on_progress)
        # A search that comes too late here may still be in time for the call's record, and creates no contact twice.
        finder = searched.trial_finder if self._are_trials else searched.finder
        search = asyncio.create_task(finder.find(number, deadline_s), name=f"contact owner by {crm}")
        self._going_on.add(search)
        search.add_done_callback(self._going_on.discard)
        with searched.heard.listening(number, told.tell) as is_created:
            await _first_of(search, is_created, deadline_s)
        if search.done():
            answer = search.result()
        elif is_created.is_set():
            answer = Unknown()
        else:
            answer = told.given_up or _too_late(crm, deadline_s)
        if not told.any:
            for exchange in searched.heard.last_search(number):
                told.tell(exchange)
        return _answer(crm, answer, told)


async def _first_of(search: asyncio.Task[ContactAnswer], is_created: asyncio.Event, deadline_s: float) -> None:
    """Nobody waits for a contact that is being created: it belongs to nobody yet."""
    creation = asyncio.create_task(is_created.wait())
    try:
        for limit_s in (deadline_s, 2 * GRACE_S):  # of the search, and of the phone book after it
            await asyncio.wait({search, creation}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        creation.cancel()


@dataclass(slots=True)
class _Told:
    """Tells of requests in the words of a lookup: one is only known to have failed once another one follows."""

    on_progress: Callable[[LookupProgress], None]
    any: bool = False
    last: Exchange | None = field(default=None)

    def tell(self, exchange: Exchange) -> None:
        if self.last is not None:
            self.fail(self.last.failure or OTHER_FORM)
        self.any, self.last = True, exchange
        if exchange.sent is not None:
            self.on_progress(exchange.sent)

    def fail(self, why: Failure) -> None:
        """What was asked last came to nothing, and there is something else."""
        if self.last is not None:
            self.on_progress(FailedAttempt(request=self.last.sent, answer=self.last.received, failure=why))

    @property
    def given_up(self) -> Unanswered | None:
        """What the CRM came to, where nothing more is asked: a slow phone book may be looked into still."""
        if self.last is None or self.last.failure is None or not self.last.is_last:
            return None
        return Unanswered(self.last.failure)

    @property
    def received(self) -> ReceivedAnswer | None:
        return None if self.last is None else self.last.received


def _answer(crm: str, answer: ContactAnswer, told: _Told) -> OwnerAnswer:
    match answer:
        case Found(contact=contact, source=ContactSource.PHONE_BOOK) if contact.owner:
            if told.last is not None and told.last.failure is not None:
                told.fail(told.last.failure)
            return OwnerAnswer(owner=contact.owner)
        case Found(contact=contact) if contact.owner:
            return OwnerAnswer(owner=contact.owner, received=told.received)
        case Found(contact=contact, source=ContactSource.CREATED):
            return OwnerAnswer(failure=_unknown(crm), received=told.received)
        case Found(contact=contact):
            return OwnerAnswer(failure=_ownerless(crm, contact), received=told.received)
        case Several(contacts):
            return OwnerAnswer(failure=_shared(crm, contacts), received=told.received)
        case Unknown():
            return OwnerAnswer(failure=_unknown(crm), received=told.received)
        case Unanswered(failure):
            return OwnerAnswer(failure=failure, received=told.received)
        case _:
            assert_never(answer)


def _unknown(crm: str) -> Failure:
    return Failure(
        "contact_unknown",
        f"no contact of {crm} has the caller's number",
        "nothing is wrong if the caller is new; else compare the number's forms: agi-router test-route",
    )


def _ownerless(crm: str, contact: Contact) -> Failure:
    return Failure(
        "contact_without_owner",
        f"the contact {contact.name or contact.id} of {crm} belongs to nobody",
        "give it an owner in the CRM; or let the document's FindContact map $owner_id$, if it does not",
    )


def _shared(crm: str, contacts: Sequence[Contact]) -> Failure:
    return Failure(
        "contact_shared",
        f"{len(contacts)} contacts of {crm} have the caller's number",
        f"let crm.{crm}.find.shared say which one is meant: company or most_recent",
    )


def _too_late(crm: str, deadline_s: float) -> Unanswered:
    return Unanswered(
        Failure(
            "crm_too_late",
            f"{crm} did not tell within {deadline_s:g} s whose contact the caller is",
            "find out what is slow, or raise request.deadline_s: the caller waits for it",
        )
    )
