"""Serves the web application in the router's own event loop, with uvicorn's HTTP and bounds for strangers.

Connections are accepted here, and not by uvicorn: its server wakes up ten times a second, cannot end a connection whose
request never comes, and would count those that are still about to agree on TLS for nothing.
"""

import asyncio
import errno
import resource
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from email.utils import formatdate
from functools import partial
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from ari_app.access.networks import Network
from ari_app.settings.web_section import Listener, WebSettings
from ari_app.settings.web_tls import TlsFilesError, tls_context
from ari_app.web.connection import HEAD_S, LONGEST_HEAD, REST_S, Connection
from ari_app.web.errors import WebError
from ari_app.web.places import Places

log = structlog.get_logger("agi_router.web")

SWEEP_S = 1.0
DRAIN_S = 5.0
"""How long a request that is being answered may keep the router from its end."""

BACKLOG: Final = 1024
TLS_CLOSE_S: Final = 2.0
UNACKNOWLEDGED_MS: Final = 60_000
"""After which a peer that acknowledges nothing is gone."""

OTHER_FILES: Final = 1000
"""Descriptors for all but the API's connections: Asterisk, upstreams, the AGI door, the database."""

TELL_EVERY_S: Final = 60.0
NO_DESCRIPTOR_S: Final = 1.0


class WebServer:
    """An async context in which requests are answered. Raises WebError when an address cannot be listened on.

    At its end no connection is accepted any more, `leave` ends the answers that have no end of their own, and those
    that are begun have a moment for it.
    """

    def __init__(self, settings: WebSettings, app: ASGIApp, leave: Callable[[], None] = lambda: None) -> None:
        self.places = Places(settings.max_connections, partial(_is_near, settings.door.proxies))
        self._settings = settings
        self._leave = leave
        self._config = uvicorn.Config(
            app,
            # Whom a proxy names is for the access rules; uvicorn's own messages repeat what any stranger sends.
            proxy_headers=False,
            log_config=None,
            log_level="critical",
            access_log=False,
            ws="none",
            lifespan="off",
            interface="asgi3",
            server_header=False,
            timeout_keep_alive=REST_S,
            h11_max_incomplete_event_size=LONGEST_HEAD,
        )
        self._state = ServerState()
        self._tls: dict[Listener, ssl.SSLContext] = {}
        self._sockets = ExitStack()
        self._running: list[asyncio.Task[None]] = []
        self._told_at, self._told_refused = -TELL_EVERY_S, 0

    async def __aenter__(self) -> Self:
        self._config.load()
        try:
            self.renew_certificates()
        except TlsFilesError as error:
            raise WebError(str(error), "Correct web.listen; agi-router check-config tries it.") from error
        _allow_descriptors(self._settings.max_connections + OTHER_FILES)
        with ExitStack() as opened:
            bound = [(each, opened.enter_context(_listening(each))) for each in self._settings.listen]
            self._sockets = opened.pop_all()
        self._set_date()
        self._running = [asyncio.create_task(self._sweep(), name="web-sweep")]
        for listener, each in bound:
            self._running.append(asyncio.create_task(self._accept(listener, each), name=f"web {listener}"))
            log.info("the REST API listens", address=str(listener), tls=listener.tls is not None)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sweeping, *accepting = self._running
        await _cancelled(accepting)
        self._sockets.close()
        self._leave()
        for guest in self.places.guests:
            assert isinstance(guest, Connection)
            guest.finish()
        await self._all_gone(DRAIN_S)
        for guest in self.places.guests:
            guest.send_away()
        await self._all_gone(1.0)
        await _cancelled([sweeping, *self._state.tasks])

    def renew_certificates(self) -> None:
        """From now on connections get what is in the files now. Raises TlsFilesError, and changes nothing."""
        self._tls = {each: tls_context(each.tls) for each in self._settings.listen if each.tls is not None}

    async def _accept(self, listener: Listener, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, (source, *_) = await loop.sock_accept(bound)
            except OSError as error:
                if error.errno != errno.ECONNABORTED:  # mostly EMFILE, and the connection goes on to wait
                    self._tell(
                        "the REST API cannot take connections",
                        error=str(error),
                        remedy="raise LimitNOFILE of the router's service, or lower web.max_connections",
                    )
                    await asyncio.sleep(NO_DESCRIPTOR_S)
                continue
            self._let_in(accepted, source, self._tls.get(listener))
            await asyncio.sleep(0)  # one after the other: calls go on between any two of them

    def _let_in(self, accepted: socket.socket, source: str, tls: ssl.SSLContext | None) -> None:
        connection = Connection(self._config, self._state, self.places, source)
        if not self.places.admit(connection):
            accepted.close()
            return
        opening = asyncio.create_task(_open(connection, accepted, tls), name="web connection")
        connection.opening = opening

        def opened(_: asyncio.Task[None]) -> None:
            connection.opening = None
            if connection.transport is None:
                self.places.leave(connection)
            if not connection.is_opening:  # it was sent away before its first step
                accepted.close()

        opening.add_done_callback(opened)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            self._set_date()
            self.places.sweep(loop.time())
            if self.places.refused > self._told_refused:
                self._told_refused = self.places.refused
                self._tell(
                    "the REST API has no room for all who connect, and closes connections",
                    closed=self.places.refused,
                    most=self._settings.max_connections,
                    remedy="ss -tn shows who they are; web.max_connections is the limit, half of it for one address",
                )

    def _tell(self, what: str, **about: object) -> None:
        """Now and then, as whoever comes decides how often it happens."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            log.warning(what, **about)

    def _set_date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]

    async def _all_gone(self, within_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.places.wait_until_empty()
                if self._state.tasks:
                    await asyncio.wait(self._state.tasks)


async def _open(connection: Connection, accepted: socket.socket, tls: ssl.SSLContext | None) -> None:
    connection.is_opening = True
    with suppress(OSError):  # no TLS, or none that we speak, or the peer has gone: nobody to tell
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: connection,
            accepted,
            ssl=tls,
            ssl_handshake_timeout=HEAD_S if tls else None,
            ssl_shutdown_timeout=TLS_CLOSE_S if tls else None,
        )


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _listening(listener: Listener) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is accepted inherits these.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 is a listener of its own
        try:
            bound.bind((listener.host, listener.port))
            bound.listen(BACKLOG)
        except OSError as error:
            raise WebError(
                f"the REST API cannot listen on {listener}: {error.strerror}",
                "Stop what listens there (ss -ltnp shows it), or name another address in web.listen.",
            ) from error
        yield bound


def _is_near(proxies: Sequence[Network], source: str) -> bool:
    address = ip_address(source.partition("%")[0])
    return address.is_loopback or any(address in proxy for proxy in proxies)


def _allow_descriptors(wanted: int) -> None:
    """As many as the system lets a process have: the usual limit of 1024 is there for programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            log.warning(
                "the router may open too few files for web.max_connections and its calls",
                allowed=allowed,
                wanted=wanted,
                remedy="raise LimitNOFILE of its service, or lower web.max_connections",
            )
