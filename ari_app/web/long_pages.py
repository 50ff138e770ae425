"""Pages of up to 10,000 entries, some at a time: one as a whole would take seconds of the loop in which calls run."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final, Generic, TypeVar

from fastapi import Response
from pydantic import BaseModel, Field

from ari_app.domain.history import Page, Paging
from ari_app.web.paging import Listed
from ari_app.web.shapes import Gap
from ari_app.web.streaming import BoundedStream

STRIDE: Final = 25
"""Some 5 ms."""

ItemT = TypeVar("ItemT")


class Told(Listed[ItemT], Generic[ItemT]):
    """A page of the history, and when nobody heard of the calls of the PBX."""

    gaps: list[Gap] = Field(description="in which the history of this period lacks calls, the newest first")


async def answered(
    ask: Callable[[Paging], Awaitable[Page[ItemT]]],
    paging: Paging,
    shown: Callable[[ItemT], BaseModel],
    gaps: Sequence[Gap],
) -> Response:
    """The page as JSON, in the form of `Told`. Raises what asking for its begin raises."""
    first = await ask(first_stride(paging))
    return BoundedStream(_told(ask, paging, first, shown, gaps), media_type="application/json")


def first_stride(paging: Paging) -> Paging:
    """The begin of this page: what it raises can still be told by the status of an answer."""
    return replace(paging, limit=min(STRIDE, paging.limit))


async def strides(
    ask: Callable[[Paging], Awaitable[Page[ItemT]]], paging: Paging, first: Page[ItemT]
) -> AsyncGenerator[Page[ItemT]]:
    """All of the page, of which this is the begin."""
    page, left = first, paging.limit
    while True:
        yield page
        left -= len(page.items)
        if not left or page.next is None:
            return
        page = await ask(replace(paging, limit=min(STRIDE, left), offset=0, cursor=page.next))


async def _told(
    ask: Callable[[Paging], Awaitable[Page[ItemT]]],
    paging: Paging,
    first: Page[ItemT],
    shown: Callable[[ItemT], BaseModel],
    gaps: Sequence[Gap],
) -> AsyncIterator[str]:
    before = '{"items":['
    async with aclosing(strides(ask, paging, first)) as pages:
        async for page in pages:
            if page.items:
                yield before + ",".join(shown(item).model_dump_json() for item in page.items)
                before = ","
    opening = "" if before == "," else before
    told = ",".join(gap.model_dump_json() for gap in gaps)
    yield f'{opening}],"total":{page.total},"next":{json.dumps(page.next)},"gaps":[{told}]}}'
