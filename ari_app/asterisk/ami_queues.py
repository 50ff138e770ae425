"""The members of queues, by AMI: listed once by QueueStatus, and followed by the events after it.

Asterisk tells no event when a reload of queues.conf changes the members that stand there, so the list is asked for
again from time to time.
"""

from typing import Final

from panoramisk.message import Message

from ari_app.calls.memberships import Membership, Memberships

CHANGES: Final = frozenset(
    {"QueueMemberAdded", "QueueMemberPause", "QueueMemberPenalty", "QueueMemberRinginuse", "QueueMemberStatus"}
)
"""Each of these events says all that there is to know of one member."""


class QueueMembers:
    """Takes AMI's events and keeps `memberships` by them."""

    def __init__(self, memberships: Memberships) -> None:
        self._memberships = memberships
        self._list_id = ""
        self._queues: set[str] = set()
        self._listed: dict[tuple[str, str], Membership] = {}

    def take(self, message: Message) -> None:
        """Take one event, at once: the answers to QueueStatus stand in their order among the others."""
        match str(message.event):
            case "QueueParams" | "QueueMember" | "QueueStatusComplete" as part:
                self._take_listed(part, message)
            case "QueueMemberRemoved":
                at = str(message.queue), str(message.interface)
                self._listed.pop(at, None)
                self._memberships.remove(*at)
            case event if event in CHANGES:
                self._put(_membership(message, str(message.interface)))
            case _:
                pass

    def _take_listed(self, part: str, message: Message) -> None:
        if message.actionid != self._list_id:
            self._begin(str(message.actionid))
        if part == "QueueParams":
            self._queues.add(str(message.queue))
        elif part == "QueueMember":
            member = _membership(message, str(message.location))
            self._listed[member.queue, member.interface] = member
        else:
            self._memberships.replace(self._queues, self._listed.values())
            self._begin("")

    def _begin(self, list_id: str) -> None:
        self._list_id, self._queues, self._listed = list_id, set(), {}

    def _put(self, member: Membership) -> None:
        if self._list_id:
            self._listed[member.queue, member.interface] = member
        self._memberships.put(member)


def _membership(message: Message, interface: str) -> Membership:
    return Membership(
        queue=str(message.queue),
        interface=interface,
        state_interface=str(message.stateinterface),
        paused=message.paused == "1",
        reason=str(message.pausedreason),
    )
