"""Something else than Asterisk answers at the address of its ARI."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ari_app.asterisk.client import AriClient
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import RefusedError


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[AriSettings]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield AriSettings(url=f"http://127.0.0.1:{port}", username="router", password="x")


@pytest.mark.parametrize("body", [b"<html>Maintenance</html>", b"{}", b"[]", b'{"apis', b"\xff", b"null"])
async def test_another_page_is_told_as_such_and_the_router_lives_to_try_again(body: bytes) -> None:
    async with answering(body) as settings:
        client = AriClient(settings)
        with pytest.raises(RefusedError, match="is not Asterisk's ARI"):
            await client.open()
        await client.close()
