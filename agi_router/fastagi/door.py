"""The AGI door: listens, bounds what strangers may cost, and runs a handler for each request."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self

import structlog

from agi_router.fastagi.connection import Connection
from agi_router.fastagi.errors import DoorError, HangUpError
from agi_router.fastagi.request import AgiRequest
from agi_router.fastagi.session import Session
from agi_router.fastagi.settings import AgiSettings

log = structlog.get_logger(__name__)

Handler = Callable[[Session], Awaitable[None]]

DRAIN_S: Final = 5.0
"""How long a closing door lets its handlers come to their end."""

SWEEP_S: Final = 0.5
"""How often it is looked for peers that are too slow."""


@dataclass(frozen=True, slots=True)
class DoorStatus:
    """What the door did since it opened. `listening` is host:port; `refused` got in and were sent away at once."""

    listening: str
    connections: int
    sessions: int
    served: int
    refused: int


class FastAgiDoor:
    """Open between `async with` and its end. Raises DoorError when it can't listen.

    A handler that breaks ends its own session only. When all places are taken a newcomer is sent away, and Asterisk
    goes on in the dialplan with AGISTATUS=FAILURE.
    """

    def __init__(self, settings: AgiSettings, handler: Handler) -> None:
        self._settings = settings
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._connections: set[Connection] = set()
        self._sessions: set[asyncio.Task[None]] = set()
        self._served = 0
        self._refused = 0

    async def __aenter__(self) -> Self:
        loop, s = asyncio.get_running_loop(), self._settings
        try:
            self._server = await loop.create_server(self._connection, s.host, s.port, backlog=s.max_connections)
        except OSError as error:
            raise DoorError(
                f"the AGI door can't listen on {s.host}, port {s.port}: {error.strerror or error}",
                "Stop what listens there, or name another address in agi.listen.",
            ) from error
        self._sweeping = asyncio.create_task(self._sweep(), name="agi-sweep")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None and self._sweeping is not None, "it was opened"
        self._server.close()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=DRAIN_S)
        self._sweeping.cancel()
        for task in self._sessions:
            task.cancel()
        await asyncio.gather(self._sweeping, *self._sessions, return_exceptions=True)
        for connection in tuple(self._connections):
            connection.abort("the door is closed")
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None, "it is open"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def status(self) -> DoorStatus:
        """How it stands."""
        listening = f"{self._settings.host}:{self.port}"
        return DoorStatus(listening, len(self._connections), len(self._sessions), self._served, self._refused)

    # What connections tell.

    def arrived(self, connection: Connection) -> None:
        """Let it in, or send it away."""
        self._connections.add(connection)
        if not self._is_allowed(connection.source):
            log.warning("a stranger came to the AGI door; agi.allowed_networks names who may", source=connection.source)
            self._refuse(connection, "this address may not come in")
        elif len(self._connections) > self._settings.max_connections:
            self._refuse(connection, "all places are taken")

    def asked(self, connection: Connection, header: bytes) -> None:
        """Begin its session."""
        try:
            request = AgiRequest.parse(header)
        except ValueError as error:
            self._refuse(connection, f"this is no AGI request: {error}")
            return
        task = asyncio.get_running_loop().create_task(self._serve(Session(request, connection), connection))
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)

    def left(self, connection: Connection) -> None:
        """Its place is free again."""
        self._connections.discard(connection)

    def _connection(self) -> Connection:
        return Connection(self, self._settings.header_deadline_s, self._settings.answer_deadline_s)

    def _refuse(self, connection: Connection, why: str) -> None:
        self._refused += 1
        connection.abort(why)

    def _is_allowed(self, source: str) -> bool:
        address = ip_address(source)
        return address.is_loopback or any(address in network for network in self._settings.allowed_networks)

    async def _serve(self, session: Session, connection: Connection) -> None:
        try:
            await self._handler(session)
            self._served += 1
        except HangUpError as gone:
            log.debug("an AGI session ended early", channel=session.request.channel, reason=str(gone))
        except Exception:
            log.exception("an AGI session broke; its caller goes on in the dialplan", channel=session.request.channel)
        finally:
            connection.close()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = loop.time()
            for connection in [connection for connection in self._connections if connection.due < now]:
                connection.abort("the peer is too slow")
