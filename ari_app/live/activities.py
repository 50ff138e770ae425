"""Activities as people look after them: which there are at CRMs, and what becomes of those that need a person."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import uuid4

import structlog
from pydantic import BaseModel, ConfigDict, Field

from ari_app.calls.clock import now
from ari_app.control.settings import ControlError
from ari_app.domain.activities import (
    LOOKED_FOR,
    NEEDS_A_PERSON,
    Activity,
    ActivityArchive,
    ActivityFilter,
    ActivityState,
    Told,
)
from ari_app.domain.notices import Notice, NoticeType
from ari_app.live.forms import Command, read_form, telling
from ari_app.live.webhook_forms import STORABLE
from ari_app.storage.activity_records import ActivityRecords
from ari_app.storage.call_reader import reading
from ari_app.storage.settings import StorageSettings

LONGEST_ID: Final = 255
"""Of an activity at a CRM."""
MOST: Final = 1000

log = structlog.get_logger("agi_router.crm")

Word = Annotated[str, Field(min_length=1, max_length=128, pattern=STORABLE)]


class Resolution(StrEnum):
    """What a person wants of an activity that needs him."""

    ADOPT = "adopt"  # the CRM has it: the router goes on with that one
    AGAIN = "again"  # the CRM does not have it, or not all of it: what was refused or in doubt is tried again
    DISMISS = "dismiss"  # nothing more is done about it


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ActivitiesForm(_Form):
    """Which activities: all that is given holds, of several values one."""

    connector: list[Word] = Field(
        default=[], max_length=20, description="of these CRMs, by their names in the configuration"
    )
    state: list[ActivityState] = Field(default=[], max_length=10)
    call: list[Word] = Field(default=[], max_length=100, description="of these calls, by id")
    limit: int = Field(default=100, ge=1, le=MOST, description="how many at most")
    cursor: int | None = Field(default=None, ge=1, le=2**63 - 1, description="the `next` of the page before")

    def wanted(self) -> ActivityFilter:
        """The filter of it."""
        return ActivityFilter(connectors=tuple(self.connector), states=tuple(self.state), call_ids=tuple(self.call))


class ResolveForm(_Form):
    """What is to become of it. `activity_id` is the CRM's id of the activity that is adopted."""

    action: Resolution
    activity_id: str = Field(default="", max_length=LONGEST_ID, pattern=STORABLE)


class _ResolveOne(ResolveForm):
    connector: Word
    call: Word


class ActivityError(ControlError):
    """It cannot be done; `code` is for programs."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message} [{code}]", remedy)
        self.code = code
        self.message = message


class ActivityDesk:
    """Everything raises ActivityError with what is wrong, and StorageError. `wake` has a CRM looked after at once."""

    def __init__(self, archive: ActivityArchive, wake: Callable[[str], None] = lambda _: None) -> None:
        self._archive = archive
        self.wake = wake

    async def list(self, form: ActivitiesForm) -> tuple[Sequence[Activity], int | None]:
        """A page of them, the newest first, and where the next one begins."""
        found = await self._archive.page(form.wanted(), form.limit + 1, form.cursor)
        return found[: form.limit], found[form.limit - 1].id if len(found) > form.limit else None

    async def counts(self) -> Mapping[str, Mapping[ActivityState, int]]:
        """How many of each state, by connectors; without those of which nothing is left to do."""
        return await self._archive.counts()

    async def of_call(self, call_id: str) -> Sequence[Activity]:
        """What each CRM has of it."""
        return await self._archive.page(ActivityFilter(call_ids=(call_id,)), MOST)

    async def resolve(self, connector: str, call_id: str, form: ResolveForm) -> Activity:
        """Have it as a person says."""
        activity = await self._archive.get(connector, call_id)
        if activity is None:
            raise ActivityError(
                "activity_unknown",
                f"{connector} was told nothing of a call {call_id}",
                "agi-router crm activities lists what CRMs were told.",
            )
        if activity.state not in NEEDS_A_PERSON:
            raise ActivityError(
                "activity_settled",
                f"the activity of this call at {connector} is {activity.state.value}, and needs nobody",
                "agi-router crm activities --state unknown --state failed lists those that do.",
            )
        resolved = _resolved(activity, form)
        if not await self._archive.resolve(resolved):
            raise ActivityError(
                "activity_changed",
                f"the activity of this call at {connector} has just changed",
                "Look at it again: agi-router crm activities.",
            )
        log.info("an activity was resolved", connector=connector, call=call_id, action=form.action.value)
        self.wake(connector)
        return resolved


def _resolved(activity: Activity, form: ResolveForm) -> Activity:
    if (form.action is Resolution.ADOPT) != bool(form.activity_id):
        raise ActivityError(
            "bad_request",
            "the CRM's id of the activity goes with adopt, and with nothing else",
            "Give the id of the activity that the CRM has, or say again or dismiss.",
        )
    well = replace(activity, doing="", tried_at=None, attempts=0, failing_since=None, error="", given={})
    untold = replace(activity.told, refused={}, doubtful={})
    match form.action:
        case Resolution.DISMISS:
            return replace(activity, state=ActivityState.DISMISSED, due_at=None)
        case Resolution.ADOPT:
            return replace(well, state=ActivityState.OPEN, activity_id=form.activity_id, told=untold, due_at=now())
        case Resolution.AGAIN if activity.activity_id:
            return replace(well, state=ActivityState.OPEN, told=untold, due_at=now())
        case Resolution.AGAIN if activity.doing == str(LOOKED_FOR):  # the CRM had several: it is looked for once more
            tried_at = activity.tried_at
            return replace(well, state=ActivityState.CREATING, tried_at=tried_at, told=untold, due_at=now())
        case Resolution.AGAIN:
            return replace(well, state=ActivityState.PENDING, told=Told(), due_at=now())


@asynccontextmanager
async def reading_activities(settings: StorageSettings) -> AsyncIterator[ActivityDesk]:
    """The activities beside a running router, or without one: nothing of them can be changed. Raises StorageError."""
    async with reading(settings) as reader:
        yield ActivityDesk(ActivityRecords(reader, reader))


def activity_as_json(activity: Activity) -> Mapping[str, Any]:
    """As programs get it: times in ISO 8601."""
    told = activity.told
    return {
        "id": activity.id,
        "connector": activity.connector,
        "call_id": activity.call_id,
        "state": activity.state.value,
        "activity_id": activity.activity_id,
        "url": activity.url,
        "contact_id": told.contact,
        "recordings": list(told.recordings),
        "left": [*told.doubtful, *told.refused],
        "doing": activity.doing,
        "attempts": activity.attempts,
        "failing_since": None if activity.failing_since is None else activity.failing_since.isoformat(),
        "due_at": None if activity.due_at is None else activity.due_at.isoformat(),
        "error": activity.error,
        "created_at": activity.created_at.isoformat(),
    }


def notice_of(activity: Activity) -> Notice:
    """What others are told of one that needs a person."""
    return Notice(
        id=f"{activity.connector}-{activity.id}-{activity.revision}-{uuid4().hex[:12]}",
        type=NoticeType.ACTIVITY_FAILED,
        at=now(),
        subject=f"crm/{activity.connector}",
        data={"activity": activity_as_json(activity)},
        call_id=activity.call_id,
    )


def counts_as_json(counts: Mapping[str, Mapping[ActivityState, int]]) -> Mapping[str, Mapping[str, int]]:
    """The same by words."""
    return {name: {state.value: count for state, count in of_it.items()} for name, of_it in counts.items()}


def activity_commands(desk: ActivityDesk) -> Mapping[str, Command]:
    """What the control socket can be asked about activities. They raise ControlError with what is wrong."""

    async def list_(given: Mapping[str, Any]) -> Mapping[str, Any]:
        found, next_ = await desk.list(read_form(ActivitiesForm, given))
        return {"items": [activity_as_json(each) for each in found], "next": next_}

    async def resolve(given: Mapping[str, Any]) -> Mapping[str, Any]:
        form = read_form(_ResolveOne, given)
        return activity_as_json(await desk.resolve(form.connector, form.call, form))

    return {"crm_activities": telling(list_), "resolve_activity": telling(resolve)}
