"""What is configured in FreePBX's web pages."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extension:
    """A person with a phone. `follow_me` rings these extensions as well, after a second."""

    number: str
    name: str
    follow_me: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class InboundRoute:
    """Where calls to a DID go, as `context,extension,priority`; "" stands for any DID.

    `record` is its call recording, set to "Force".
    """

    did: str
    destination: str
    record: bool = False


@dataclass(frozen=True, slots=True)
class CustomDestination:
    """A place in extensions_custom.conf. With `returns_to` it is called, and callers go on there when it returns."""

    target: str
    returns_to: str | None = None


@dataclass(frozen=True, slots=True)
class RingGroup:
    """Extensions that ring together for 20 s; then callers go on to `no_answer`."""

    number: str
    members: Sequence[str]
    no_answer: str = "app-blackhole,hangup,1"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of extensions; callers wait for 30 s."""

    number: str
    members: Sequence[str]
    no_answer: str = "app-blackhole,hangup,1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """All of it. `custom` is extensions_custom.conf. `custom_destinations[0]` is reached by customdests,dest-1,1."""

    extensions: Sequence[Extension] = ()
    inbound_routes: Sequence[InboundRoute] = ()
    custom_destinations: Sequence[CustomDestination] = ()
    ring_groups: Sequence[RingGroup] = ()
    queues: Sequence[Queue] = ()
    custom: str = ""
