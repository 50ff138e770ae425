"""Whose channel is whose: Asterisk's names of endpoints, queues and groups, and the directory's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

# No phone and no line is behind these: halves of a Local channel, recorders, what ARI and conferences make.
_NOBODY: Final = frozenset(
    {"local", "recorder", "snoop", "announcer", "cbann", "cbrec", "multicastrtp", "unicastrtp", "surrogate", "message"}
    | {"bridge", "media", "audiosocket", "websocket", "conftest", "console"}
)
# Contexts as FreePBX calls them, and with it many a dialplan.
_INSIDE: Final = ("from-internal",)
_OUTSIDE: Final = ("from-trunk", "from-pstn", "from-did", "from-sip-external", "from-dahdi")


def endpoint_of(channel: str) -> str:
    """The endpoint of a channel's name: of PJSIP/ada-00000001 it is PJSIP/ada."""
    return channel.rpartition("-")[0] or channel


def is_party(channel: str) -> bool:
    """Whether a phone or a line is behind a channel of this name."""
    technology, is_channel, _ = channel.partition("/")
    return bool(is_channel) and technology.lower() not in _NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The directory's ids by Asterisk's names.

    `users` has endpoints (PJSIP/ada), `extensions` numbers, `queues` the names in queues.conf, `trunks` endpoints, and
    `teams` the ids of the users who are in each team.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, str] = field(default_factory=dict)
    teams: Mapping[frozenset[str], str] = field(default_factory=dict)
    trunks: frozenset[str] = frozenset()

    def owner(self, endpoint: str) -> str:
        """Whose it is: the id of a user, else the endpoint itself."""
        return self.users.get(endpoint, endpoint)

    def queue(self, name: str) -> str:
        """The id of a queue, else its name in Asterisk."""
        return self.queues.get(name, name)

    def team(self, owners: Collection[str], dialled: str) -> str:
        """The id of the team that these are, else the number that was dialled for them."""
        return self.teams.get(frozenset(owners)) or dialled

    def member(self, interface: str) -> str:
        """Who a member of a queue is: Local/101@from-queue/n is extension 101, or endpoint 101."""
        technology, _, rest = interface.partition("/")
        if technology.lower() != "local":
            return self.owner(interface)
        called = rest.partition("@")[0]
        return self.extensions.get(called) or self.users.get(f"PJSIP/{called}") or interface

    def is_inside(self, endpoint: str, context: str) -> bool | None:
        """Whether a caller is one of the PBX; None where neither the directory nor his context tells it."""
        if endpoint in self.users:
            return True
        if endpoint in self.trunks or context.startswith(_OUTSIDE):
            return False
        return True if context.startswith(_INSIDE) else None
