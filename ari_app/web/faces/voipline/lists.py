"""The calls of users, queues and ring groups."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Annotated, Generic, Literal, TypeVar

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from ari_app.domain.history import CallFilter, Page, Paging, PartEntry
from ari_app.domain.parts import PartKind
from ari_app.live.directory_names import Names
from ari_app.web.faces.voipline.errors import refusals
from ari_app.web.faces.voipline.query import QueueQuery, RingGroupQuery, UserQuery
from ari_app.web.faces.voipline.rows import QueueRow, RingGroupRow, UserRow
from ari_app.web.long_pages import first_stride, strides
from ari_app.web.services import Router, Services
from ari_app.web.streaming import BoundedStream

RowT = TypeVar("RowT", UserRow, QueueRow, RingGroupRow)

resource = APIRouter(responses=refusals(400, 401, 405, 429, 503))


class Rows(BaseModel, Generic[RowT]):
    """A list."""

    code: Literal[200]
    data: list[RowT]


@resource.get("/get-user-calls", operation_id="voiplineUserCalls", response_model=Rows[UserRow])
async def get_user_calls(router: Router, asked: Annotated[UserQuery, Query()]) -> Response:
    """The calls in which users were rung, or that were placed for them, one row for each user of a call."""
    names = Names(router.settings().routing)
    return await _rows(router, PartKind.USER, asked.filter(names), asked.paging, lambda part: UserRow.of(part, names))


@resource.get("/get-queue-calls", operation_id="voiplineQueueCalls", response_model=Rows[QueueRow])
async def get_queue_calls(router: Router, asked: Annotated[QueueQuery, Query()]) -> Response:
    """The calls that waited in queues."""
    names = Names(router.settings().routing)
    return await _rows(router, PartKind.QUEUE, asked.filter(names), asked.paging, lambda part: QueueRow.of(part, names))


@resource.get("/get-ringgroup-calls", operation_id="voiplineRingGroupCalls", response_model=Rows[RingGroupRow])
async def get_ring_group_calls(router: Router, asked: Annotated[RingGroupQuery, Query()]) -> Response:
    """The calls for which ring groups (teams) were rung."""
    names = Names(router.settings().routing)
    return await _rows(
        router, PartKind.TEAM, asked.filter(names), asked.paging, lambda part: RingGroupRow.of(part, names)
    )


async def _rows(
    router: Services, kind: PartKind, wanted: CallFilter | None, paging: Paging, row: Callable[[PartEntry], BaseModel]
) -> Response:
    if wanted is None:
        return Response('{"code":200,"data":[]}', media_type="application/json")
    ask = partial(router.history.parts, kind, wanted)
    first = await ask(first_stride(paging))
    return BoundedStream(_told(ask, paging, first, row), media_type="application/json")


async def _told(
    ask: Callable[[Paging], Awaitable[Page[PartEntry]]],
    paging: Paging,
    first: Page[PartEntry],
    row: Callable[[PartEntry], BaseModel],
) -> AsyncIterator[str]:
    yield '{"code":200,"data":['
    before = ""
    async with aclosing(strides(ask, paging, first)) as pages:
        async for page in pages:
            if page.items:
                yield before + ",".join(row(part).model_dump_json() for part in page.items)
                before = ","
    yield "]}"
