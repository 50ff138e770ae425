"""The history of every call: lists, page by page or whole as CSV, and parts by user, queue and team."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from ari_app.access.scopes import Access, Scope
from ari_app.domain.history import CallFilter, Order, Period
from ari_app.domain.parts import PartKind
from ari_app.web.access import require
from ari_app.web.call_filter import WantedCalls, WantedPage, WantedPeriod
from ari_app.web.long_pages import Told, answered
from ari_app.web.problems import problems
from ari_app.web.services import Router
from ari_app.web.shapes import OF_CALL, Gap, PartOfCall
from ari_app.web.spreadsheet import as_csv
from ari_app.web.streaming import BoundedStream
from ari_app.wire.calls import Call

resource = APIRouter(tags=["history"])

Asking = Annotated[Access, require(Scope.CALLS_READ)]
CallsAsked = Annotated[WantedCalls, Query()]
PageAsked = Annotated[WantedPage, Query()]

_STATUSES: Final = problems(401, 403, 422)
_CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "One line for each, after a head", "content": {"text/csv": {"schema": {"type": "string"}}}}
}
_OF_PART: Final = tuple(PartOfCall.model_fields)


@resource.get("/calls", operation_id="listCalls", response_model=Told[Call], responses=_STATUSES)
async def list_calls(router: Router, _: Asking, asked: PageAsked) -> Response:
    """Calls that are on record, over or not. A filter by user, team or queue takes those in which it took part."""
    wanted = _wanted(router, asked)
    gaps = await _gaps(router, wanted.period)
    return await answered(partial(router.history.calls, wanted), asked.paging, Call.model_validate, gaps)


@resource.get("/calls.csv", operation_id="exportCalls", response_class=BoundedStream, responses=_CSV | _STATUSES)
async def export_calls(router: Router, _: Asking, asked: CallsAsked) -> Response:
    """The same calls as CSV, all of them, sent while they are read. Text that would be a formula has a ' before it."""

    async def rows() -> AsyncIterator[Call]:
        async for call in router.history.every_call(wanted, asked.sort):
            yield Call.model_validate(call)

    wanted = _wanted(router, asked)
    return _export("calls", as_csv(OF_CALL, rows()))


@resource.get("/history/users", operation_id="listUserHistory", response_model=Told[PartOfCall], responses=_STATUSES)
async def list_user_history(router: Router, _: Asking, asked: PageAsked) -> Response:
    """One entry for each user who was rung in a call: how long he was, whether he answered, how long he spoke."""
    return await _parts(router, PartKind.USER, asked)


@resource.get("/history/queues", operation_id="listQueueHistory", response_model=Told[PartOfCall], responses=_STATUSES)
async def list_queue_history(router: Router, _: Asking, asked: PageAsked) -> Response:
    """One entry for each queue in which a caller waited: how long, who answered, how long they spoke."""
    return await _parts(router, PartKind.QUEUE, asked)


@resource.get("/history/teams", operation_id="listTeamHistory", response_model=Told[PartOfCall], responses=_STATUSES)
async def list_team_history(router: Router, _: Asking, asked: PageAsked) -> Response:
    """One entry for each team that was rung in a call: how long, who answered, how long they spoke."""
    return await _parts(router, PartKind.TEAM, asked)


@resource.get(
    "/history/users.csv", operation_id="exportUserHistory", response_class=BoundedStream, responses=_CSV | _STATUSES
)
async def export_user_history(router: Router, _: Asking, asked: CallsAsked) -> Response:
    """The history of users as CSV, all of it."""
    return _export_parts(router, PartKind.USER, asked)


@resource.get(
    "/history/queues.csv", operation_id="exportQueueHistory", response_class=BoundedStream, responses=_CSV | _STATUSES
)
async def export_queue_history(router: Router, _: Asking, asked: CallsAsked) -> Response:
    """The history of queues as CSV, all of it."""
    return _export_parts(router, PartKind.QUEUE, asked)


@resource.get(
    "/history/teams.csv", operation_id="exportTeamHistory", response_class=BoundedStream, responses=_CSV | _STATUSES
)
async def export_team_history(router: Router, _: Asking, asked: CallsAsked) -> Response:
    """The history of teams as CSV, all of it."""
    return _export_parts(router, PartKind.TEAM, asked)


class Gaps(BaseModel):
    """Times of which the history lacks calls."""

    gaps: list[Gap] = Field(description="the newest first, at most 1000")


@resource.get("/history/gaps", operation_id="listGaps", responses=_STATUSES)
async def list_gaps(router: Router, _: Asking, asked: Annotated[WantedPeriod, Query()]) -> Gaps:
    """When nobody heard of the calls that Asterisk carries by itself: the link was down, or the router."""
    return Gaps(gaps=await _gaps(router, asked.period))


async def _gaps(router: Router, period: Period) -> list[Gap]:
    return [Gap.model_validate(gap) for gap in await router.gaps.gaps(period.since, period.before)]


async def _parts(router: Router, kind: PartKind, asked: WantedPage) -> Response:
    wanted = _wanted(router, asked)
    gaps = await _gaps(router, wanted.period)
    return await answered(partial(router.history.parts, kind, wanted), asked.paging, PartOfCall.of, gaps)


def _export_parts(router: Router, kind: PartKind, asked: WantedCalls) -> Response:
    async def rows(wanted: CallFilter, order: Order) -> AsyncIterator[PartOfCall]:
        async for entry in router.history.every_part(kind, wanted, order):
            yield PartOfCall.of(entry)

    return _export(f"{kind}s", as_csv(_OF_PART, rows(_wanted(router, asked), asked.sort)))


def _wanted(router: Router, asked: WantedCalls) -> CallFilter:
    return asked.wanted(router.settings().routing.policy.region, router.routing.in_force.user_called)


def _export(name: str, lines: AsyncIterator[str]) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "x-accel-buffering": "no"}
    return BoundedStream(lines, media_type="text/csv; charset=utf-8", headers=headers)
