"""What a program may ask of the history: which calls, in which order."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter, WithJsonSchema

from agi_router.routing.last_agent import forms_of
from agi_router.settings.hours_section import nearest_zone
from ari_app.domain.history import LONGEST_PAGE, CallFilter, Order, Paging, Period, period_of
from ari_app.domain.record import Direction, Disposition

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_OFFSET_AFTER_A_SPACE: Final = re.compile(r" (?=\d\d:?\d\d$)")
_MOMENT: Final = TypeAdapter(datetime)
_EXAMPLES: Final = ["2026-11-21", "2026-11-21T09:00:00+01:00"]


def _day_or_moment(given: object) -> date | datetime:
    """A plus in an address is a space, unless it is written as %2B: both are taken."""
    text = str(given)
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if _DAY.match(text):
            return _MOMENT.validate_python(_OFFSET_AFTER_A_SPACE.sub("+", text))
    except ValueError:
        pass
    raise ValueError(f"{text} is neither a day nor a moment: write 2026-11-21, or 2026-11-21T09:00:00Z")


def _zone(name: str) -> str:
    known = _zones()
    if name not in known:
        raise ValueError(f"{name} is no time zone{nearest_zone(name)}")
    return name


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


UserCalled = Callable[[str], str | None]
"""Gives the id of the user with this id, e-mail address or extension; None when there is none."""


def user_ids(names: Iterable[str], user_called: UserCalled) -> tuple[str, ...]:
    """By which the history knows them; what is no user's name may be a phone, or a user whom there was once."""
    return tuple(user_called(name) or name for name in names)


DayOrMoment = Annotated[
    date | datetime | None,
    PlainValidator(_day_or_moment),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
        | {"examples": _EXAMPLES}
    ),
]
STORABLE: Final = r"^[^\x00]*$"
"""PostgreSQL takes no other text, not even to look for it."""

Name = Annotated[str, Field(min_length=1, max_length=128, pattern=STORABLE)]
Number = Annotated[str, Field(min_length=1, max_length=64, pattern=STORABLE)]
Zone = Annotated[str, AfterValidator(_zone), Field(max_length=64, examples=["Europe/Berlin"])]


class WantedPeriod(BaseModel):
    """From when to when: both are inclusive."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: DayOrMoment = Field(
        None, alias="from", description="begun then or later: a day, or a moment; without an offset it is one of `tz`"
    )
    to: DayOrMoment = Field(None, description="begun then or earlier: of a day all of it")
    tz: Zone = Field("UTC", description="the time zone of days and of moments without an offset")

    @property
    def period(self) -> Period:
        """In UTC. Raises HistoryError, bad_period."""
        return period_of(self.from_, self.to, ZoneInfo(self.tz))


class WantedCalls(WantedPeriod):
    """Which calls: all that is given holds, of several values one."""

    user: list[Name] = Field(
        [],
        max_length=100,
        description="who took part: an id, e-mail address or extension; a phone that is nobody's by its name",
    )
    team: list[Name] = Field([], max_length=100, description="that was rung, by id")
    queue: list[Name] = Field(
        [], max_length=100, description="in which it waited, by id; one that has none by its name in Asterisk"
    )
    number: list[Number] = Field(
        [], max_length=20, description="of either side, in any written form: +1 415 555 0100, (415) 555-0100"
    )
    direction: list[Direction] = Field([], max_length=4)
    disposition: list[Disposition] = Field([], max_length=20)
    source: list[Literal["router", "cel", "cdr"]] = Field(
        [], max_length=3, description="who told of it: this router, or Asterisk's own record of its other calls"
    )
    sort: Order = Order.NEWEST_FIRST

    def wanted(self, region: str, user_called: UserCalled) -> CallFilter:
        """As a filter; numbers without a plus are read as in this region. Raises HistoryError, bad_period."""
        forms = (form for number in self.number for form in forms_of(_with_plus(number), region))
        return CallFilter(
            period=self.period,
            users=user_ids(self.user, user_called),
            teams=tuple(self.team),
            queues=tuple(self.queue),
            numbers=tuple(sorted(set(forms))),
            directions=tuple(self.direction),
            dispositions=tuple(self.disposition),
            sources=tuple(self.source),
        )


class WantedPage(WantedCalls):
    """Which page of them."""

    offset: int = Field(0, ge=0, le=1_000_000_000, description="how many to leave out; not beside a cursor")
    limit: int = Field(100, ge=1, le=LONGEST_PAGE, description="how many at most")
    cursor: str = Field(
        "", max_length=512, description="`next` of the page before: the last page costs what the first does"
    )

    @property
    def paging(self) -> Paging:
        """As the history has it. Raises HistoryError, bad_paging."""
        return Paging(order=self.sort, limit=self.limit, offset=self.offset, cursor=self.cursor)


def _with_plus(number: str) -> str:
    """A plus that was not written as %2B has become a space."""
    return f"+{number[1:]}" if re.match(r" \d", number) else number
