"""`python -m bench.idlers HOST:PORT --idle 2000 --slow 300`: connections that only take up room, until it is ended.

The idle ones send nothing; the slow ones a request's head, a byte each second, as a slowloris does. Whichever is closed
comes back a second later. Tells on its output when all have been open, and at SIGTERM how many were to the last.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Iterable
from typing import Final

BETWEEN_S: Final = 1.0
"""From one byte to the next, and from the end of a connection to its successor."""

AT_A_TIME: Final = 100
"""As many connect at once: more than the server's backlog takes would be measured as a flood."""

HEAD: Final = b"GET /api/v1/whoami HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 4096
PATIENCE_S: Final = 30.0


class Idler(asyncio.Protocol):
    """One connection, and all its successors. `is_open`: the server has it now."""

    def __init__(self, host: str, port: int, *, is_slow: bool) -> None:
        self._where = host, port
        self._is_slow = is_slow
        self._transport: asyncio.Transport | None = None
        self._sent = 0

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return self._transport is not None

    async def connect(self) -> None:
        """Try once; a refusal is tried again a second later, as an end is."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self, *self._where)
        except OSError:
            self._again()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._sent = transport, 0
        if self._is_slow:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - by this name asyncio calls it
        """See asyncio."""
        self._transport = None
        self._again()

    def _send(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(HEAD[self._sent : self._sent + 1])
        self._sent += 1
        asyncio.get_running_loop().call_later(BETWEEN_S, self._send)

    def _again(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(BETWEEN_S, lambda: loop.create_task(self.connect()))


async def hold(host: str, port: int, *, idle: int, slow: int) -> None:
    """Open them all, say so, and hold them until SIGTERM. Raises TimeoutError when they do not come to be open."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    idlers = [Idler(host, port, is_slow=number >= idle) for number in range(idle + slow)]
    async with asyncio.timeout(PATIENCE_S):
        for first in range(0, len(idlers), AT_A_TIME):
            await asyncio.gather(*(each.connect() for each in idlers[first : first + AT_A_TIME]))
        while _open(idlers) < 0.99 * len(idlers):  # the server ends some now and then, and they are back soon
            await asyncio.sleep(0.05)
    print("open", flush=True)
    fewest = _open(idlers)
    while not ended.is_set():
        fewest = min(fewest, _open(idlers))
        await asyncio.sleep(0.2)
    print(fewest, flush=True)


def _open(idlers: Iterable[Idler]) -> int:
    return sum(each.is_open for each in idlers)


def main() -> int:
    """Hold them; the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m bench.idlers")
    arguments.add_argument("address")
    arguments.add_argument("--idle", type=int, required=True)
    arguments.add_argument("--slow", type=int, required=True)
    given = arguments.parse_args()
    host, _, port = given.address.rpartition(":")
    asyncio.run(hold(host, int(port), idle=given.idle, slow=given.slow))
    return 0


if __name__ == "__main__":
    sys.exit(main())
