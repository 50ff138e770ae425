"""The history of calls as it is asked for: which calls, in which order, page by page. Storage implements it.

page = await history.calls(CallFilter(users=("ada",), period=period_of(date(2026, 3, 1), None, zone)), Paging())
more = await history.calls(the_same_filter, Paging(cursor=page.next))
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final, Generic, Protocol, TypeVar

from ari_app.domain.parts import CallPart, PartKind
from ari_app.domain.record import CallRecord, Direction, Disposition

Item = TypeVar("Item")
LONGEST_PAGE: Final = 10_000
_TICK: Final = timedelta(microseconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class HistoryError(Exception):
    """The history cannot be asked like that. The text says why, `remedy` what to do; `code` is for programs."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy


class Order(StrEnum):
    """By the moment at which a call, or a part of it, began; calls of the same moment by their ids."""

    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on, and before `before`: aware moments; None has no bound."""

    since: datetime | None = None
    before: datetime | None = None


def period_of(from_: date | datetime | None, to: date | datetime | None, zone: tzinfo) -> Period:
    """Both bounds are inclusive: a date is the whole day in this zone, a moment without a zone of its own is in it.

    A day has 23 or 25 hours when the clocks change. Raises HistoryError, bad_period, when it ends before it begins.
    """
    since = None if from_ is None else _begin(from_, zone)
    before = None if to is None else _end(to, zone)
    if since is not None and before is not None and before <= since:
        raise HistoryError(
            "bad_period", f"the period ends ({to}) before it begins ({from_})", "Let `to` be `from`, or later."
        )
    return Period(since, before)


def _begin(given: date | datetime, zone: tzinfo) -> datetime:
    if isinstance(given, datetime):
        return _moment(given, zone)
    return _moment(datetime.combine(given, time.min), zone)


def _end(given: date | datetime, zone: tzinfo) -> datetime:
    try:
        if isinstance(given, datetime):
            return _moment(given, zone) + _TICK
        return _moment(datetime.combine(given + timedelta(days=1), time.min), zone)
    except OverflowError:
        return _LAST


def _moment(given: datetime, zone: tzinfo) -> datetime:
    """In UTC. Of a local time that comes twice the first is meant; for one that is left out, when the clock jumps."""
    try:
        return (given if given.tzinfo is not None else given.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return _FIRST if given.year < 5000 else _LAST


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """What a call must be: all that is given holds, of several values one. The empty filter takes every call.

    `users`, `teams` and `queues` took part in it (names as in `CallPart`); `numbers` are the forms in which one number,
    or several, may be written: the caller's, the called one's, or the one to which the call went.
    """

    period: Period = Period()
    call_ids: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ()
    dispositions: tuple[Disposition, ...] = ()
    sources: tuple[str, ...] = ()


EVERY_CALL: Final = CallFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which page: `cursor` is the `next` of the page before; without one, `offset` entries are passed over.

    Whoever does not need the total leaves it: in a long history it takes longer to count than the page to read.

    Raises HistoryError, bad_paging, for a limit out of 1 to 10,000, or an offset beside a cursor.
    """

    order: Order = Order.NEWEST_FIRST
    limit: int = 100
    offset: int = 0
    cursor: str = ""
    is_counted: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LONGEST_PAGE:
            raise HistoryError(
                "bad_paging",
                f"a page cannot have {self.limit} entries",
                f"Ask for 1 to {LONGEST_PAGE}; more come page by page, or as CSV.",
            )
        if self.offset < 0 or (self.offset and self.cursor):
            raise HistoryError(
                "bad_paging",
                f"an offset of {self.offset} cannot be taken" + (" beside a cursor" if self.cursor else ""),
                "Go on by the cursor alone, or give an offset of 0 or more without one.",
            )


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of what was asked for. `total` is how many there are altogether, counted when the first page was read;
    0 of one that was not to be counted.

    `next` leads to the page that follows: None at the end.
    """

    items: tuple[Item, ...]
    total: int
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEntry:
    """A part beside what its call was. `number` tells the parts of one call apart."""

    call_id: str
    number: int
    part: CallPart
    route: str
    caller_number: str
    caller_name: str
    called_number: str
    disposition: Disposition
    source: str
    linkedid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was deleted of a number: calls with their parts and events, messages, notices, contacts of the phone book.

    `in_progress` calls stay. Of the last good answers (`answers`) all go: their names do not tell whose they are.
    """

    calls: int
    parts: int
    events: int
    answers: int
    outgoing: int
    in_progress: int
    messages: int = 0
    notices: int = 0
    contacts: int = 0
    recordings: int = 0


class History(Protocol):
    """The history of every call. All methods raise StorageError's kin when the database fails."""

    async def calls(self, wanted: CallFilter, paging: Paging) -> Page[CallRecord]:
        """One page of calls. Raises HistoryError for a cursor that is none of this question's."""
        ...

    async def parts(self, kind: PartKind, wanted: CallFilter, paging: Paging) -> Page[PartEntry]:
        """One page of what users, queues or teams had to do with those calls.

        Of this kind the filter's names are the parts' own, and the period is that in which the parts began.
        """
        ...

    def every_call(self, wanted: CallFilter, order: Order) -> AsyncIterator[CallRecord]:
        """All of them, one by one, in constant memory and without holding the database meanwhile."""
        ...

    def every_part(self, kind: PartKind, wanted: CallFilter, order: Order) -> AsyncIterator[PartEntry]:
        """All of them, as `every_call`."""
        ...


class Eraser(Protocol):
    """Who can delete what is on record of a number."""

    async def erase(self, numbers: tuple[str, ...]) -> Erased:
        """Delete all calls with one of these numbers, but those in progress: they are to be erased when they are over.

        Returns when it is done; calls go on meanwhile.
        """
        ...
