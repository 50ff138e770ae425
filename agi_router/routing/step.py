"""One step of a call: what is tried, in a form that whoever acts can carry out without asking what it means."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agi_router.routing.caller_id import CallerId
from agi_router.routing.destination import Destination, HangupCause
from agi_router.routing.dialplan_place import DialplanPlace
from agi_router.routing.errors import Failure
from agi_router.routing.order import DEFAULT_RING_EACH_S, IfBusy, Order


@dataclass(frozen=True, slots=True)
class EndpointTarget:
    """One device of our own: every contact of this PJSIP endpoint rings.

    With `confirm` whoever picks up has answered only when he has confirmed it. `user` is the id of the user whose
    device it is, "" where the destination names the endpoint itself. The same phone is the same target, whoever is
    called by it. With `auto_answer` it is asked to pick up by itself, in a call that its user has asked for.
    """

    endpoint: str
    user: str = field(default="", compare=False)
    confirm: bool = False
    auto_answer: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkWay:
    """One trunk that leads to a number outside.

    `dial` is the number as the trunk wants it, `caller_id` whose number is shown; a `trusted` trunk is told what the
    answer carries. Another trunk is tried when nothing but 100 has come within `setup_timeout_s` seconds.
    """

    trunk: str
    endpoint: str
    dial: str
    caller_id: CallerId
    trusted: bool
    setup_timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkTarget:
    """One number outside, already allowed by the dial policy.

    `number` is E.164, for people and records; `via` are the trunks, tried one after the other. With `confirm` whoever
    picks up, a voicemail perhaps, has answered only when he has confirmed it. `user` is the id of the user whose phone
    it is, "" where the destination names the number itself.
    """

    number: str
    via: tuple[TrunkWay, ...]
    confirm: bool = False
    user: str = field(default="", compare=False)


Target = EndpointTarget | TrunkTarget


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who can be rung: all his `targets` ring together. `user` is his id, "" for nobody of the directory.

    `name` is what people call him.
    """

    user: str
    targets: tuple[Target, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Unable:
    """A member of a team who can't be rung at all: he has no devices, or none that is allowed."""

    user: str
    name: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Ring:
    """Ring these members, in this order; all others than `simultaneous` ring one at a time, for `ring_each_s` seconds.

    `team` is the id of the team whose members they are, "" when it is none.
    """

    members: tuple[Member, ...]
    order: Order = Order.SIMULTANEOUS
    if_busy: IfBusy = IfBusy.RING
    ring_each_s: float = DEFAULT_RING_EACH_S
    team: str = ""
    unable: tuple[Unable, ...] = ()


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call with this cause."""

    cause: HangupCause


@dataclass(frozen=True, slots=True)
class AskRoute:
    """Ask this route's API; its steps come instead of those that follow here."""

    route: str


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Let the caller wait in this queue of queues.conf."""

    queue: str


@dataclass(frozen=True, slots=True)
class LeaveMessage:
    """Let the caller leave a message in this mailbox, "mailbox@context"; he does not come back."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class GoTo:
    """Send the caller to this place in the dialplan; he does not come back."""

    place: DialplanPlace


@dataclass(frozen=True, slots=True)
class Announce:
    """Play these sounds, by their names in Asterisk, one after the other; answer the caller before, or don't."""

    sounds: tuple[str, ...]
    answer: bool


@dataclass(frozen=True, slots=True)
class FindLastAgent:
    """Find out who spoke with the caller last, within so many seconds, and ring him."""

    within_s: float
    if_busy: IfBusy = IfBusy.RING


@dataclass(frozen=True, slots=True)
class Refused:
    """Ring nobody: the step is put on record with the reason, and the next one is tried."""

    failure: Failure


Action = Ring | HangUp | AskRoute | Enqueue | LeaveMessage | GoTo | Announce | FindLastAgent | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to try, for at most `timeout_s` seconds. `destination` is what it is called in records."""

    destination: Destination
    timeout_s: float
    action: Action

    @property
    def targets(self) -> tuple[Target, ...]:
        """All that this step may ring, each once."""
        return distinct(self.action.members) if isinstance(self.action, Ring) else ()

    @property
    def refused(self) -> Failure | None:
        """Why this step rings nobody; None when it does something."""
        return self.action.failure if isinstance(self.action, Refused) else None


def distinct(members: Iterable[Member]) -> tuple[Target, ...]:
    """The targets of these members, in their order; what two of them share rings once, for the first of them."""
    return tuple(dict.fromkeys(target for member in members for target in member.targets))
