"""What AMI tells of queues to somebody who asks once, and does not stay."""

import asyncio

from panoramisk.message import Message

from ari_app.asterisk.ami_connection import ami_connection
from ari_app.asterisk.ami_protocol import Name
from ari_app.asterisk.ami_queues import QueueMembers
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.memberships import Memberships
from ari_app.calls.ports import UnreachableError


async def may_pause(settings: AmiSettings) -> bool:
    """Whether this user may let members of queues have a break. Raises RefusedError or UnreachableError."""
    async with ami_connection(settings, lambda _: None) as connection:
        return Name.QUEUE_PAUSE in await connection.ask(Name.LIST_COMMANDS)  # those that are allowed


async def list_queues(settings: AmiSettings) -> Memberships:
    """All queues and their members. Raises RefusedError or UnreachableError."""
    memberships = Memberships()
    queues = QueueMembers(memberships)
    is_complete = asyncio.Event()

    def take(message: Message) -> None:
        queues.take(message)
        if memberships.known:
            is_complete.set()

    async with ami_connection(settings, take) as connection:
        await connection.ask(Name.QUEUE_STATUS)
        try:
            async with asyncio.timeout(settings.request_timeout_s):
                await is_complete.wait()
        except TimeoutError:
            raise UnreachableError("Asterisk's AMI began the list of queues, and did not end it") from None
    return memberships
