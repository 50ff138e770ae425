"""Who is a member of which queue of Asterisk, and who has a break there: "logged in" and "paused", as agents say."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """`interface` is what the queue dials, `state_interface` the device that tells whether the member is in use.

    `reason` is why he is paused, "" when nobody has said it.
    """

    queue: str
    interface: str
    state_interface: str = ""
    paused: bool = False
    reason: str = ""

    @property
    def name(self) -> str:
        """Whose membership it is: a device (PJSIP/ada), or the extension or endpoint that a Local channel leads to.

        Local/ada@agi-router-member/n with the state of PJSIP/ada is that of PJSIP/ada; a state of hint:101@ext-local,
        or Local/101@from-queue/n, that of 101.
        """
        return next(filter(None, map(_name, (self.state_interface, self.interface))), self.interface)


class Memberships:
    """What Asterisk has told. `known` is False until it has listed all of them, and after the link to it was lost."""

    def __init__(self, tell: Callable[[], None] = lambda: None) -> None:
        """`tell` is called after each change."""
        self.known = False
        self._tell = tell
        self._queues: frozenset[str] = frozenset()
        self._members: dict[tuple[str, str], Membership] = {}
        self._by_name: defaultdict[str, dict[tuple[str, str], Membership]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._members)

    @property
    def queues(self) -> Set[str]:
        """The names of all queues."""
        return self._queues

    def replace(self, queues: Iterable[str], members: Iterable[Membership]) -> None:
        """These are all queues and all members."""
        self._clear()
        self._queues = frozenset(queues)
        for member in members:
            self._put(member)
        self.known = True
        self._tell()

    def put(self, member: Membership) -> None:
        """This is how a member stands, who may be a new one."""
        self._put(member)
        self._tell()

    def remove(self, queue: str, interface: str) -> None:
        """He is no member any more."""
        self._remove(queue, interface)
        self._tell()

    def _put(self, member: Membership) -> None:
        self._remove(member.queue, member.interface)
        at = member.queue, member.interface
        self._members[at] = self._by_name[member.name][at] = member

    def _remove(self, queue: str, interface: str) -> None:
        member = self._members.pop((queue, interface), None)
        if member is None:
            return
        of_name = self._by_name[member.name]
        del of_name[queue, interface]
        if not of_name:
            del self._by_name[member.name]

    def forget(self) -> None:
        """Nothing is known."""
        self._clear()
        self._tell()

    def _clear(self) -> None:
        self.known = False
        self._queues = frozenset()
        self._members.clear()
        self._by_name.clear()

    def of(self, names: Iterable[str]) -> Sequence[Membership]:
        """The memberships under these names, by their queues."""
        found = [member for name in names if name in self._by_name for member in self._by_name[name].values()]
        return sorted(found, key=lambda member: (member.queue, member.interface))


def _name(interface: str) -> str:
    """ "" when the interface tells nobody."""
    technology, is_device, rest = interface.partition("/")
    if interface.lower().startswith("hint:"):
        return interface[len("hint:") :].partition("@")[0]
    if technology.lower() == "local":
        return rest.partition("@")[0]
    return f"{technology.upper()}/{rest}" if is_device and technology.lower() != "custom" else ""
