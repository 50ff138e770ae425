"""Whose number it is: all CRMs are asked at once, beside the question where a call belongs. Nothing waits for them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Protocol, Self, assert_never

import structlog

from agi_router.routing.carried import LONGEST_NAME
from agi_router.routing.errors import Failure
from agi_router.routing.printable import one_line
from ari_app.calls.clock import now
from ari_app.domain import events as e
from ari_app.domain.call_log import CallReader, CallWriter
from ari_app.domain.contacts import (
    ContactAnswer,
    ContactFinder,
    ContactSource,
    Found,
    Several,
    Unanswered,
    Unknown,
)
from ari_app.domain.record import CallRecord, Direction

log = structlog.get_logger(__name__)

HEAD_START_S: Final = 0.02
"""The question where the call belongs goes first, and the legs when it is answered at once: a request to a CRM takes
the event loop some milliseconds to prepare.
"""
LAST_ANSWERS_S: Final = 10.0
"""How long a stopping router waits for CRMs that are asked; what has not come then is asked again by the next start."""
ASKED_AGAIN: Final = timedelta(minutes=10)
"""After a start CRMs are asked about calls that began within this time before, and have no answer on record."""
MOST_ASKED_AGAIN: Final = 200
LOG_DEADLINE_S: Final = 2.0
MOST_CANDIDATES: Final = 50
"""So many of those who share a number are put on record, and told to everybody who hears of calls."""

OnName = Callable[[str], Awaitable[None]]
"""Told what phones are to show: a name, and another one when a CRM that comes before has one too. It never raises."""

BROKEN: Final = Failure(
    "contact_search_broken", "the search for the contact broke off", "see the log of agi-router serve, and report it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCrm:
    """A CRM that is asked on calls; `shows_name`: on phones."""

    name: str
    finder: ContactFinder
    deadline_s: float
    shows_name: bool


class AskedCrms(Protocol):
    """What the configuration in force says of contacts on calls."""

    def of_a_call(self) -> Sequence[AskedCrm]:
        """The CRMs that are asked, in their order: the first that knows a name has it shown."""
        ...

    def outside(self, number: str) -> str | None:
        """The number in E.164; None for one that no CRM is asked about: internal, one of ours, emergency, or none."""
        ...


@dataclass(slots=True)
class _Names:
    """The names of one call's contact, by the order of the CRMs."""

    on_name: OnName | None
    best: int | None = field(default=None, init=False)

    async def take(self, rank: int, name: str) -> None:
        if self.on_name is not None and name and (self.best is None or rank < self.best):
            self.best = rank
            await self.on_name(name)


class ContactSearch:
    """The searches of all calls. An async context; each CRM and call have one answer on record, whatever happens.

    That is so also when the caller has hung up meanwhile, or the router was restarted.
    """

    def __init__(self, crms: AskedCrms, writer: CallWriter) -> None:
        self._crms = crms
        self._writer = writer
        self._searches: set[asyncio.Task[None]] = set()
        self._tellings: set[asyncio.Task[None]] = set()  # a phone may not ring for long, or not be there

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANSWERS_S):
                while self._searches:
                    await asyncio.wait(self._searches)
        left = self._searches | self._tellings
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    @property
    def is_wanted(self) -> bool:
        """Whether there is any CRM to ask."""
        return bool(self._crms.of_a_call())

    def begin(self, call_id: str, number: str, on_name: OnName | None = None) -> None:
        """Ask all CRMs whose number it is, which may be "" or none at all; returns at once."""
        if number and self.is_wanted:
            self._spawn(self._after_a_head_start(call_id, number, on_name), self._searches)

    def name_on(self, record: CallRecord) -> str:
        """The name that phones are shown of a call that began before a restart; "" while none is known."""
        contacts = (record.contact(crm.name) for crm in self._crms.of_a_call() if crm.shows_name)
        known = (found for found in contacts if found is not None and found.source != ContactSource.CREATED)
        return next((for_phones(found.name) for found in known if found.name), "")

    async def ask_again(self, reader: CallReader) -> None:
        """After a start: ask about the calls whose answers were lost with the router that had asked."""
        if not self._crms.of_a_call():
            return
        try:
            async with asyncio.timeout(LOG_DEADLINE_S):
                records = await reader.recent(MOST_ASKED_AGAIN)
        except Exception:
            log.exception("the call log can't be read; whose number recent calls had is not asked again")
            return
        for record in records:
            if record.source == "router" and record.started_at and record.started_at >= now() - ASKED_AGAIN:
                self._ask_again(record)

    async def _after_a_head_start(self, call_id: str, number: str, on_name: OnName | None) -> None:
        await asyncio.sleep(HEAD_START_S)
        if (outside := self._crms.outside(number)) is not None:
            self._ask(call_id, outside, enumerate(self._crms.of_a_call()), on_name)

    def _ask_again(self, record: CallRecord) -> None:
        crms = [(rank, crm) for rank, crm in enumerate(self._crms.of_a_call()) if record.contact(crm.name) is None]
        if crms and (number := self._crms.outside(number_of(record))) is not None:
            self._ask(record.call_id, number, crms, None)

    def _ask(self, call_id: str, number: str, crms: Iterable[tuple[int, AskedCrm]], on_name: OnName | None) -> None:
        names = _Names(on_name)
        for rank, crm in crms:
            self._spawn(self._search(call_id, number, rank, crm, names), self._searches)

    def _spawn(self, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work, name="contacts of a call")
        among.add(task)
        task.add_done_callback(among.discard)

    async def _search(self, call_id: str, number: str, rank: int, crm: AskedCrm, names: _Names) -> None:
        try:
            answer = await crm.finder.find(number, crm.deadline_s)
        except Exception:
            log.exception("the search for a contact broke off", call=call_id, crm=crm.name)
            answer = Unanswered(BROKEN)
        self._writer.write(call_id, told(crm.name, number, answer))
        if crm.shows_name and isinstance(answer, Found):
            name = "" if answer.source is ContactSource.CREATED else for_phones(answer.contact.name)
            self._spawn(names.take(rank, name), self._tellings)


def for_phones(name: str) -> str:
    """What can be sent to a phone of a name that somebody has typed into a CRM."""
    return one_line(name)[:LONGEST_NAME]


def told(connector: str, number: str, answer: ContactAnswer) -> e.ContactFound | e.ContactNotFound:
    """What is put on record of a CRM's answer."""
    match answer:
        case Found():
            return contact_found(answer, number)
        case Several(contacts):
            candidates = [
                {"id": each.id, "name": each.name, "company": each.company} for each in contacts[:MOST_CANDIDATES]
            ]
            return e.ContactNotFound(
                at=now(), connector=connector, number=number, outcome="several", candidates=candidates
            )
        case Unknown():
            return e.ContactNotFound(at=now(), connector=connector, number=number, outcome="unknown")
        case Unanswered(why):
            return e.ContactNotFound(
                at=now(),
                connector=connector,
                number=number,
                outcome="failed",
                code=why.code,
                message=why.message,
                remedy=why.remedy,
            )
        case _:
            assert_never(answer)


def contact_found(found: Found, number: str) -> e.ContactFound:
    """What is put on record of a contact."""
    contact = found.contact
    return e.ContactFound(
        at=now(),
        connector=contact.connector,
        contact_id=contact.id,
        number=number,
        name=contact.name,
        company=contact.company,
        kind=contact.kind.value,
        owner=contact.owner,
        url=contact.url,
        source=found.source.value,
        matched=found.matched,
    )


def number_of(record: CallRecord) -> str:
    """The number outside, as it stands on record; "" for who withholds it."""
    if record.direction is Direction.OUTBOUND:
        return record.called_number
    return "" if record.caller_withheld else record.caller_number
