"""The routers of a running program: the one in force, and those before it that calls still hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from agi_router.decide import Router

log = structlog.get_logger("agi_router.live")


@dataclass(slots=True, eq=False)
class _Term:
    """A router's time: from its opening until it is out of force and no call holds it."""

    router: Router
    calls: int = 0


class LiveRouting:
    """Gives each call the router in force at its beginning, for as long as the call lasts.

    An async context. A router that is no longer in force is closed when the last call leaves it; at the end all are.
    What shall outlive a router (a breaker's state, a memory, a token) is given to each of them by whoever makes them:
    this class knows nothing of it.
    """

    def __init__(self, first: Router) -> None:
        self._term = _Term(first)
        self._open: set[_Term] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._enter(self._term)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for term in list(self._open):
            self._close(term)
        await asyncio.gather(*self._closing)

    @property
    def in_force(self) -> Router:
        """The router that the next call will get."""
        return self._term.router

    @property
    def in_use(self) -> int:
        """How many routers there are: one, and those before it that calls still hold."""
        return len(self._open)

    @asynccontextmanager
    async def for_a_call(self) -> AsyncIterator[Router]:
        """The router in force now; it stays open until the block ends."""
        term = self._term
        term.calls += 1
        try:
            yield term.router
        finally:
            term.calls -= 1
            self._close_unless_needed(term)

    async def replace(self, router: Router) -> None:
        """From now on calls begin with this router. Those that run keep theirs."""
        before, following = self._term, _Term(router)
        await self._enter(following, before)
        self._term = following
        self._close_unless_needed(before)

    async def _enter(self, term: _Term, before: _Term | None = None) -> None:
        await term.router.__aenter__()
        self._open.add(term)
        term.router.keep_tokens_ready(before.router if before else None)

    def _close_unless_needed(self, term: _Term) -> None:
        if term is not self._term and not term.calls and term in self._open:
            self._close(term)

    def _close(self, term: _Term) -> None:
        """In a task: it may wait for a refresh token on its way, which the last call to leave shall not."""
        self._open.discard(term)
        task = asyncio.create_task(_closed(term.router), name="closing a router")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _closed(router: Router) -> None:
    try:
        await router.__aexit__(None, None, None)
    except Exception:
        log.exception("the connections of a configuration that is out of force could not be closed")
