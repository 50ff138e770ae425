"""A line to a real server on which answers are lost: what was asked for has been done, and nobody is told so."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class LosingLine:
    """Listens at `port` of 127.0.0.1, and passes requests on to the server, which answers one per connection."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.port = 0
        self.lost = 0
        self._server = server
        self._marks: list[bytes] = []

    def lose(self, mark: bytes) -> None:
        """The answer to the next request that holds this is lost."""
        self._marks.append(mark)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the router."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            request = head + await reader.readexactly(int(length[1]) if length else 0)
            answer = await self._answer(request)
            mark = next((mark for mark in self._marks if mark in request), None)
            if mark is None:
                writer.write(answer)
                await writer.drain()
            else:
                self._marks.remove(mark)
                self.lost += 1
        except (OSError, asyncio.IncompleteReadError):
            pass  # a server that is away; or the router has hung up
        finally:
            writer.close()

    async def _answer(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._server)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def losing_line(server: tuple[str, int]) -> AsyncIterator[LosingLine]:
    """A line to this server, until the block ends."""
    line = LosingLine(server)
    async with await asyncio.start_server(line.serve, "127.0.0.1", 0, limit=64 * 1024 * 1024) as listener:
        line.port = listener.sockets[0].getsockname()[1]
        yield line
