"""What is asked of a CRM to find a contact, and what it answers, heard beside: for the record of who decides by it."""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from agi_router.routing.decision import ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure
from ari_app.domain.crm import Abilities, Crm, HookAnswer, HookError, HookName, Patience, Upload

REMEMBERED_S: Final = 15.0
"""Longer than a finder knows by itself whom it has just looked for."""
MOST_REMEMBERED: Final = 1000
SOONER_S: Final = 0.05
"""So much before whoever searches gives up the CRM has to answer: else it would not be known what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request in one form of the number. Nothing may have been sent, and no answer have come.

    `failure` is why there was no usable answer; with `is_last` no other form is tried after it.
    """

    sent: SentRequest | None
    received: ReceivedAnswer | None
    failure: Failure | None = None
    is_last: bool


@dataclass(frozen=True, slots=True)
class _Search:
    exchanges: Mapping[str, Exchange]  # by the text that was looked for, in their order
    at: float  # by time.monotonic()


Listener = Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class _Listening:
    listener: Listener
    is_created: asyncio.Event


class Overheard:
    """Implements `Crm` by another one. What it finds contacts with can be listened to, by the number (E.164)."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self._listeners: dict[str, list[_Listening]] = {}
        self._being_created: Counter[str] = Counter()
        self._searches: OrderedDict[str, _Search] = OrderedDict()

    @property
    def name(self) -> str:
        """See Crm."""
        return self._crm.name

    @property
    def title(self) -> str:
        """See Crm."""
        return self._crm.title

    @property
    def abilities(self) -> Abilities:
        """See Crm."""
        return self._crm.abilities

    async def run(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, upload: Upload | None = None
    ) -> HookAnswer:
        """See Crm."""
        number = values.get("number", "")
        if hook is HookName.CREATE_CONTACT:
            with self._creating(number):
                return await self._crm.run(hook, values, deadline_s=deadline_s, upload=upload)
        if hook is not HookName.FIND_CONTACT:
            return await self._crm.run(hook, values, deadline_s=deadline_s, upload=upload)
        try:
            answer = await self._crm.run(hook, values, deadline_s=deadline_s - min(SOONER_S, deadline_s / 10))
        except HookError as error:
            exchange = Exchange(
                sent=error.sent, received=error.received, failure=error.failure, is_last=not error.is_final
            )
            self._hear(number, values["phone"], exchange)
            raise
        self._hear(
            number, values["phone"], Exchange(sent=answer.sent, received=answer.received, is_last=bool(answer.records))
        )
        return answer

    def pages(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, patience: Patience | None = None
    ) -> AsyncIterator[HookAnswer]:
        """See Crm."""
        return self._crm.pages(hook, values, deadline_s=deadline_s, patience=patience)

    @contextmanager
    def listening(self, number: str, listener: Listener) -> Iterator[asyncio.Event]:
        """Have it told of each request for this number, once that is over, until the block ends.

        The event says that nobody had the number, as a contact with it is on its way into the CRM.
        """
        listening = _Listening(listener, asyncio.Event())
        if self._being_created[number]:
            listening.is_created.set()
        listeners = self._listeners.setdefault(number, [])
        listeners.append(listening)
        try:
            yield listening.is_created
        finally:
            listeners.remove(listening)
            if not listeners:
                self._listeners.pop(number, None)

    def last_search(self, number: str) -> Sequence[Exchange]:
        """The requests of the newest search for this number, if that was a moment ago."""
        search = self._searches.get(number)
        return () if search is None or search.at + REMEMBERED_S < time.monotonic() else (*search.exchanges.values(),)

    @contextmanager
    def _creating(self, number: str) -> Iterator[None]:
        for listening in self._listeners.get(number, ()):
            listening.is_created.set()
        self._being_created[number] += 1
        try:
            yield
        finally:
            self._being_created[number] -= 1
            if not self._being_created[number]:
                del self._being_created[number]

    def _forget(self) -> None:
        """The oldest, as far as nobody asks for them any more or they are too many: each may hold long answers."""
        while self._searches:
            oldest = next(iter(self._searches.values()))
            if oldest.at + REMEMBERED_S >= time.monotonic() and len(self._searches) <= MOST_REMEMBERED:
                return
            self._searches.popitem(last=False)

    def _hear(self, number: str, text: str, exchange: Exchange) -> None:
        before = self.last_search(number)
        # No search looks for the same text twice: that is another one, after one that has found nobody.
        goes_on = before and not before[-1].is_last and text not in self._searches[number].exchanges
        earlier = self._searches[number].exchanges if goes_on else {}
        self._searches[number] = _Search({**earlier, text: exchange}, time.monotonic())
        self._searches.move_to_end(number)
        self._forget()
        for listening in self._listeners.get(number, ()):
            listening.listener(exchange)
