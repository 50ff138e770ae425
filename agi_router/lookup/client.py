"""The client that asks: with credentials, with a deadline over every question, and a second URL where there is one."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from types import TracebackType

import aiohttp

from agi_router.lookup import failures
from agi_router.lookup.connections import Connections, StaleError
from agi_router.lookup.grants import GrantMemory, ShortMemory
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.oauth2 import TokenAnswer, TokenRequest, unreached
from agi_router.lookup.prepared import LONGEST_RECORDED, PreparedRequest, prepare
from agi_router.lookup.reach import Reached
from agi_router.lookup.tokens import FLIGHT_S, TokenSource
from agi_router.lookup.upstream import Upstreams
from agi_router.routing.auth import Auth, OAuth2Auth
from agi_router.routing.decision import FailedAttempt, LookupProgress, ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.route import Request
from agi_router.routing.template import Values

STALE_TRIES = 3
FAIR_SHARE = 0.25
"""A question that got less of its deadline (a token or a place came late) tells nothing about the API's speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API said. `failure` tells why it cannot be used (its status, its size), None when it can.

    `again_in_s` is in how many seconds the API wants to be asked again, None when it does not say.
    """

    received: ReceivedAnswer
    body: bytes
    charset: str | None
    failure: Failure | None
    again_in_s: float | None = None


class LookupClient:
    """Asks external APIs; an async context that owns the connections."""

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
        self._connections = Connections(guard, ca_files)
        memory = grants or ShortMemory()
        self.tokens: Mapping[OAuth2Auth, TokenSource] = {
            auth: TokenSource(auth, self._post, memory) for auth in set(auths) if isinstance(auth, OAuth2Auth)
        }
        self._upstreams = Upstreams() if upstreams is None else upstreams
        self._judged = True

    async def __aenter__(self) -> "LookupClient":
        self._connections.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(source.close() for source in self.tokens.values()))
        await self._connections.close()

    def unjudged(self) -> "LookupClient":
        """This client with the same connections, tokens and breakers, which are told nothing of what it asks.

        It is open as long as this one.
        """
        other = copy(self)
        other._judged = False
        return other

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
            reply = await self._connections.exchange(
                "token endpoints",
                0,
                "POST",
                auth.token_url,
                headers=request.headers,
                body=request.body,
                ca_file=auth.ca_file,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise unreached(failures.of_exception(error, auth.token_url, FLIGHT_S)) from error
        return TokenAnswer(reply.status, reply.headers, reply.body if reply.is_whole else None)

    async def reach(self, request: Request) -> Reached:
        """Connect as for this request, and ask nothing. Raises RoutingError as `ask` does."""
        try:
            return await self._connections.reach(*self._pool(request), request.url.origin, request.ca_file)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = failures.of_exception(error, request.url.origin, request.deadline_s)
            raise RoutingError(failure.code, failure.message, failure.remedy) from error

    def _pool(self, request: Request) -> tuple[str, int]:
        """The upstream's own connections: no more than it has places, so that one slow API takes none from another."""
        upstream = self._upstreams.of(request.url.origin)
        return upstream.origin, upstream.limits.max_concurrent

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
        now = asyncio.get_running_loop().time
        within_s = until - now()
        async with self._upstreams.of(request.url.origin).lookup(within_s / 2, judged=self._judged) as trial:
            had_time = until - now() >= FAIR_SHARE * request.deadline_s
            prepared = prepare(request, values, token)
            leaving(prepared.record)
            try:
                async with asyncio.timeout_at(until):
                    answer = await self._connected(request, prepared, connects)
            except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
                failure = failures.of_exception(error, prepared.url, round(within_s, 2))
                if failures.is_of_upstream(failure) and (had_time or failure.code != "api_timeout"):
                    trial.failed(failure)
                raise RoutingError(failure.code, failure.message, failure.remedy) from error
            if answer.failure is not None and failures.is_unwell(answer.received.status):
                trial.failed(answer.failure, answer.again_in_s)
            else:
                trial.answered()
            return answer

    async def _connected(self, request: Request, prepared: PreparedRequest, connects: int) -> Answer:
        """Repeated is only what nobody has read: a failed connect, and what went to a connection that had ended.

        The latter holds for every method (RFC 9110 section 9.2.2): a lookup is a question, and it was not heard.
        """
        started = monotonic()
        failed_connects = stale = 0
        while True:
            try:
                return await self._once(request, prepared, started)
            except StaleError:
                stale += 1
                if stale > STALE_TRIES:
                    raise
            except aiohttp.ClientError as error:
                failed_connects += 1
                if failed_connects >= connects or not failures.is_failed_connect(error):
                    raise

    async def _once(self, request: Request, prepared: PreparedRequest, started: float) -> Answer:
        reply = await self._connections.exchange(
            *self._pool(request),
            prepared.method,
            prepared.url,
            headers=prepared.headers,
            body=prepared.body,
            ca_file=request.ca_file,
        )
        failure = failures.of_status(prepared.url, reply.status, reply.headers.get("Location"))
        received = ReceivedAnswer(
            status=reply.status,
            body=reply.body[: 4 * LONGEST_RECORDED].decode("utf-8", "replace")[:LONGEST_RECORDED],
            elapsed_ms=round((monotonic() - started) * 1000, 1),
        )
        too_large = None if reply.is_whole else failures.too_large(prepared.url)
        return Answer(
            received=received,
            body=reply.body,
            charset=reply.charset,
            failure=failure or too_large,
            again_in_s=failures.retry_after(reply.headers),
        )
