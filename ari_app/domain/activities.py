"""Activities: a call as a CRM has it, one of each call at each CRM that wants it, and how far the CRM has been told.

What the CRM was told last is kept beside what it is to know, which is the call's record: whoever tells it goes by the
difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from ari_app.domain.crm import HookName
from ari_app.domain.notices import Notice
from ari_app.domain.record import CallRecord
from ari_app.domain.recordings import StoredRecording


class ActivityState(StrEnum):
    """How an activity stands."""

    PENDING = "pending"  # the CRM does not have it
    CREATING = "creating"  # CreateActivity has left, or was about to: the CRM may have it
    OPEN = "open"  # the CRM has it
    STOPPED = "stopped"  # the call is over, and the CRM knows
    UNKNOWN = "unknown"  # nobody can tell whether the CRM has done what it was told: a person has to look
    FAILED = "failed"  # the CRM does not take it, or not all of it; tried again at a person's word
    DISMISSED = "dismissed"  # a person wants nothing more of it


NEEDS_A_PERSON: Final = frozenset({ActivityState.UNKNOWN, ActivityState.FAILED})
IS_TOLD: Final = frozenset({ActivityState.PENDING, ActivityState.CREATING, ActivityState.OPEN, ActivityState.STOPPED})
"""States in which the router goes on by itself when there is something new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a CRM was told last of a call.

    `talk` is "" until it heard of an answer, then talking or transferred; `who` spoke, or was to. `contact` is the id
    that the activity was assigned to, `ended_at` the end in ISO 8601, `recordings` are ids. `refused` are steps that
    the CRM will not take, `doubtful` those of which nobody knows whether it has, both with the reason; neither is tried
    again by itself.
    """

    talk: str = ""
    who: str = ""
    contact: str = ""
    ended_at: str = ""
    recordings: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    doubtful: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One hook to run, and what it is about: how the call stands, the contact, the recording."""

    hook: HookName
    about: str = ""

    def __str__(self) -> str:
        return f"{self.hook} {self.about}".rstrip()


LOOKED_FOR: Final = Step(HookName.FIND_ACTIVITY)
"""What an unknown activity was `doing` of which the CRM has several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A call at one CRM, whose name in the configuration is `connector`. `url` is where people see it there, or "".

    `reference` is the call's id as the CRM knows it: `call_id` changes when a call that Asterisk alone carried becomes
    one of the router's. `given` are the values with which it is being created by a key, `doing` is the step that is
    under way, since `tried_at`, or was when the router died. `due_at` is None while there is nothing to tell.
    `attempts` have failed in a row, the first one at `failing_since`. `revision` counts what has become of the call.
    """

    id: int
    connector: str
    call_id: str
    reference: str
    state: ActivityState
    created_at: datetime
    activity_id: str = ""
    url: str = ""
    told: Told = field(default_factory=Told)
    given: Mapping[str, str] = field(default_factory=dict)
    doing: str = ""
    tried_at: datetime | None = None
    revision: int = 0
    due_at: datetime | None = None
    attempts: int = 0
    failing_since: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class StandingCall:
    """A call as it stands on record, with its recordings."""

    record: CallRecord
    recordings: Sequence[StoredRecording] = ()


class ActivityStore(Protocol):
    """Activities as those who tell CRMs share them. Everything raises UnavailableError."""

    async def claim(self, connector: str, limit: int, until: datetime) -> Sequence[Activity]:
        """Take so many of those that are due; nobody else gets them before `until`."""

    async def begin(self, activity: Activity, until: datetime) -> bool:
        """Put on record what is about to be done, and keep the claim; False when it is somebody else's by now."""

    async def settle(self, activity: Activity, notice: Notice | None = None) -> None:
        """Put on record how it stands, and let go of it. It is due at once when more has become of the call since.

        That the CRM has it counts, whoever has claimed it meanwhile; all else leaves another's claim alone. Others are
        told the `notice` if, and only if, this is how it stands from now on.
        """

    async def drop(self, activity: Activity) -> None:
        """Forget it: there is no such call any more, and the CRM was told nothing."""

    async def release(self, activities: Sequence[Activity]) -> None:
        """Give back what was claimed; it is due at once."""

    async def hasten(self, connector: str) -> None:
        """Make due what waits for its next attempt."""

    async def next_due(self, connector: str) -> datetime | None:
        """When the next one is due; None: when something new comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFilter:
    """What an activity must be: all that is given holds, of several values one."""

    connectors: tuple[str, ...] = ()
    states: tuple[ActivityState, ...] = ()
    call_ids: tuple[str, ...] = ()


class ActivityArchive(Protocol):
    """Activities as people look at them. Everything raises UnavailableError."""

    async def page(self, wanted: ActivityFilter, limit: int, before: int | None = None) -> Sequence[Activity]:
        """The newest first; `before` is the `id` of the last one of the page before."""

    async def get(self, connector: str, call_id: str) -> Activity | None:
        """None when this CRM was told nothing of that call."""

    async def counts(self) -> Mapping[str, Mapping[ActivityState, int]]:
        """How many there are of each state by connectors, without those that are stopped or dismissed."""

    async def resolve(self, activity: Activity) -> bool:
        """Put a person's word on record; False when it has changed since it was read."""
