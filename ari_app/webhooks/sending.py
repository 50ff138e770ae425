"""One request to a receiver: made of a notice, signed, sent through the network guard, and what comes back of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from agi_router.lookup.connections import STALE_S, Sending, guarded_session, trusting
from agi_router.lookup.failures import DisconnectedError
from agi_router.lookup.guard import Guard
from ari_app.domain.notices import Notice
from ari_app.domain.webhooks import Subscription
from ari_app.webhooks.outcome import Outcome, failed, of_answer, of_exception
from ari_app.webhooks.payload import as_it_is
from ari_app.webhooks.rendering import Rendered, Rendering, UnknownTemplateError
from ari_app.webhooks.signature import signed

WITHIN_S: Final = 15.0
"""From the first look for the receiver's address to the head of its answer."""
MOST_READ: Final = 65_536
"""Of an answer. A longer one costs its connection."""

MOST_NAMES: Final = 100
"""So many names are resolved at a time, each in a thread of its own, made when it is needed.

A name server that does not answer holds one for half a minute: neither calls nor other receivers may wait for that.
"""

_AGENT: Final = f"agi-router/{version('agi-router')}"


class Sender:
    """Sends to any receiver. Made by `open_sender`."""

    def __init__(
        self, session: aiohttp.ClientSession, rendering: Rendering, trust: ssl.SSLContext | bool, within_s: float
    ) -> None:
        self._session = session
        self._rendering = rendering
        self._trust = trust
        self._within_s = within_s

    async def send(self, subscription: Subscription, notice: Notice) -> Outcome | None:
        """Try once; None: the template has nothing for this notice. Never raises what a receiver can bring about."""
        try:
            rendered = self._rendered(subscription, notice)
            if rendered is None:
                return None
            if not subscription.secrets:
                return failed("this webhook has no secret that can be read: give it a new one")
            return await self._request(subscription, notice, rendered)
        except UnknownTemplateError as error:
            return failed(str(error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return of_exception(error, subscription.url, self._within_s)

    def _rendered(self, subscription: Subscription, notice: Notice) -> Rendered | None:
        return self._rendering.render(subscription, notice) if subscription.template else as_it_is(notice)

    async def _request(self, subscription: Subscription, notice: Notice, rendered: Rendered) -> Outcome:
        headers = CIMultiDict({"User-Agent": _AGENT, "Content-Type": rendered.content_type})
        headers.update(rendered.headers)
        headers.update(subscription.headers)
        headers.update(signed(notice.id, datetime.now(UTC), rendered.body, subscription.secrets))
        try:
            return await self._exchange(rendered.method, subscription.url, headers, rendered.body)
        except _StaleError:  # nobody has read it
            return await self._exchange(rendered.method, subscription.url, headers, rendered.body)

    async def _exchange(self, method: str, url: str, headers: CIMultiDict[str], body: bytes) -> Outcome:
        sending, left_at = Sending(), monotonic()
        try:
            async with asyncio.timeout(self._within_s):
                response = await self._session.request(
                    method,
                    URL(url, encoded=True),
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    ssl=self._trust,
                    timeout=aiohttp.ClientTimeout(total=None),
                    trace_request_ctx=sending,
                )
        except DisconnectedError as error:
            if sending.on_kept_connection and monotonic() - left_at < STALE_S:
                raise _StaleError from error
            raise
        beginning = await _read(response, left_at + self._within_s - monotonic())
        return of_answer(response.status, response.headers, beginning, datetime.now(UTC))


class _StaleError(Exception):
    """The connection was kept from a request before, and had ended meanwhile."""


async def _read(response: aiohttp.ClientResponse, within_s: float) -> bytes:
    """The beginning of the body. The status has said all that counts: a body that breaks off or never ends is cut."""
    body = bytearray()
    try:
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(max(within_s, 0)):
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > MOST_READ:
                        break
    finally:
        if response.content.at_eof():
            response.release()
        else:
            response.close()
    return bytes(body[:MOST_READ])


@asynccontextmanager
async def open_sender(
    guard: Guard,
    rendering: Rendering,
    *,
    ca_file: Path | None = None,
    within_s: float = WITHIN_S,
) -> AsyncIterator[Sender]:
    """Until the block ends. Raises OSError (ssl.SSLError) for a bad file."""
    trust: ssl.SSLContext | bool = True if ca_file is None else await asyncio.to_thread(trusting, ca_file)
    threads = ThreadPoolExecutor(MOST_NAMES, thread_name_prefix="names of webhooks")
    try:
        async with guarded_session(guard, limit=0, threads=threads) as session:
            yield Sender(session, rendering, trust, within_s)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
