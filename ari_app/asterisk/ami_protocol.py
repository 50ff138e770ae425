"""panoramisk's AMI protocol, bounded; and the actions that may be sent by it.

panoramisk (1.4) strips nothing of what it sends, so an end of a line in a value would begin another action: all values
go through the one sanitiser here. It also keeps what has no end for as long as it comes, and loses a letter that two
packets share. Its `Manager` is not used: that one sends actions again, later, for which the connection was down.
"""

import asyncio
import codecs
import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import structlog
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from agi_router.routing.printable import printable

log = structlog.get_logger(__name__)

LONGEST_MESSAGE: Final = 256 * 1024
"""In characters. A real one has some hundred."""

# It would show secrets: what could not be sent, and at the level debug all that comes.
_SILENT: Final = logging.Logger("panoramisk")
_SILENT.disabled = True


class Name(StrEnum):
    """All that is ever sent: nothing that could place, change or end a call."""

    LOGIN = "Login"
    PING = "Ping"
    QUEUE_STATUS = "QueueStatus"
    QUEUE_PAUSE = "QueuePause"
    LIST_COMMANDS = "ListCommands"


def action(name: Name, fields: Mapping[str, str]) -> Action:
    """An action with these fields, whatever is in their values. It needs a running event loop."""
    return Action({"Action": name.value, **{key: printable(value) for key, value in fields.items()}})


class Owner:
    """What the protocol reports to: `dispatch` gets each event, `lost` is done when the connection is no more."""

    save_stream = None  # asked for by panoramisk: nothing is kept of what comes

    def __init__(self, take: Callable[[Message], None]) -> None:
        self._take = take
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def dispatch(self, message: Message) -> None:
        """Pass an event on; one that nobody has thought of must not end the connection."""
        try:
            self._take(message)
        except Exception:
            log.exception("Asterisk sent an AMI event that can't be read", event_name=str(message.event))


class BoundedProtocol(AMIProtocol):
    """One connection's end, which is aborted when a message is too long."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        super().connection_made(transport)  # type: ignore[no-untyped-call]
        self.factory, self.log, self.encoding = self._owner, _SILENT, "utf-8"

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        super().data_received(self._decoder.decode(data).encode())  # type: ignore[no-untyped-call]
        if any(len(unfinished) > LONGEST_MESSAGE for unfinished in self.queue):
            self.transport.abort()

    def connection_lost(self, _: object) -> None:
        """See asyncio; panoramisk calls it also when Asterisk says that it stops.

        Not the inherited one, which puts aside what was not answered, to be sent again.
        """
        self.closed = True
        if not self._owner.lost.done():
            self._owner.lost.set_result(None)
