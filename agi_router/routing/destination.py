"""Where a call can go: a closed union. What a destination means in channels is decided by `agi_router.directory`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from agi_router.routing.dialplan_place import DialplanPlace


class DestinationType(StrEnum):
    """What the value of an answer names."""

    USER = "user"
    TEAM = "team"
    ENDPOINT = "endpoint"
    EXTERNAL = "external"
    HANGUP = "hangup"
    NUMBER = "number"
    QUEUE = "queue"
    VOICEMAIL = "voicemail"
    DIALPLAN = "dialplan"
    ANNOUNCEMENT = "announcement"
    LAST_AGENT = "last_agent"
    AUTO = "auto"  # a number or a SIP login, by its shape


class HangupCause(StrEnum):
    """The causes a `hangup` destination can name; each becomes one SIP status for the caller."""

    NORMAL = "normal"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CONGESTION = "congestion"
    UNALLOCATED = "unallocated"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class UserDestination:
    """A user of the directory; `user` is his id (an e-mail in an answer or a file is resolved to it)."""

    type: ClassVar[str] = "user"
    user: str

    @property
    def value(self) -> str:
        """The user's id."""
        return self.user


@dataclass(frozen=True, slots=True)
class TeamDestination:
    """A team of the directory, by its id."""

    type: ClassVar[str] = "team"
    team: str

    @property
    def value(self) -> str:
        """The team's id."""
        return self.team


@dataclass(frozen=True, slots=True)
class EndpointDestination:
    """A SIP login: the name of a PJSIP endpoint, without technology."""

    type: ClassVar[str] = "endpoint"
    endpoint: str

    @property
    def value(self) -> str:
        """The endpoint's name."""
        return self.endpoint


@dataclass(frozen=True, slots=True)
class ExternalDestination:
    """A number outside, in E.164 with its plus, reached by the first of these trunks that works (none: of all).

    With `confirm` whoever picks up has to confirm it.
    """

    type: ClassVar[str] = "external"
    number: str
    trunks: tuple[str, ...] = ()
    confirm: bool = False

    @property
    def value(self) -> str:
        """The number in E.164."""
        return self.number


@dataclass(frozen=True, slots=True)
class HangupDestination:
    """The call ends here, with this cause."""

    type: ClassVar[str] = "hangup"
    cause: HangupCause

    @property
    def value(self) -> str:
        """The cause's name."""
        return self.cause.value


@dataclass(frozen=True, slots=True)
class NumberDestination:
    """An internal number of the directory, a DID or an extension: whatever it leads to."""

    type: ClassVar[str] = "number"
    number: str

    @property
    def value(self) -> str:
        """The number, as the directory has it."""
        return self.number


@dataclass(frozen=True, slots=True)
class QueueDestination:
    """A queue of the directory; `queue` is its id."""

    type: ClassVar[str] = "queue"
    queue: str

    @property
    def value(self) -> str:
        """The queue's id."""
        return self.queue


@dataclass(frozen=True, slots=True)
class VoicemailDestination:
    """A mailbox of Asterisk's, as "mailbox@context"."""

    type: ClassVar[str] = "voicemail"
    mailbox: str

    @property
    def value(self) -> str:
        """The mailbox with its context."""
        return self.mailbox


@dataclass(frozen=True, slots=True)
class DialplanDestination:
    """A place in the dialplan, where the caller goes on without us."""

    type: ClassVar[str] = "dialplan"
    place: DialplanPlace

    @property
    def value(self) -> str:
        """The place, as "context,exten,priority"."""
        return str(self.place)


@dataclass(frozen=True, slots=True)
class AnnouncementDestination:
    """Sounds that the caller hears, by their names in Asterisk; unless `answer`, as early media."""

    type: ClassVar[str] = "announcement"
    sounds: tuple[str, ...]
    answer: bool = True

    @property
    def value(self) -> str:
        """The sounds, joined by commas."""
        return ",".join(self.sounds)


@dataclass(frozen=True, slots=True)
class LastAgentDestination:
    """The user who spoke with the caller last, within so many seconds."""

    type: ClassVar[str] = "last_agent"
    within_s: float

    @property
    def value(self) -> str:
        """The seconds."""
        return f"{self.within_s:.0f}"


Destination = (
    UserDestination
    | TeamDestination
    | EndpointDestination
    | ExternalDestination
    | HangupDestination
    | NumberDestination
    | QueueDestination
    | VoicemailDestination
    | DialplanDestination
    | AnnouncementDestination
    | LastAgentDestination
)
