"""Who may ask: an API key with the scope that a path operation names."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from ari_app.access.doorkeeper import Admitted, Locked, Refused
from ari_app.access.scopes import Access, Scope
from ari_app.web.links import PREFIX
from ari_app.web.problems import ProblemError, problem_response
from ari_app.web.rate_headers import tell_quota
from ari_app.web.services import Router, Services

# For the OpenAPI; what is in the headers is read below, for neither of the two sees all of them.
BEARER = HTTPBearer(auto_error=False, description="An API key: agi-router keys create")
HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same, for who cannot set Authorization")


def admit(request: Request, router: Services, tokens: Sequence[str]) -> Access:
    """Who asks with these keys, however he showed them. Raises ProblemError."""
    peer = request.client.host if request.client else ""
    match router.doorkeeper.admit(peer, request.headers.getlist(router.doorkeeper.proxy_header), tokens):
        case Admitted(access, quota):
            request.state.access = access  # for the log of requests
            if quota is not None:
                tell_quota(request, quota)
                if not quota.allowed:
                    raise ProblemError(
                        429,
                        "too_many_requests",
                        f"the key {access.key} may ask {quota.limit} times in a minute",
                        "Ask again after the seconds of Retry-After; events can be followed instead of asked for.",
                    )
            return access
        case Refused(has_token):
            raise ProblemError(
                401,
                "unauthorized",
                "no API key, or one that is not let in from this address",
                "Send Authorization: Bearer KEY, made by agi-router keys create; the router's log tells what is wrong.",
                headers={"www-authenticate": 'Bearer error="invalid_token"' if has_token else "Bearer"},
            )
        case Locked(for_s):
            raise ProblemError(
                429,
                "too_many_wrong_keys",
                "too many wrong keys came from this address",
                "Ask again after the seconds of Retry-After, with the right key.",
                headers={"retry-after": str(max(1, ceil(for_s)))},
            )


async def _access(
    request: Request,
    router: Router,
    _bearer: Annotated[Any, Security(BEARER)],
    _header: Annotated[Any, Security(HEADER)],
) -> Access:
    admitted: Access | None = getattr(request.state, "access", None)
    return admitted or admit(request, router, tokens_of(request))


class KeyBeforeBody:
    """ASGI middleware: of who is not let in, no body is read. FastAPI parses it before it asks who that is, and JSON
    of a hundred kilobytes takes as long as the setup of several calls.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """See ASGI."""
        request = Request(scope)
        has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
        if has_body and scope["path"].startswith(f"{PREFIX}/"):
            try:
                admit(request, request.app.state.services, tokens_of(request))
            except ProblemError as error:
                await problem_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def tokens_of(request: Request) -> list[str]:
    """What is shown as a key in any header; another scheme of Authorization is meant for somebody else."""
    schemes = (value.strip().partition(" ") for value in request.headers.getlist("authorization"))
    bearers = [token.strip() for scheme, _, token in schemes if scheme.lower() == "bearer"]
    return bearers + request.headers.getlist("x-api-key")


Caller = Annotated[Access, Depends(_access)]
"""A parameter of a path operation that any key may use: who asks."""


@dataclass(frozen=True, slots=True)
class ScopeCheck:
    """A dependency: the one who asks, if his key has this scope."""

    scope: Scope

    async def __call__(self, access: Caller) -> Access:
        """Raises ProblemError."""
        if self.scope not in access.scopes:
            raise ProblemError(
                403,
                "scope_missing",
                f"the key {access.key} lacks the scope {self.scope}",
                "Use another key, or have the scopes of this one changed: agi-router keys change.",
                headers={"www-authenticate": f'Bearer error="insufficient_scope", scope="{self.scope}"'},
            )
        return access


def require(scope: Scope) -> Any:
    """A dependency: the one who asks, if his key has this scope. Declare the statuses 401 and 403 with it."""
    return Security(ScopeCheck(scope))
