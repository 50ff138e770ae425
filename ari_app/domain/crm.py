"""A CRM as the router sees it: hooks, each a request of its document that is run with values and gives records."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from agi_router.routing.decision import ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure


class HookName(StrEnum):
    """What a document can tell how to do. All but FindActivity are Ringotel's names."""

    USERS = "Users"
    CONTACTS = "Contacts"
    ORGANIZATIONS = "Organizations"
    FIND_CONTACT = "FindContact"
    CREATE_CONTACT = "CreateContact"
    UPDATE_CONTACT = "UpdateContact"
    CREATE_ACTIVITY = "CreateActivity"
    FIND_ACTIVITY = "FindActivity"  # ours: the activity of a call, by the call's id
    ASSIGN_ACTIVITY = "AssignActivity"
    UPDATE_ACTIVITY = "UpdateActivity"
    STOP_CALL_ACTIVITY = "StopCallActivity"
    UPDATE_CALL_RECORDING = "UpdateCallRecording"


QUESTIONS: Final = frozenset(
    {
        HookName.USERS,
        HookName.CONTACTS,
        HookName.ORGANIZATIONS,
        HookName.FIND_CONTACT,
        HookName.FIND_ACTIVITY,
    }
)
"""Hooks that change nothing, whatever their method is."""


class OnceBy(StrEnum):
    """How a document has it that one call makes one activity, whatever breaks off."""

    FINDING = "finding"  # FindActivity tells whether it is there
    KEY = "key"  # the CRM takes `$idempotency_key$`, and carries the same request out once
    NOTHING = "nothing"  # a creation whose answer is lost is never tried again: its state is unknown


Record = Mapping[str, str]
"""One record of an answer: the values of `response_map` by the names between the dollar signs; "" where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that goes with a hook."""

    path: Path
    file_name: str
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAnswer:
    """What a hook gave. `sent` and `received` have their secrets masked, for people and for the record."""

    records: tuple[Record, ...] = ()
    sent: SentRequest
    received: ReceivedAnswer


class HookError(Exception):
    """A hook did not do what it should.

    `is_undone`: it is certain that the CRM has done nothing, so that the same may be tried again; else it may have.
    `is_final`: the same request will never be taken. `again_in_s` is what the CRM asks for (Retry-After). `sent` and
    `received` are None as far as nothing was.
    """

    def __init__(
        self,
        failure: Failure,
        *,
        is_undone: bool,
        is_final: bool = False,
        status: int | None = None,
        again_in_s: float | None = None,
        sent: SentRequest | None = None,
        received: ReceivedAnswer | None = None,
    ) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.is_undone = is_undone
        self.is_final = is_final
        self.status = status
        self.again_in_s = again_in_s
        self.sent = sent
        self.received = received


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a connector's document can do.

    `number_forms` are those in which FindContact is asked, in their order. `visible_after_s`: so long after it was
    created an activity may not be found yet. `repeatable` are hooks that come to the same when they are run twice.
    `lists_changes` are lists of which those records alone can be asked for that have changed since a moment.
    """

    hooks: frozenset[HookName]
    once_by: OnceBy = OnceBy.NOTHING
    visible_after_s: float = 0.0
    repeatable: frozenset[HookName] = frozenset()
    lists_changes: frozenset[HookName] = frozenset()
    number_forms: tuple[str, ...] = field(default=("e164", "national", "digits"))


class Patience(Protocol):
    """Decides about pages that have failed."""

    async def __call__(self, error: HookError, failures: int) -> bool:
        """Whether to ask once more, when it was waited for that; so often this page has failed in a row."""


class Crm(Protocol):
    """A connector at work."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    @property
    def title(self) -> str:
        """What people call the CRM."""

    @property
    def abilities(self) -> Abilities:
        """What its document can do."""

    async def run(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, upload: Upload | None = None
    ) -> HookAnswer:
        """One request (of a hook with paging, the first page). Raises HookError; safe to cancel.

        `values` are those of the hook's variables, by their names (see `ari_app.crm.document.variables`); what is
        missing is "". An answer without records where the document's `response_map` names some is an empty one.
        """

    def pages(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, patience: Patience | None = None
    ) -> AsyncIterator[HookAnswer]:
        """All pages of a hook that lists, each within the deadline. Raises HookError.

        A page that failed is asked for once more when `patience` says so; without it, never.
        """
