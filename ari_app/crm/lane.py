"""The way to a CRM for one kind of requests: connections and a breaker of their own, through the network guard.

What callers wait for and what is done in the background never share one: a phone book that is being read, or a CRM that
chokes on recordings, takes no place from a caller's contact. Neither of them is that of the routing lookups.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

import aiohttp
from yarl import URL

from agi_router.lookup import failures
from agi_router.lookup.connections import Connections, Reply, Sending, StaleError
from agi_router.lookup.guard import Guard
from agi_router.lookup.oauth2 import TokenAnswer, TokenRequest, unreached
from agi_router.lookup.tokens import FLIGHT_S
from agi_router.lookup.upstream import Upstream, UpstreamLimits, UpstreamStatus, same_origin
from agi_router.routing.auth import OAuth2Auth
from agi_router.routing.errors import Failure, RoutingError
from ari_app.crm.document.file_body import FileBody
from ari_app.crm.document.request import Rendered

T = TypeVar("T")

STALE_TRIES: Final = 3
CONNECTS: Final = 2
LONGEST_CONNECT_S: Final = 5.0
"""Where nobody waits for it: a CRM on the other side of the world takes its time."""
LONGEST_ANSWER: Final = 8 * 1_048_576
"""Bytes: a page of contacts with all of their fields."""

_REMEDIES: Final[Mapping[str, str]] = {
    "api_dns": "check the host in the connector's properties, and the name servers of this machine",
    "api_tls": "check the certificate's name and date; for a private CA set ca_file of the connector",
    "api_url": "correct the address in the connector's properties",
    "api_bad_http": "check that the connector's address names the CRM's HTTP port; look into the CRM's log",
    "api_timeout": "make the CRM faster, or raise the deadline_s of what it was asked for",
    "api_disconnected": "look into the CRM's log for this moment; it may have crashed or restarted",
    "api_busy": "make the CRM faster; so many requests of one kind are sent to it at a time",
}


_TOKEN_REMEDIES: Final[Mapping[str, str]] = {
    **{code: _REMEDIES[code] for code in ("api_dns", "api_tls")},
    "api_url": "correct the property that holds the token endpoint, or token_endpoint of the document",
    "api_bad_http": "check that token_endpoint of the document names the HTTP port of its server",
    "api_timeout": "find out why the token endpoint is slow, and whether this machine reaches it",
    "api_disconnected": "look into the token endpoint's log for this moment",
}


class UnsentError(Exception):
    """No answer came. `has_left`: the request was on its way, and may have been read."""

    def __init__(self, failure: Failure, *, has_left: bool) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.has_left = has_left


class _FileError(Exception):
    """The file that is to be sent cannot be read: no matter of the CRM's."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(str(path))
        self.failure = Failure(
            "crm_file_unreadable",
            f"the file {path} cannot be read: {error.strerror or error}",
            "let the router's user read it, and look whether its disk is well",
        )


class Lane:
    """One way to a CRM, between `open` and `close`."""

    def __init__(
        self,
        guard: Guard,
        ca_file: Path | None,
        limits: UpstreamLimits,
        *,
        keeps: bool,
        connect_s: float,
        threads: Executor,
        longest_answer: int = LONGEST_ANSWER,
    ) -> None:
        """`keeps`: connections are used again, by requests that do no harm if they are sent twice.

        A kept connection that ends as a request arrives leaves open whether it was read. Raises OSError for a bad file.
        """
        self._connections = Connections(
            guard,
            () if ca_file is None else (ca_file,),
            keeps=keeps,
            connect_s=connect_s,
            longest_answer=longest_answer,
            threads=threads,
        )
        self._ca_file = ca_file
        self._limits = limits
        self._upstreams: dict[str, Upstream] = {}

    def open(self) -> None:
        """From now on there may be connections, until `close`."""
        self._connections.open()

    async def close(self) -> None:
        """End them all."""
        await self._connections.close()

    def status(self) -> list[UpstreamStatus]:
        """How the breakers stand, of each server that was asked."""
        return [upstream.status() for upstream in self._upstreams.values()]

    async def ask(self, request: Rendered, until: float) -> Reply:
        """Send it, and give what comes by this moment of the loop's clock. Raises UnsentError; safe to cancel."""
        within_s = until - asyncio.get_running_loop().time()
        sending = Sending()
        try:
            async with self._upstream(request.url).lookup(within_s / 2) as trial:
                try:
                    async with asyncio.timeout_at(until):
                        reply = await self._connected(request, sending)
                except _FileError as error:
                    raise UnsentError(error.failure, has_left=sending.has_left) from error
                except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
                    failure = failures.of_exception(error, request.url, round(within_s, 2))
                    if failures.is_of_upstream(failure):
                        trial.failed(failure)
                    raise UnsentError(_told(failure), has_left=sending.has_left) from error
                if failures.is_unwell(reply.status):
                    unwell = Failure("api_status", f"{_host(request.url)} answered {reply.status}", "look into its log")
                    trial.failed(unwell, failures.retry_after(reply.headers))
                else:
                    trial.answered()
                return reply
        except RoutingError as error:  # its breaker is open, or it has no place
            raise UnsentError(_told(error.failure), has_left=False) from error
        except ValueError as error:  # no origin can be read off such a URL
            failure = failures.of_exception(error, "", within_s)
            raise UnsentError(_told(failure), has_left=False) from error

    async def post(self, auth: OAuth2Auth, request: TokenRequest) -> TokenAnswer:
        """Ask a token endpoint; raises RoutingError when no answer came. The answer is for nobody's record."""
        try:
            async with asyncio.timeout(FLIGHT_S):
                reply = await self._connections.exchange(
                    "token endpoints",
                    0,
                    "POST",
                    auth.token_url,
                    headers=request.headers,
                    body=request.body,
                    ca_file=self._ca_file,
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = failures.of_exception(error, auth.token_url, FLIGHT_S)
            raise unreached(replace(failure, remedy=_TOKEN_REMEDIES.get(failure.code, failure.remedy))) from error
        return TokenAnswer(reply.status, reply.headers, reply.body if reply.is_whole else None)

    async def _connected(self, request: Rendered, sending: Sending) -> Reply:
        failed_connects = stale = 0
        while True:
            try:
                return await self._once(request, sending)
            except StaleError:
                stale += 1
                if stale > STALE_TRIES:
                    raise
            except aiohttp.ClientError as error:
                failed_connects += 1
                if failed_connects >= CONNECTS or not failures.is_failed_connect(error):
                    raise

    async def _once(self, request: Rendered, sending: Sending) -> Reply:
        if not isinstance(request.body, FileBody):
            return await self._exchanged(request, request.headers, request.body, sending)
        file = _Sent(request.body)
        try:
            length = await file.open()
            headers = {**request.headers, "Content-Length": str(length)}
            return await self._exchanged(request, headers, file.blocks(), sending)
        except Exception as error:
            if file.trouble is not None:  # what aiohttp makes of it is a connection that broke
                raise _FileError(request.body.path, file.trouble) from error
            raise

    async def _exchanged(
        self, request: Rendered, headers: Mapping[str, str], body: bytes | AsyncIterator[bytes] | None, sending: Sending
    ) -> Reply:
        upstream = self._upstream(request.url)
        return await self._connections.exchange(
            upstream.origin,
            upstream.limits.max_concurrent,
            request.method,
            request.url,
            headers=headers,
            body=body,
            ca_file=self._ca_file,
            sending=sending,
        )

    def _upstream(self, url: str) -> Upstream:
        origin = same_origin(url)
        if origin not in self._upstreams:
            self._upstreams[origin] = Upstream(origin, self._limits)
        return self._upstreams[origin]


@asynccontextmanager
async def open_lane(guard: Guard, ca_file: Path | None) -> AsyncIterator[Lane]:
    """One for a few requests, until the block ends. Raises OSError for a bad file."""
    with ThreadPoolExecutor(1) as threads:
        lane = Lane(guard, ca_file, UpstreamLimits(), keeps=False, connect_s=LONGEST_CONNECT_S, threads=threads)
        lane.open()
        try:
            yield lane
        finally:
            await lane.close()


class _Sent:
    """A body with a file, read in threads: a disk may be slow, and calls go on meanwhile. `trouble` is the disk's."""

    def __init__(self, body: FileBody) -> None:
        self.trouble: OSError | None = None
        self._body = body
        self._blocks = body.blocks()
        self._first = b""

    async def open(self) -> int:
        """Open the file, before anything is sent; how many bytes the body has. Raises OSError."""
        return await self._in_thread(self._opened)

    async def blocks(self) -> AsyncIterator[bytes]:
        """The bytes in their order, after `open`."""
        yield self._first
        while (block := await self._in_thread(lambda: next(self._blocks, None))) is not None:
            yield block

    def _opened(self) -> int:
        self._first = next(self._blocks)
        return self._body.length(self._body.path.stat().st_size)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            self.trouble = error
            raise


def _told(failure: Failure) -> Failure:
    """In the words of a connector, which has no `request`."""
    remedy = _REMEDIES.get(failure.code, failure.remedy)
    code = "crm_unreachable" if failure.code == "api_refused" else failure.code.replace("api_", "crm_", 1)
    return Failure(code, failure.message, remedy)


def _host(url: str) -> str:
    return URL(url, encoded=True).authority
