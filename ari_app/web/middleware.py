"""What surrounds every request: the access log, CORS, headers that make browsers careful, and a bound for bodies."""

import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ari_app.web.connection import LONGEST_BODY
from ari_app.web.links import PREFIX
from ari_app.web.problems import ProblemError, problem_response

log = structlog.get_logger("agi_router.web")

Witness = Callable[[str, str, int, float], None]
"""Told of each request: its method, the template of its path ("" for none of ours), the status, the seconds it took."""

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SENT: Final = ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-API-Key")
_EXPOSED: Final = (
    "Location",
    "Retry-After",
    "Idempotency-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)
_PREFLIGHT_S: Final = 600
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
_DOCS: Final = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Swagger UI begins by a script in its page."""


def surrounded(app: ASGIApp, origins: Sequence[str], witness: Witness | None = None) -> ASGIApp:
    """The application with all of it. Pages of these origins may call it from a browser."""
    safe: ASGIApp = _SafeHeaders(_BoundedBody(app))
    if origins:
        safe = CORSMiddleware(
            safe,
            allow_origins=tuple(origins),
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_EXPOSED,
            allow_private_network=True,  # a page of the CRM's calls a PBX behind the firewall
            max_age=_PREFLIGHT_S,
        )
    return _Watched(safe, witness)


class _Watched:
    """Tells of each request once it has been answered: a line of the log, never with its query.

    Lines of what only reads, and of what was refused, are for debugging: strangers may cause any number of them.
    """

    def __init__(self, app: ASGIApp, witness: Witness | None) -> None:
        self._app = app
        self._witness = witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            # The operation's own faults were answered as a problem, and come here to be told.
            log.exception("a request failed by a fault of the router", path=scope["path"].partition("=")[0])
            if not status:
                raise
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, took_s: float) -> None:
        route = getattr(scope.get("route"), "path", "")
        if route and scope["path"].startswith(PREFIX) and not route.startswith(PREFIX):
            route = PREFIX + route  # newer releases of FastAPI tell it as its router has it
        access = scope.get("state", {}).get("access")
        path = scope["path"].partition("=")[
            0
        ]  # behind it the data of a command of Ameyo's may stand, a query in all but name
        tell = log.info if status < 400 and scope["method"] not in _READING else log.debug
        tell(
            "request",
            method=scope["method"],
            path=path,
            status=status,
            ms=round(took_s * 1000, 1),
            by=getattr(access, "key", None),
        )
        if self._witness is not None:
            self._witness(scope["method"], route, status, took_s)


class _SafeHeaders:
    """Answers are what they say they are, are kept by nobody, and are no part of another page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "no-referrer"
                headers.setdefault("content-security-policy", _DOCS if path == "/docs" else _NOTHING)
                if not path.startswith("/static"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


_AMBIGUOUS: Final = ProblemError(
    400,
    "malformed_request",
    "the length of the body is told by Transfer-Encoding, and by something else as well",
    "Send Content-Length alone.",
    headers={"connection": "close"},
)


class _BoundedBody:
    """A body that is too long is not read, and one whose length is told in two ways is nobody's.

    Of those a proxy may take the other way, and pass on as a body what is a request here (RFC 9112, section 6.1).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if "transfer-encoding" in headers and ("content-length" in headers or scope["http_version"] != "1.1"):
            await problem_response(_AMBIGUOUS)(scope, receive, send)
            return
        told = headers.get("content-length", "0")
        read = 0

        async def bounded() -> Message:
            nonlocal read
            if int(told) > LONGEST_BODY:
                raise _too_long()
            message = await receive()
            read += len(message.get("body", b""))
            if read > LONGEST_BODY:
                raise _too_long()
            return message

        await self._app(scope, bounded, send)


def _too_long() -> HTTPException:
    # This one passes through what reads bodies; any other would be taken for a broken body.
    return HTTPException(413, f"the body is longer than {LONGEST_BODY} bytes", {"connection": "close"})
