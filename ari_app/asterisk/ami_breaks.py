"""Breaks of queue members, by AMI.

Each change logs in anew: what a user may do is settled at his login, so that a right which manager.conf was given a
moment ago counts. What is asked goes to this connection or to none; nothing is ever sent again.
"""

from panoramisk.message import Message

from ari_app.asterisk.ami_connection import ami_connection
from ari_app.asterisk.ami_protocol import Name
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.memberships import Membership


class AmiBreaks:
    """Implements `ari_app.calls.agent_changes.Breaks`."""

    def __init__(self, settings: AmiSettings) -> None:
        self._settings = settings

    async def set_break(self, member: Membership, *, paused: bool, reason: str) -> None:
        """See the protocol. The link that follows the queues tells what has become of it."""
        fields = {"Queue": member.queue, "Interface": member.interface, "Paused": "true" if paused else "false"}
        if paused and reason:
            fields["Reason"] = reason
        async with ami_connection(self._settings, _nothing) as connection:
            await connection.ask(Name.QUEUE_PAUSE, **fields)


def _nothing(_: Message) -> None:
    """The link takes the events."""
