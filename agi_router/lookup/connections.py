"""The connections to the APIs: a pool for each upstream, all of them through the network guard.

No redirects, no proxies of the environment, no cookies, TLS always verified, and every answer bounded.
"""

import ssl
from collections.abc import AsyncIterable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import SimpleNamespace

import aiohttp
from yarl import URL

from agi_router.lookup import failures
from agi_router.lookup.guard import Guard, GuardedResolver
from agi_router.lookup.reach import Reached, connect_only

CONNECT_S = 1.0
KEEPALIVE_S = 4.0  # many servers hang up after five idle seconds; a request must not meet that moment
CHUNK = 65_536
STALE_S = 0.5
"""A kept connection that the server has closed says so within a round trip; who took longer had read the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of a server. Of a body that is larger than the bound only the beginning is here."""

    status: int
    headers: Mapping[str, str]
    charset: str | None
    body: bytes
    is_whole: bool


class StaleError(failures.DisconnectedError):
    """The kept connection had ended before the request came: nobody has read it."""


@dataclass(slots=True)
class Sending:
    """What aiohttp tells of a request on its way: it is handed over as `trace_request_ctx`."""

    on_kept_connection: bool = False
    has_left: bool = False


def guarded_session(
    guard: Guard, limit: int, threads: Executor | None = None, *, keeps: bool = True
) -> aiohttp.ClientSession:
    """A session with a pool of `limit` connections, 0 for any number, each through the guard.

    Names are resolved in `threads`, else in those of the event loop. Unless it `keeps` connections, each is for one
    request.

    A connection that ends after a request has left raises DisconnectedError, and the request is not repeated.
    """
    connector = aiohttp.TCPConnector(
        limit=limit,
        resolver=GuardedResolver(guard, threads),
        socket_factory=guard.socket,
        **({"keepalive_timeout": KEEPALIVE_S} if keeps else {"force_close": True}),
    )
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(_note_kept)
    tracing.on_request_headers_sent.append(_note_left)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        middlewares=(_ask_once,),
        trace_configs=[tracing],
    )


class Connections:
    """All connections of one client; an async context. Trusts the system's authorities and those of `ca_files`."""

    def __init__(
        self,
        guard: Guard,
        ca_files: Iterable[Path],
        *,
        keeps: bool = True,
        connect_s: float = CONNECT_S,
        longest_answer: int = failures.LONGEST_ANSWER,
        threads: Executor | None = None,
    ) -> None:
        """For `keeps` and `threads` see `guarded_session`. Raises OSError (ssl.SSLError) for a bad file."""
        self._guard = guard
        self._keeps = keeps
        self._connect_s = connect_s
        self._longest_answer = longest_answer
        self._threads = threads
        self._trust = {file: trusting(file) for file in set(ca_files)}
        self._sessions: dict[str, aiohttp.ClientSession] | None = None

    def open(self) -> None:
        """From now on there may be connections, until `close`."""
        self._sessions = {}

    async def close(self) -> None:
        """End them all."""
        sessions, self._sessions = self._sessions or {}, None
        for session in sessions.values():
            await session.close()

    async def exchange(
        self,
        pool: str,
        limit: int,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | AsyncIterable[bytes] | None,
        ca_file: Path | None,
        sending: Sending | None = None,
    ) -> Reply:
        """Send a request, and read what comes; `url` is encoded. `limit` bounds the pool's connections, 0 does not.

        A body that comes in blocks has its Content-Length in `headers`. Raises aiohttp.ClientError, StaleError among
        them, OSError (TimeoutError: no connection in time) and ValueError for a URL that cannot be; how far the request
        came until then is in `sending`.
        """
        sending, left_at = sending or Sending(), monotonic()
        try:
            async with self._session(pool, limit).request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                skip_auto_headers=("Content-Type",),  # of an empty body it would say application/octet-stream
                allow_redirects=False,
                ssl=self._trusted(ca_file),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_s),
                trace_request_ctx=sending,
            ) as response:
                content, is_whole = await _read(response, self._longest_answer)
                return Reply(
                    status=response.status,
                    headers=response.headers,
                    charset=response.charset,
                    body=content,
                    is_whole=is_whole,
                )
        except failures.DisconnectedError as error:
            if sending.on_kept_connection and monotonic() - left_at < STALE_S:
                raise StaleError(str(error)) from error
            raise

    async def reach(self, pool: str, limit: int, url: str, ca_file: Path | None) -> Reached:
        """Connect, and send nothing. Raises what `exchange` raises."""
        return await connect_only(
            self._session(pool, limit), URL(url, encoded=True), self._trusted(ca_file), self._connect_s
        )

    def _session(self, pool: str, limit: int) -> aiohttp.ClientSession:
        if self._sessions is None:
            raise RuntimeError("the lookup client is used inside its `async with`")
        if pool not in self._sessions:
            self._sessions[pool] = guarded_session(self._guard, limit, self._threads, keeps=self._keeps)
        return self._sessions[pool]

    def _trusted(self, ca_file: Path | None) -> ssl.SSLContext | bool:
        return self._trust[ca_file] if ca_file else True


async def _note_kept(
    _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceConnectionReuseconnParams
) -> None:
    if isinstance(context.trace_request_ctx, Sending):
        context.trace_request_ctx.on_kept_connection = True


async def _note_left(
    _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestHeadersSentParams
) -> None:
    if isinstance(context.trace_request_ctx, Sending):
        context.trace_request_ctx.has_left = True


async def _ask_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from repeating a GET whose connection broke: a slow or crashing API is not asked twice."""
    try:
        return await send(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise failures.DisconnectedError(str(error)) from error


async def _read(response: aiohttp.ClientResponse, longest: int) -> tuple[bytes, bool]:
    """The body up to the bound, and whether that was all of it. Of what is larger, the connection is given up."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > longest:
            response.close()
            return bytes(body[:longest]), False
    return bytes(body), True


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Verifies against the system's authorities and those of this PEM file; raises OSError when it is none."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=ca_file)
    return context
