"""An HTTP server of the sandbox, in the process of who started it."""

import socket
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.layout import free_port


class HttpServer(ABC):
    """Listens at `address`, on `port` or a free one, between `async with` and its end."""

    def __init__(self, address: str, port: int = 0) -> None:
        self._address, self._port = address, port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def origin(self) -> str:
        """Scheme, address and port."""
        return f"http://{self._address}:{self._port}"

    @abstractmethod
    def application(self) -> web.Application:
        """What answers; asked for at each start."""

    async def start(self) -> None:
        """Listen; after `stop`, on the same port as before."""
        self._port = self._port or free_port(self._address, socket.SOCK_STREAM)  # nobody's either while it is stopped
        self._runner = web.AppRunner(self.application(), handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._address, self._port).start()

    async def stop(self) -> None:
        """Go away: from now on connections are refused."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
