"""What a face consists of, and who is let in to one."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from fastapi import APIRouter, Request

from ari_app.access.scopes import Access, Scope
from ari_app.web.access import admit
from ari_app.web.problems import ProblemError, Teller
from ari_app.web.services import Router

log = structlog.get_logger("agi_router.access")


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A vendor's API. All that begins with `prefix` is its own: `tell` answers each error there in its words."""

    prefix: str
    resource: APIRouter
    tell: Teller


@dataclass(frozen=True, slots=True)
class FaceDoor:
    """A dependency: who asks, if his key has the scope of this face. `tokens` are all keys that a request shows."""

    scope: Scope
    tokens: Callable[[Request], list[str]]

    async def __call__(self, request: Request, router: Router) -> Access:
        """Raises ProblemError: 401, also for a key of something else, as the vendors know no scopes."""
        access = admit(request, router, self.tokens(request))
        if self.scope not in access.scopes:
            log.warning("a request was not let in", reason=f"the key lacks the scope {self.scope}", key=access.key)
            raise ProblemError(401, "scope_missing", "Not authorised", f"Use a key with the scope {self.scope}.")
        return access
