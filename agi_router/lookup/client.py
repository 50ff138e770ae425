"""The client that asks: a pool of connections for each upstream, and a deadline over every question."""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from types import TracebackType

import aiohttp
from yarl import URL

from agi_router.lookup import failures
from agi_router.lookup.grants import GrantMemory, ShortMemory
from agi_router.lookup.guard import GuardedResolver, NetworkGuard
from agi_router.lookup.oauth2 import TokenAnswer, TokenRequest, unreached
from agi_router.lookup.prepared import LONGEST_RECORDED, PreparedRequest, prepare
from agi_router.lookup.reach import Reached, connect_only
from agi_router.lookup.tokens import FLIGHT_S, TokenSource
from agi_router.lookup.upstream import Upstreams
from agi_router.routing.auth import Auth, OAuth2Auth
from agi_router.routing.decision import FailedAttempt, LookupProgress, ReceivedAnswer, SentRequest
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

    def __init__(
        self,
        guard: NetworkGuard,
        ca_files: Iterable[Path] = (),
        upstreams: Upstreams | None = None,
        auths: Iterable[Auth] = (),
        grants: GrantMemory | None = None,
    ) -> None:
        """`ca_files` and `auths` are those of the requests to come; `grants` keeps refresh tokens over a restart.

        Raises OSError (ssl.SSLError) for a bad file.
        """
        self._guard = guard
        memory = grants or ShortMemory()
        self.tokens: Mapping[OAuth2Auth, TokenSource] = {
            auth: TokenSource(auth, self._post, memory) for auth in set(auths) if isinstance(auth, OAuth2Auth)
        }
        self._trust = {file: trusting(file) for file in set(ca_files)}
        self._upstreams = Upstreams() if upstreams is None else upstreams
        self._sessions: dict[str, aiohttp.ClientSession] | None = None

    async def __aenter__(self) -> "LookupClient":
        self._sessions = {}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(source.close() for source in self.tokens.values()))
        sessions, self._sessions = self._sessions or {}, None
        for session in sessions.values():
            await session.close()

    async def ask(self, request: Request, values: Values, on_progress: Callable[[LookupProgress], None]) -> Answer:
        """One question, answered or failed within the request's deadline; safe to cancel.

        The second URL, if there is one, is asked when the first one gave no answer in half of the time, or one that
        says that it is unwell; it has all the time that is left.

        `on_progress` is told of each request, secrets masked, before anything is sent, and of each failure that another
        request follows. Raises RoutingError when no answer came: breaker_open, api_busy, api_timeout, api_refused,
        api_dns, api_tls, api_disconnected, api_bad_http, api_url, network_denied; and what `TokenSource.token` raises.
        """
        started = asyncio.get_running_loop().time()
        deadline = started + request.deadline_s
        second = request.second
        if second is not None:
            outcome = await self._first(request, values, started + request.deadline_s / 2, on_progress)
            if isinstance(outcome, Answer):
                return outcome
            on_progress(outcome)
        return await self._authorised(second or request, values, deadline, on_progress, connects=2)

    async def _post(self, auth: OAuth2Auth, request: TokenRequest) -> TokenAnswer:
        """Ask a token endpoint; raises RoutingError when no answer came. The answer is for nobody's record."""
        try:
            async with self._opened("token endpoints", limit=0).post(
                URL(auth.token_url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                ssl=self._trust[auth.ca_file] if auth.ca_file else True,
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
            ) as response:
                body, is_whole = await _read(response)
                return TokenAnswer(response.status, response.headers, body if is_whole else None)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise unreached(failures.of_exception(error, auth.token_url, FLIGHT_S)) from error

    async def reach(self, request: Request) -> Reached:
        """Connect as for this request, and ask nothing. Raises RoutingError as `ask` does."""
        session, trust = self._session(request.url.origin), self._trusted(request)
        try:
            return await connect_only(session, URL(request.url.origin, encoded=True), trust, CONNECT_S)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = failures.of_exception(error, request.url.origin, request.deadline_s)
            raise RoutingError(failure.code, failure.message, failure.remedy) from error

    def _session(self, origin: str) -> aiohttp.ClientSession:
        """The upstream's own connections: no more than it has places, so that one slow API takes none from another."""
        upstream = self._upstreams.of(origin)
        return self._opened(upstream.origin, upstream.limits.max_concurrent)

    def _opened(self, name: str, limit: int) -> aiohttp.ClientSession:
        if self._sessions is None:
            raise RuntimeError("the lookup client is used inside its `async with`")
        if name not in self._sessions:
            connector = aiohttp.TCPConnector(
                limit=limit,
                keepalive_timeout=KEEPALIVE_S,
                resolver=GuardedResolver(self._guard),
                socket_factory=self._guard.socket,
            )
            self._sessions[name] = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, middlewares=(_ask_once,)
            )
        return self._sessions[name]

    def _trusted(self, request: Request) -> ssl.SSLContext | bool:
        return self._trust[request.ca_file] if request.ca_file else True

    async def _first(
        self, request: Request, values: Values, until: float, on_progress: Callable[[LookupProgress], None]
    ) -> Answer | FailedAttempt:
        """What the first of two URLs answers, or why the second is asked, which takes the place of a second connect."""
        sent: SentRequest | None = None

        def going_on(progress: LookupProgress) -> None:
            nonlocal sent
            sent = progress if isinstance(progress, SentRequest) else None
            on_progress(progress)

        try:
            answer = await self._authorised(request, values, until, going_on, connects=1)
        except RoutingError as error:
            return FailedAttempt(request=sent, failure=error.failure)
        if answer.failure is not None and failures.is_unwell(answer.received.status):
            return FailedAttempt(request=sent, answer=answer.received, failure=answer.failure)
        return answer

    async def _authorised(
        self,
        request: Request,
        values: Values,
        until: float,
        on_progress: Callable[[LookupProgress], None],
        *,
        connects: int,
    ) -> Answer:
        """Ask one URL. A 401 says that the token of OAuth died before its time: once more, with a new one."""
        source = self.tokens[request.auth] if isinstance(request.auth, OAuth2Auth) else None
        sent: SentRequest | None = None

        def leaving(request: SentRequest) -> None:
            nonlocal sent
            sent = request
            on_progress(request)

        token = "" if source is None else await source.token(until)
        answer = await self._attempt(request, values, token, until, leaving, connects=connects)
        if source is None or answer.failure is None or answer.received.status != 401:
            return answer
        try:
            newer = await source.instead_of(token, until)
        except RoutingError as error:
            return replace(answer, failure=error.failure)
        if newer is not None:
            on_progress(FailedAttempt(request=sent, answer=answer.received, failure=answer.failure))
            answer = await self._attempt(request, values, newer, until, leaving, connects=connects)
        if answer.received.status == 401:
            return replace(answer, failure=failures.of_refused_tokens(request.url.origin))
        return answer

    async def _attempt(
        self,
        request: Request,
        values: Values,
        token: str,
        until: float,
        leaving: Callable[[SentRequest], None],
        *,
        connects: int,
    ) -> Answer:
        """Ask one URL, if its upstream lets us, until this moment of the loop's clock; raises RoutingError."""
        within_s = until - asyncio.get_running_loop().time()
        async with self._upstreams.of(request.url.origin).lookup(longest_wait_s=within_s / 2) as trial:
            prepared = prepare(request, values, token)
            leaving(prepared.record)
            try:
                async with asyncio.timeout_at(until):
                    answer = await self._connected(request, prepared, connects)
            except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
                failure = failures.of_exception(error, prepared.url, round(within_s, 2))
                if failures.is_of_upstream(failure):
                    trial.failed(failure)
                raise RoutingError(failure.code, failure.message, failure.remedy) from error
            if answer.failure is not None and failures.is_unwell(answer.received.status):
                trial.failed(answer.failure)
            else:
                trial.answered()
            return answer

    async def _connected(self, request: Request, prepared: PreparedRequest, connects: int) -> Answer:
        """Nothing but a failed connect is repeated."""
        started = monotonic()
        for _ in range(connects - 1):
            try:
                return await self._once(request, prepared, started)
            except aiohttp.ClientError as error:
                if not failures.is_failed_connect(error):
                    raise
        return await self._once(request, prepared, started)

    async def _once(self, request: Request, prepared: PreparedRequest, started: float) -> Answer:
        async with self._session(request.url.origin).request(
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
