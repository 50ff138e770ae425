"""Asterisk's recordings by ARI, over connections of its own: a file is streamed, and calls wait for none of it."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from ari_app.asterisk.client import CONNECT_TIMEOUT_S
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import NotFoundError, RefusedError, TelephonyError, UnreachableError
from ari_app.domain.spool import Spool, SpooledFile

PIECE: Final = 64 * 1024
CONNECTIONS: Final = 2


class AriSpool(Spool):
    """Made by `open_spool`."""

    def __init__(self, settings: AriSettings, session: aiohttp.ClientSession) -> None:
        self._base = f"{settings.url}/ari/recordings"
        self._url = settings.url
        self._session = session

    async def is_running(self, name: str) -> bool:
        """See Spool."""
        try:
            async with self._asked("GET", f"live/{quote(name, safe='')}"):
                return True
        except NotFoundError:
            return False

    async def names(self) -> Collection[str]:
        """See Spool."""
        async with self._asked("GET", "stored") as answer:
            listed: Any = await answer.json(content_type=None)
        try:
            return {str(recording["name"]) for recording in listed}
        except (TypeError, KeyError) as error:
            raise RefusedError("Asterisk's list of recordings can't be read") from error

    @asynccontextmanager
    async def file(self, name: str) -> AsyncIterator[SpooledFile]:
        """See Spool."""
        async with self._asked("GET", f"stored/{quote(name, safe='')}/file") as answer:
            yield SpooledFile(answer.content_length, self._pieces(answer))

    async def delete(self, name: str) -> None:
        """See Spool."""
        try:
            async with self._asked("DELETE", f"stored/{quote(name, safe='')}"):
                pass
        except NotFoundError:
            pass

    async def _pieces(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            async for piece in answer.content.iter_chunked(PIECE):
                yield piece
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from error

    @asynccontextmanager
    async def _asked(self, method: str, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            answer = await self._session.request(method, f"{self._base}/{path}", allow_redirects=False)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from error
        async with answer:
            if answer.status >= 300:
                raise _refusal(f"{method} /ari/recordings/{path}", answer)
            try:
                yield answer
            except (aiohttp.ClientError, ValueError) as error:
                raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError(f"Asterisk's ARI at {self._url}: {str(error) or type(error).__name__}")


def _refusal(what: str, answer: aiohttp.ClientResponse) -> TelephonyError:
    kind = NotFoundError if answer.status == 404 else RefusedError
    return kind(f"{what}: {answer.status} {answer.reason}")


@asynccontextmanager
async def open_spool(settings: AriSettings) -> AsyncIterator[AriSpool]:
    """Until the block ends."""
    session = aiohttp.ClientSession(
        headers={"Authorization": aiohttp.encode_basic_auth(settings.username, settings.password, "utf-8")},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=settings.request_timeout_s),
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )
    try:
        yield AriSpool(settings, session)
    finally:
        await session.close()
