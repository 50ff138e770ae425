"""Lists that are cut into pages: the envelope that all of them have, and the parameters that turn the pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

ItemT = TypeVar("ItemT")
ShownT = TypeVar("ShownT")


class Listed(BaseModel, Generic[ItemT]):
    """A page of a list. `next` is the `cursor` of the page after it, null on the last one."""

    items: list[ItemT]
    total: int = Field(ge=0, description="of the whole list, not of this page")
    next: str | None = Field(description="ask with cursor=... for the next page; null: there is none")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is wanted."""

    offset: int
    limit: int

    def of(self, everything: Iterable[ItemT]) -> "Page[ItemT]":
        """That part of a list that fits into memory."""
        whole = list(everything)
        end = self.offset + self.limit
        return Page(whole[self.offset : end], len(whole), str(end) if end < len(whole) else None)


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """A part of a list of `total`; `next` is where the next one begins."""

    items: Sequence[ItemT]
    total: int
    next: str | None


def paging(most: int) -> Any:
    """A dependency: which part is wanted, of at most so many items."""

    def wanted(
        offset: Annotated[int, Query(ge=0, le=1_000_000, description="how many to leave out")] = 0,
        limit: Annotated[int, Query(ge=1, le=most, description="how many at most")] = 100,
        cursor: Annotated[
            str | None,
            Query(pattern=r"^[0-9]{1,7}$", description="the `next` of the page before; instead of offset"),
        ] = None,
    ) -> Paging:
        return Paging(offset if cursor is None else int(cursor), limit)

    return Depends(wanted)


PageWanted = Annotated[Paging, paging(10_000)]
"""A parameter of a path operation."""
