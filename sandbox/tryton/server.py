"""The process of a Tryton that serves one database, on a loopback address."""

import asyncio
import contextlib
import ipaddress
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.errors import SandboxError
from sandbox.layout import free_port
from sandbox.tryton.environment import DATABASE, configure, program

START_DEADLINE_S = 120.0
POLL_S = 0.02


class Server:
    """`trytond` with the database in `folder`, up between `async with` and its end; it dies with its owner.

    It listens at `address`, of 127.0.0.0/8, on `port`, or on a free one.
    """

    def __init__(self, environment: Path, folder: Path, address: str = "127.0.0.1", port: int = 0) -> None:
        if not ipaddress.ip_address(address).is_loopback:
            raise SandboxError(f"The sandbox listens on this machine only; {address} is none of 127.0.0.0/8.")
        self._environment = environment
        self._folder = folder
        self._address = address
        self._port = port or free_port(address, socket.SOCK_STREAM)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Its base URL, without a slash at the end."""
        return f"http://{self._address}:{self._port}"

    @property
    def rpc_url(self) -> str:
        """Where the database takes JSON-RPC."""
        return f"{self.url}/{DATABASE}/rpc/"

    @property
    def log_path(self) -> Path:
        """What it tells of itself and of each request."""
        return self._folder / "log"

    async def start(self) -> None:
        """Start, and wait until it listens; after `stop`, where it did before. Raises SandboxError."""
        configuration = configure(self._folder, self._address, self._port)
        # Only a database that is named is there from the first request on.
        trytond = [*program(self._environment, "trytond"), "--config", configuration, "--database", DATABASE, "-v"]
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", *trytond), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                await self._listening(self._process)
        except TimeoutError:
            await self.stop()
            raise SandboxError(f"Tryton was not ready within {START_DEADLINE_S:.0f} s. {self._log_tail()}") from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End it at once, as a power cut would: from now on connections are refused. The database stays."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def wait(self) -> None:
        """Wait until it ends by itself. Raises SandboxError, with the end of its log, when it does."""
        if self._process is not None:
            await self._process.wait()
            raise SandboxError(f"Tryton ended. {self._log_tail()}")

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        while not await self._listens():
            if process.returncode is not None:
                raise SandboxError(f"Tryton ended while it was starting. {self._log_tail()}")
            await asyncio.sleep(POLL_S)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self._address, self._port)
        except OSError:
            return False
        writer.close()
        return True

    def _log_tail(self, lines: int = 25) -> str:
        return "The end of its log:\n" + "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
