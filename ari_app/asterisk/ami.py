"""The link to Asterisk's manager interface (AMI), held up for as long as the router runs; it only reads.

A connection that is half open looks sound: an action of ours, and a deadline for its answer, tells them apart.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

import structlog
from panoramisk.message import Message

from ari_app.asterisk.ami_connection import EVENTS, AmiConnection, ami_connection
from ari_app.asterisk.ami_protocol import Name
from ari_app.asterisk.ami_queues import QueueMembers
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.memberships import Memberships
from ari_app.calls.ports import RefusedError, UnreachableError
from ari_app.domain.link import Link

log = structlog.get_logger(__name__)

FIRST_RETRY_S: Final = 0.25
LAST_RETRY_S: Final = 5.0
REFUSED_RETRY_S: Final = 30.0
"""After a login that failed: what watches Asterisk's log must not take us for somebody who guesses secrets."""
PINGS_A_LIST: Final = 3
"""How often the link is tried before the list of members is asked for anew."""
NOT_WANTED: Final = "asterisk.ami is not configured"
REMEDY: Final = "compare asterisk.ami with manager.conf; agi-router doctor tells more"


class Listener(Protocol):
    """Who else wants to hear what comes, and whether the link is sound. Nothing here may wait."""

    @property
    def classes(self) -> str:
        """The classes of events to ask for, queues' among them."""
        ...

    def take(self, message: Message) -> None:
        """One event."""
        ...

    def connected(self) -> None:
        """From now on all is heard."""
        ...

    def heard(self) -> None:
        """The link is sound: Asterisk has answered."""
        ...

    def lost(self) -> None:
        """Nothing is heard since the last answer."""
        ...


class AmiLink:
    """Keeps `memberships` as Asterisk tells them, and forgets them as soon as it can't be heard.

    `trouble` says why it is not connected, or why it does not know the queues; "" when all is well. Without `settings`
    there is no link. A `listener` hears what comes beside the queues' members.
    """

    def __init__(
        self, settings: AmiSettings | None, memberships: Memberships, listener: Listener | None = None
    ) -> None:
        self._settings = settings
        self._memberships = memberships
        self._listener = listener
        self.connected = False
        self.link = Link()
        self.trouble = NOT_WANTED if settings is None else "not connected yet"

    def status(self) -> dict[str, object]:
        """How it stands, as programs get it: `ami_connected` is None when it is not wanted."""
        return {
            "ami_connected": None if self._settings is None else self.connected,
            "ami_trouble": self.trouble or None,
            "queue_members": len(self._memberships),
        }

    async def run(self) -> None:
        """Stay connected until cancelled."""
        retry_s = FIRST_RETRY_S
        while self._settings is not None:
            try:
                await self._once(self._settings)
            except RefusedError as error:
                self._tell(str(error), REMEDY)
                retry_s = REFUSED_RETRY_S
            except UnreachableError as error:
                if self.connected:
                    retry_s = FIRST_RETRY_S
                self._tell(str(error), REMEDY)
            except Exception:
                log.exception("the link to Asterisk's AMI broke by a fault of the router; trying again")
                retry_s = LAST_RETRY_S
            finally:
                if self.connected and self._listener is not None:
                    self._listener.lost()
                self.connected = False
                self.link.lose()
                self._memberships.forget()
            # Jitter, so that several routers don't come back in step.
            await asyncio.sleep(retry_s * random.uniform(0.8, 1.2))  # noqa: S311
            retry_s = min(retry_s * 2, LAST_RETRY_S)

    async def _once(self, settings: AmiSettings) -> None:
        """One connection. Raises RefusedError or UnreachableError at its end."""
        queues = QueueMembers(self._memberships)
        listener = self._listener

        def take(message: Message) -> None:
            queues.take(message)
            if listener is not None:
                listener.take(message)

        events = EVENTS if listener is None else listener.classes
        async with ami_connection(settings, take, events) as connection:
            self.connected = True
            self.link.came_up()
            if listener is not None:
                listener.connected()
            log.info("connected to Asterisk's AMI", host=settings.host, port=settings.port)
            while True:
                await self._list(connection)
                for _ in range(PINGS_A_LIST):
                    await connection.stays_for(settings.ping_s)
                    await connection.ask(Name.PING)
                    if listener is not None:
                        listener.heard()

    async def _list(self, connection: AmiConnection) -> None:
        """Have all members listed; without app_queue there are none, and the link is sound."""
        try:
            await connection.ask(Name.QUEUE_STATUS)
            self.link.settle()
            self.trouble = ""
        except RefusedError as error:
            self._memberships.forget()
            self._tell(f"{error}; so nobody's queues are known", "is app_queue.so loaded? agi-router doctor tells more")

    def _tell(self, trouble: str, remedy: str) -> None:
        """Once, and not at each try."""
        if trouble != self.trouble:
            self.trouble = trouble
            log.warning("the link to Asterisk's AMI", trouble=trouble, remedy=remedy)


@asynccontextmanager
async def ami_link(
    settings: AmiSettings | None, memberships: Memberships, listener: Listener | None = None
) -> AsyncIterator[AmiLink]:
    """A link that is held up while the block lasts; it keeps `memberships`. None: there is none, and all goes on."""
    link = AmiLink(settings, memberships, listener)
    running = asyncio.create_task(link.run(), name="ami")
    try:
        yield link
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
