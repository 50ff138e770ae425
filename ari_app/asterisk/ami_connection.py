"""One connection to Asterisk's manager interface (AMI), from its login to its loss."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from panoramisk.message import Message

from ari_app.asterisk.ami_protocol import BoundedProtocol, Name, Owner, action
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.ports import RefusedError, UnreachableError

CONNECT_TIMEOUT_S: Final = 3.0
EVENTS: Final = "agent"
"""The class of events that is asked for where no others are wanted: queues and their members."""


class AmiConnection:
    """An open connection. What is asked is sent once, or not at all: nothing is kept for another connection."""

    def __init__(self, settings: AmiSettings, protocol: BoundedProtocol, lost: asyncio.Future[None]) -> None:
        self._settings = settings
        self._protocol = protocol
        self._lost = lost

    async def ask(self, name: Name, **fields: str) -> Message:
        """Have Asterisk take an action; its answer.

        Raises RefusedError when it does not want it, UnreachableError when it does not say so in time.
        """
        if self._lost.done():
            raise _unreachable(self._settings, "the connection was lost")
        answer: asyncio.Future[Message] = self._protocol.send(action(name, fields))  # type: ignore[no-untyped-call]
        limit_s = self._settings.request_timeout_s
        await asyncio.wait((answer, self._lost), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            why = "the connection was lost" if self._lost.done() else f"no answer within {limit_s:g} s"
            raise _unreachable(self._settings, f"{why} ({name})")
        message = answer.result()
        if not message.success:
            raise RefusedError(f"Asterisk's AMI refuses {name}: {message.message or message.response}")
        return message

    async def stays_for(self, seconds: float) -> None:
        """Return after so many seconds. Raises UnreachableError as soon as the connection is lost."""
        await asyncio.wait({self._lost}, timeout=seconds)
        if self._lost.done():
            raise _unreachable(self._settings, "the connection was lost")


@asynccontextmanager
async def ami_connection(
    settings: AmiSettings, take: Callable[[Message], None], events: str = EVENTS
) -> AsyncIterator[AmiConnection]:
    """A connection, logged in, for as long as the block lasts; `take` is given each event, in Asterisk's order.

    Of the classes `events` those come that the user of manager.conf may read.

    Raises UnreachableError, or RefusedError when Asterisk does not let us in.
    """
    owner = Owner(take)
    try:
        trusted = ssl.create_default_context(cafile=settings.ca_file) if settings.tls else None
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, protocol = await asyncio.get_running_loop().create_connection(
                lambda: BoundedProtocol(owner), settings.host, settings.port, ssl=trusted
            )
    except (OSError, TimeoutError) as error:
        raise _unreachable(settings, str(error) or "no answer in time") from error
    try:
        connection = AmiConnection(settings, protocol, owner.lost)
        await connection.ask(Name.LOGIN, Username=settings.username, Secret=settings.secret, Events=events)
        yield connection
    finally:
        protocol.transport.abort()
        await asyncio.wait({owner.lost})


def _unreachable(settings: AmiSettings, why: str) -> UnreachableError:
    return UnreachableError(f"Asterisk's AMI at {settings.host}:{settings.port}: {why}")
