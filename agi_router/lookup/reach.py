"""How an API is reached, found out without a question: the same way as for a call, up to where the request would go."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import aiohttp
from yarl import URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A connection that was made, and closed again. `tls` and `valid_until` are None without TLS.

    `elapsed_ms` covers the name, the connection and TLS.
    """

    address: str
    port: int
    elapsed_ms: float
    tls: str | None = None
    valid_until: datetime | None = None


class _ReachedError(Exception):
    """Leaves aiohttp in the place of a response."""

    def __init__(self, reached: Reached) -> None:
        self.reached = reached


async def connect_only(
    session: aiohttp.ClientSession, url: URL, trust: ssl.SSLContext | bool, within_s: float
) -> Reached:
    """Connect as `session` would for a request to `url`, and send nothing. Raises what a request would raise."""
    timeout = aiohttp.ClientTimeout(total=None, connect=within_s)

    async def instead_of_sending(
        request: aiohttp.ClientRequest, _send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        assert session.connector is not None, "the session is open"
        started = monotonic()
        try:
            connection = await session.connector.connect(request, [], timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {request.url}") from error
        elapsed_ms = (monotonic() - started) * 1000
        try:
            assert connection.transport is not None, "it was just made"
            raise _ReachedError(_reached(connection.transport.get_extra_info, elapsed_ms))
        finally:
            connection.close()

    try:
        await session.get(url, ssl=trust, timeout=timeout, middlewares=(instead_of_sending,))
    except _ReachedError as done:
        return done.reached
    raise AssertionError("the middleware always raises")


def _reached(info: Callable[[str], Any], elapsed_ms: float) -> Reached:
    address, port, *_ = info("peername")
    tls = info("ssl_object")
    if not isinstance(tls, ssl.SSLObject):
        return Reached(address=address, port=port, elapsed_ms=elapsed_ms)
    certificate = tls.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return Reached(
        address=address,
        port=port,
        elapsed_ms=elapsed_ms,
        tls=tls.version(),
        valid_until=datetime.fromtimestamp(ends, UTC),
    )
