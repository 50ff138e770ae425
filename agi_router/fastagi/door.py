"""The AGI door: listens, bounds what strangers may cost, and runs a handler for each request."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
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

BACKLOG: Final = 1024
"""Connections that wait to be accepted. One more comes in a second later, and its caller hears nothing meanwhile."""

SWEEP_S: Final = 0.5
"""How often it is looked for peers that are too slow."""

SHARE: Final = 0.75
"""Of all places, how many one address may take where others may come in, too."""

MOST_STRANGERS: Final = 100
"""Addresses that are logged, once each, for having come unasked."""


@dataclass(frozen=True, slots=True)
class DoorStatus:
    """How the door stands (connections, and how many of them have asked), and what it did since it opened.

    `listening` is HOST:PORT. `served` sessions came to their end, `broken` ones ended by a failure of ours; those of
    callers who hung up are in neither. `refused` connections were cut off, the last of them for `last_refusal`.
    """

    listening: str
    connections: int
    sessions: int
    served: int
    broken: int
    refused: int
    last_refusal: str


class FastAgiDoor:
    """Open between `async with` and its end. Raises DoorError when it can't listen.

    A handler that breaks ends its own session only. When all places are taken, who has come without asking gives his
    to a newcomer; when all have asked, the newcomer is cut off. For Asterisk's AGI() that is a success which sets
    nothing: the dialplan looks at the variables, and not at AGISTATUS.
    """

    def __init__(self, settings: AgiSettings, handler: Handler) -> None:
        self.port = settings.port
        """The port that it listens on, once it is open."""
        self._settings = settings
        self._handler = handler
        share = SHARE if settings.allowed_networks else 1
        self._most_of_one = math.ceil(settings.max_connections * share)
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._connections: set[Connection] = set()
        self._silent: dict[Connection, None] = {}  # those that have not asked, the oldest first
        self._of_source: Counter[str] = Counter()
        self._sessions: set[asyncio.Task[None]] = set()
        self._strangers: set[str] = set()
        self._served = self._broken = self._refused = 0
        self._last_refusal = ""

    async def __aenter__(self) -> Self:
        loop, s = asyncio.get_running_loop(), self._settings
        try:
            self._server = await loop.create_server(self._connection, s.host, s.port, backlog=BACKLOG)
        except OSError as error:
            raise DoorError(
                f"the AGI door can't listen on {s.host}, port {s.port}: {error.strerror or error}",
                "Stop what listens there, or name another address in agi.listen.",
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]
        self._sweeping = asyncio.create_task(self._sweep(), name="agi-sweep")
        log.info("the AGI door is open", listening=self.listening)
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
    def listening(self) -> str:
        """HOST:PORT."""
        host = self._settings.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def status(self) -> DoorStatus:
        """How it stands."""
        return DoorStatus(
            listening=self.listening,
            connections=len(self._connections),
            sessions=len(self._sessions),
            served=self._served,
            broken=self._broken,
            refused=self._refused,
            last_refusal=self._last_refusal,
        )

    def lets_in(self, source: str) -> bool:
        """Whether this IP address may come in."""
        if not source:  # it has gone already
            return False
        if source == self._settings.host:  # mostly it is Asterisk on this host, for which nothing is computed
            return True
        address = ip_address(source)
        return address.is_loopback or any(address in network for network in self._settings.allowed_networks)

    # What connections tell.

    def arrived(self, connection: Connection) -> None:
        """Let it in, or send it away."""
        source = connection.source
        self._connections.add(connection)
        self._silent[connection] = None
        self._of_source[source] += 1
        if not self.lets_in(source):
            self._warn_of(source)
            self.refuse(connection, "agi.allowed_networks does not name this address")
        elif self._of_source[source] > self._most_of_one:
            self._make_room([each for each in self._silent if each.source == source])
        elif len(self._connections) > self._settings.max_connections:
            self._make_room(self._silent)

    def asked(self, connection: Connection, header: bytes) -> None:
        """Begin its session."""
        try:
            request = AgiRequest.parse(header)
        except ValueError as error:
            self.refuse(connection, f"this is no AGI request: {error}")
            return
        self._silent.pop(connection, None)
        task = asyncio.get_running_loop().create_task(self._serve(Session(request, connection), connection))
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)

    def refuse(self, connection: Connection, why: str) -> None:
        """Send it away, and count it."""
        self._refused += 1
        self._last_refusal = f"{connection.source}: {why}"
        self._forget(connection)
        connection.abort(why)

    def left(self, connection: Connection) -> None:
        """Its place is free again."""
        self._forget(connection)

    def _connection(self) -> Connection:
        return Connection(self, self._settings.header_deadline_s, self._settings.answer_deadline_s)

    def _make_room(self, silent: Iterable[Connection]) -> None:
        """Send the oldest away that has not asked: Asterisk asks at once. That is the newcomer where all have asked."""
        self.refuse(next(iter(silent)), "all places are taken")

    def _forget(self, connection: Connection) -> None:
        """Its place counts as free at once, though its socket closes a moment later."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._silent.pop(connection, None)
            self._of_source[connection.source] -= 1
            if not self._of_source[connection.source]:
                del self._of_source[connection.source]

    def _warn_of(self, source: str) -> None:
        if source and source not in self._strangers and len(self._strangers) < MOST_STRANGERS:
            self._strangers.add(source)
            log.warning("a stranger at the AGI door is sent away; agi.allowed_networks names who may", source=source)

    async def _serve(self, session: Session, connection: Connection) -> None:
        try:
            await self._handler(session)
            self._served += 1
        except HangUpError as gone:
            log.debug("an AGI session ended early", channel=session.request.channel, reason=str(gone))
        except Exception:
            self._broken += 1
            log.exception("an AGI session broke; its caller goes on in the dialplan", channel=session.request.channel)
        finally:
            connection.close()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = loop.time()
            for connection in [connection for connection in self._connections if connection.due < now]:
                self.refuse(connection, "the peer is too slow")
