"""The search of calls, newest or oldest first, in pages that lead to one another."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator, Field

from agi_router.routing.last_agent import forms_of
from ari_app.domain.history import CallFilter, Order, Page, Paging, Period
from ari_app.domain.record import CallRecord, Direction, Disposition
from ari_app.web.call_filter import STORABLE
from ari_app.web.faces.aircall.access import Caller
from ari_app.web.faces.aircall.errors import refusals
from ari_app.web.faces.aircall.shapes import Call
from ari_app.web.faces.bodies import Blank, blank
from ari_app.web.services import Router

LONGEST_PAGE: Final = 50
SHORT_PAGE: Final = 20
OVER: Final = tuple(each for each in Disposition if each is not Disposition.IN_PROGRESS)
_OUTSIDE: Final = (Direction.INBOUND, Direction.OUTBOUND)
"""Aircall has no calls among colleagues."""

NOTHING: Final[Page[CallRecord]] = Page(items=(), total=0, next=None)

_LAST_SECOND: Final = 253402300799  # of the year 9999

_Second = Annotated[int, Field(ge=0, le=_LAST_SECOND)]
_Sorting = Literal["asc", "desc", "des"]
_Way = Literal["inbound", "outbound"]
_Page = Annotated[int, Field(ge=1, le=1_000_000)]
_PerPage = Annotated[int, Field(ge=1, le=LONGEST_PAGE)]
Second = Annotated[_Second | None, BeforeValidator(blank(None), json_schema_input_type=_Second | Blank)]
Sorting = Annotated[_Sorting, BeforeValidator(blank("asc"), json_schema_input_type=_Sorting | Blank)]
Way = Annotated[_Way | None, BeforeValidator(blank(None), json_schema_input_type=_Way | Blank)]
PageNumber = Annotated[_Page, BeforeValidator(blank(1), json_schema_input_type=_Page | Blank)]
PerPage = Annotated[_PerPage, BeforeValidator(blank(SHORT_PAGE), json_schema_input_type=_PerPage | Blank)]

resource = APIRouter()


class Search(BaseModel):
    """Which calls, in which order. Other parameters are passed over."""

    order: Sorting = Field("asc", description="desc: the newest call first; des is the same")
    phone_number: Annotated[str, Field(max_length=64, pattern=STORABLE)] | None = Field(
        None,
        examples=["+12025550123"],
        description="of either side; a plus that is not encoded will do; an empty one is nobody's",
    )
    user_id: str = Field("", max_length=254, pattern=STORABLE, description="who spoke, or was rung")
    direction: Way = None
    from_: Second = Field(None, alias="from", description="begun then or later, in seconds since 1970")
    to: Second = Field(None, description="begun then or earlier")
    page: PageNumber = 1
    per_page: PerPage = SHORT_PAGE

    def wanted(self, region: str) -> CallFilter | None:
        """As a filter. A call that goes on is not searched: it may be the one about which this is asked.

        None for the calls of an empty number, of which there are none: whoever withholds his number has it, and is
        nobody whose agent could be found.
        """
        given = self.phone_number or ""
        number = given.strip()
        if self.phone_number is not None and not number:
            return None
        if given.startswith(" "):  # a plus in an address is a space
            number = f"+{number}"
        since = None if self.from_ is None else datetime.fromtimestamp(self.from_, UTC)
        before = None if self.to is None else datetime.fromtimestamp(min(self.to + 1, _LAST_SECOND), UTC)
        return CallFilter(
            period=Period(since, before),
            numbers=tuple(sorted(forms_of(number, region))) if number else (),
            users=(self.user_id,) if self.user_id else (),
            directions=_OUTSIDE if self.direction is None else (Direction(self.direction),),
            dispositions=OVER,
        )

    @property
    def paging(self) -> Paging:
        """As the history has it."""
        order = Order.OLDEST_FIRST if self.order == "asc" else Order.NEWEST_FIRST
        return Paging(order=order, limit=self.per_page, offset=(self.page - 1) * self.per_page)


class Meta(BaseModel):
    """Which page of how many calls this is, and where its neighbours are."""

    count: int = Field(description="calls of this page")
    total: int
    current_page: int
    per_page: int
    next_page_link: str | None
    previous_page_link: str | None


class Found(BaseModel):
    """A page of calls."""

    meta: Meta
    calls: list[Call]


@resource.get("/calls/search", operation_id="aircallSearchCalls", responses=refusals(400, 401, 405, 429, 503))
async def search_calls(request: Request, router: Router, _: Caller, asked: Annotated[Search, Query()]) -> Found:
    """Calls that are over, by the number outside. `calls[0].user.id` is who spoke last with it, by `order=desc`."""
    routing = router.settings().routing
    wanted = asked.wanted(routing.policy.region)
    page = NOTHING if wanted is None else await router.history.calls(wanted, asked.paging)
    users = {user.id: user for user in routing.users}
    return Found(
        meta=Meta(
            count=len(page.items),
            total=page.total,
            current_page=asked.page,
            per_page=asked.per_page,
            next_page_link=_link(request, asked, asked.page + 1) if page.next else None,
            previous_page_link=_link(request, asked, asked.page - 1) if asked.page > 1 else None,
        ),
        calls=[Call.of(record, users) for record in page.items],
    )


def _link(request: Request, asked: Search, page: int) -> str:
    """The same question for another page, at the address at which this one was asked."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)  # of a proxy that ends TLS
    here = request.url.replace(scheme="https" if scheme == "https" else "http")
    return str(here.include_query_params(page=page, per_page=asked.per_page))
