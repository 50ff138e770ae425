"""What of OAuth must outlive the router: a refresh token that the server has replaced is worth nothing any more."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol


class GrantMemory(Protocol):
    """Remembers sealed grants by their ids; shared by all that ask tokens in this process."""

    def turn(self, grant_id: str) -> AbstractAsyncContextManager[None]:
        """Only one at a time, in here, may use a refresh token: the second use of one is taken for a theft.

        Raises RoutingError when another process holds the grants.
        """
        ...

    async def recall(self, grant_id: str) -> str | None:
        """The newest, also when it is not written yet; None when there is none. Raises RoutingError."""
        ...

    def remember(self, grant_id: str, sealed: str) -> None:
        """Keep this one. Never waits and never raises: the token is wanted by a caller."""
        ...


class ShortMemory:
    """Remembers as long as the process lives."""

    def __init__(self) -> None:
        self._sealed: dict[str, str] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def turn(self, grant_id: str) -> AsyncIterator[None]:
        """See GrantMemory."""
        async with self._turns[grant_id]:
            yield

    async def recall(self, grant_id: str) -> str | None:
        """See GrantMemory."""
        return self._sealed.get(grant_id)

    def remember(self, grant_id: str, sealed: str) -> None:
        """See GrantMemory."""
        self._sealed[grant_id] = sealed


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """The newest refresh token, and what was issued with it. Times are seconds since 1970; `ends_at` None: unknown.

    `access_token` is "" when what was issued with it was of no use.
    """

    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    obtained_at: float
    ends_at: float | None
