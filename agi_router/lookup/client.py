"""The client that asks: one pool of connections for all routes, and a deadline over every question."""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType

import aiohttp
from yarl import URL

from agi_router.lookup import failures
from agi_router.lookup.guard import GuardedResolver, NetworkGuard
from agi_router.lookup.prepared import LONGEST_RECORDED, PreparedRequest, prepare
from agi_router.lookup.reach import Reached, connect_only
from agi_router.routing.decision import LookupProgress, ReceivedAnswer
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.route import Request
from agi_router.routing.template import Values

CONNECT_S = 1.0
KEEPALIVE_S = 4.0  # many servers hang up after five idle seconds; a request must not meet that moment
CHUNK = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API said. `failure` tells why it cannot be used (its status, its size), None when it can."""

    received: ReceivedAnswer
    body: bytes
    charset: str | None
    failure: Failure | None


class LookupClient:
    """Asks external APIs; an async context that owns the connections.

    No redirects, no proxies of the environment, no cookies, TLS always verified, addresses checked by the guard.
    """

    def __init__(self, guard: NetworkGuard, ca_files: Iterable[Path] = ()) -> None:
        """`ca_files` are those of the requests to come, read here; raises OSError (ssl.SSLError) for a bad one."""
        self._guard = guard
        self._trust = {file: trusting(file) for file in set(ca_files)}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "LookupClient":
        connector = aiohttp.TCPConnector(
            limit=0,  # every caller has his own deadline: a queue in front of the pool would only eat it
            keepalive_timeout=KEEPALIVE_S,
            resolver=GuardedResolver(self._guard),
            socket_factory=self._guard.socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, middlewares=(_ask_once,)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, request: Request, values: Values, on_progress: Callable[[LookupProgress], None]) -> Answer:
        """One question, answered or failed within the request's deadline; safe to cancel.

        `on_progress` is told the request, secrets masked, before anything is sent. Raises RoutingError when no answer
        came: api_timeout, api_refused, api_dns, api_tls, api_disconnected, api_bad_http, api_url, network_denied.
        """
        started = monotonic()
        prepared = prepare(request, values)
        on_progress(prepared.record)
        try:
            async with asyncio.timeout(request.deadline_s):
                return await self._with_one_retry(request, prepared, started)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            failure = failures.of_exception(error, prepared.url, request.deadline_s)
            raise RoutingError(failure.code, failure.message, failure.remedy) from error

    async def reach(self, request: Request) -> Reached:
        """Connect as for this request, and ask nothing. Raises RoutingError as `ask` does."""
        session, trust, url = self._open_session(), self._trusted(request), URL(request.url.origin, encoded=True)
        try:
            return await connect_only(session, url, trust, CONNECT_S)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = failures.of_exception(error, request.url.origin, request.deadline_s)
            raise RoutingError(failure.code, failure.message, failure.remedy) from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the lookup client is used inside its `async with`")
        return self._session

    def _trusted(self, request: Request) -> ssl.SSLContext | bool:
        return self._trust[request.ca_file] if request.ca_file else True

    async def _with_one_retry(self, request: Request, prepared: PreparedRequest, started: float) -> Answer:
        try:
            return await self._once(request, prepared, started)
        except aiohttp.ClientError as error:
            if not failures.is_failed_connect(error):
                raise
        return await self._once(request, prepared, started)

    async def _once(self, request: Request, prepared: PreparedRequest, started: float) -> Answer:
        async with self._open_session().request(
            prepared.method,
            URL(prepared.url, encoded=True),
            headers=prepared.headers,
            data=prepared.body,
            skip_auto_headers=("Content-Type",),  # of an empty body it would say application/octet-stream
            allow_redirects=False,
            ssl=self._trusted(request),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
        ) as response:
            body, is_whole = await _read(response)
            failure = failures.of_status(prepared.url, response.status, response.headers.get("Location"))
            charset = response.charset
            received = ReceivedAnswer(
                status=response.status,
                body=body.decode("utf-8", "replace")[:LONGEST_RECORDED],
                elapsed_ms=round((monotonic() - started) * 1000, 1),
            )
            too_large = None if is_whole else failures.too_large(prepared.url)
            return Answer(received=received, body=body, charset=charset, failure=failure or too_large)


async def _ask_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from repeating a GET whose connection broke: a slow or crashing API is not asked twice."""
    try:
        return await send(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise failures.DisconnectedError(str(error)) from error


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """The body up to the bound, and whether that was all of it. Of what is larger, the connection is given up."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > failures.LONGEST_ANSWER:
            response.close()
            return bytes(body[:LONGEST_RECORDED]), False
    return bytes(body), True


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Verifies against the system's authorities and those of this PEM file; raises OSError when it is none."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=ca_file)
    return context
