"""What a program may ask of VoIPline's lists. Unknown parameters are passed over, empty ones are none."""

import re
from dataclasses import replace
from datetime import UTC, date
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from ari_app.domain.call_digits import of_digits
from ari_app.domain.history import LONGEST_PAGE, CallFilter, Order, Paging, Period, period_of
from ari_app.domain.parts import PartKind
from ari_app.domain.record import Disposition
from ari_app.live.directory_names import Names
from ari_app.web.call_filter import STORABLE
from ari_app.web.faces.bodies import Blank, blank

OVER: Final = tuple(each for each in Disposition if each is not Disposition.IN_PROGRESS)

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SEVERAL: Final = "one, or several: between commas, or the parameter several times, with or without []"


def _day(given: object) -> date | None:
    text = str(given or "")
    if not text:
        return None
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text} is no day; write it as 2019-06-18")
    return date.fromisoformat(text)


Day = Annotated[
    date | None,
    PlainValidator(_day),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "maxLength": 0}],
            "examples": ["2019-06-18"],
        }
    ),
]
DEFAULT_LIMIT: Final = 100

_Offset = Annotated[int, Field(ge=0, le=1_000_000_000)]
_Limit = Annotated[int, Field(ge=1, le=LONGEST_PAGE)]
SortBy = Annotated[Order, BeforeValidator(blank(Order.NEWEST_FIRST), json_schema_input_type=Order | Blank)]
Offset = Annotated[_Offset, BeforeValidator(blank(0), json_schema_input_type=_Offset | Blank)]
Limit = Annotated[_Limit, BeforeValidator(blank(DEFAULT_LIMIT), json_schema_input_type=_Limit | Blank)]
Filter = Annotated[
    list[Annotated[str, Field(max_length=1000, pattern=STORABLE)]], Field(max_length=7, description=_SEVERAL)
]


class ListQuery(BaseModel):
    """What all lists take: which days, in UTC with both ends, which part of the list, in which order."""

    model_config = ConfigDict(populate_by_name=True)

    sort_by: SortBy = Order.NEWEST_FIRST
    from_date: Day = None
    to_date: Day = None
    offset: Offset = Field(0, description="how many rows to leave out")
    limit: Limit = Field(DEFAULT_LIMIT, description="how many rows at most")
    unique_call_id: str = Field("", max_length=128, pattern=STORABLE, description="of one call; its rows alone")

    @property
    def paging(self) -> Paging:
        """As the history has it."""
        return Paging(order=self.sort_by, limit=self.limit, offset=self.offset, is_counted=False)

    def _wanted(self) -> CallFilter | None:
        """As a filter; None for days of which the last comes before the first, when there were no calls."""
        if self.from_date and self.to_date and self.to_date < self.from_date:
            return None
        period: Period = period_of(self.from_date, self.to_date, UTC)
        call_ids = (of_digits(self.unique_call_id),) if self.unique_call_id else ()
        return CallFilter(period=period, dispositions=OVER, call_ids=call_ids)


class UserQuery(ListQuery):
    """Calls of users."""

    users_names: Filter = []
    users_names_: Filter = Field([], alias="users_names[]")

    def filter(self, names: Names) -> CallFilter | None:
        """As a filter."""
        wanted, given = self._wanted(), self.users_names + self.users_names_
        return wanted and replace(wanted, users=names.ids(PartKind.USER, given))


class QueueQuery(ListQuery):
    """Calls of queues."""

    queues_names: Filter = []
    queues_names_: Filter = Field([], alias="queues_names[]")

    def filter(self, names: Names) -> CallFilter | None:
        """As a filter."""
        wanted, given = self._wanted(), self.queues_names + self.queues_names_
        return wanted and replace(wanted, queues=names.ids(PartKind.QUEUE, given))


class RingGroupQuery(ListQuery):
    """Calls of ring groups."""

    ringgroups_names: Filter = []
    ringgroups_names_: Filter = Field([], alias="ringgroups_names[]")

    def filter(self, names: Names) -> CallFilter | None:
        """As a filter."""
        wanted = self._wanted()
        return wanted and replace(
            wanted, teams=names.ids(PartKind.TEAM, self.ringgroups_names + self.ringgroups_names_)
        )
