"""How an activity stands after a hook was run: done, to be tried again, refused, or in doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ari_app.crm.next_step import state_when_told
from ari_app.domain.activities import LOOKED_FOR, Activity, ActivityState, Step
from ari_app.domain.crm import HookError, Record
from ari_app.domain.record import CallRecord
from ari_app.lanes.schedule import Schedule

LOGIN_WAIT: Final = timedelta(minutes=5)
"""So long nothing is tried of what a CRM refuses because we are not logged in; a login ends it."""
FINAL_ATTEMPTS: Final = 3
"""Also who says that he will never take something may be mended meanwhile."""
NOT_LOGGED_IN: Final = frozenset({401, 403})
NO_LOGIN: Final = "crm_login_needed"
MOST_NAMED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a step came to nothing. `asked_for` is how long the CRM wants to be left alone."""

    reason: str
    is_final: bool = False
    needs_login: bool = False
    asked_for: timedelta | None = None

    @classmethod
    def of(cls, error: HookError) -> "Failure":
        """As the CRM, or the way to it, has failed."""
        told = error.failure
        return cls(
            reason=f"{told.message}; {told.remedy}" if told.remedy else told.message,
            is_final=error.is_final,
            needs_login=error.status in NOT_LOGGED_IN or told.code == NO_LOGIN,
            asked_for=None if error.again_in_s is None else timedelta(seconds=error.again_in_s),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When to try again: `chance` is from 0 to 1. A step that is not to be seen at once waits for `at_least`."""

    schedule: Schedule
    now: datetime
    chance: float
    at_least: timedelta = timedelta()


def well(activity: Activity, now: datetime) -> Activity:
    """After a step that is done with, in whatever way: the next one is due."""
    return replace(activity, doing="", tried_at=None, due_at=now, attempts=0, failing_since=None, error="")


def created(activity: Activity, record: Record, now: datetime) -> Activity:
    """The CRM has it, as this record of its answer says."""
    has = replace(well(activity, now), state=ActivityState.OPEN, given={})
    return replace(has, activity_id=record["activity_id"], url=record.get("url", ""))


def told_all(activity: Activity, record: CallRecord) -> Activity:
    """There is nothing more to tell for now; a person may have to look at what was refused or is in doubt."""
    told = activity.told
    reasons = [f"{step}: {reason}" for left in (told.doubtful, told.refused) for step, reason in left.items()]
    state = state_when_told(told, record)
    return replace(activity, state=state, doing="", due_at=None, error="; ".join(reasons))


def unknown(activity: Activity, reason: str) -> Activity:
    """Nobody knows whether the CRM has it: a person has to look."""
    return replace(activity, state=ActivityState.UNKNOWN, due_at=None, error=reason)


def found_several(activity: Activity, ids: Sequence[str]) -> Activity:
    """The CRM has several of one call, and none of them is told anything: whose they are a person has to say."""
    named = ", ".join(ids[:MOST_NAMED]) + (f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else "")
    reason = (
        f"the CRM has {len(ids)} activities of this call: {named}; look which one is to stay, then "
        f"agi-router crm resolve {activity.call_id} {activity.connector} --activity ID"
    )
    return unknown(replace(activity, doing=str(LOOKED_FOR)), reason)


def in_doubt(activity: Activity, step: Step, reason: str, now: datetime) -> Activity:
    """Nobody knows whether the CRM has taken this step; it is not repeated, and what is left goes on."""
    told = replace(activity.told, doubtful={**activity.told.doubtful, str(step): reason})
    return well(replace(activity, told=told), now)


def failed(activity: Activity, step: Step, why: Failure, retry: Retry) -> Activity:
    """The step is tried again, or given up for good.

    Who is not logged in uses up no attempt. News of a call that goes on is not kept back by what is refused before it.
    """
    since = activity.failing_since or retry.now
    if why.needs_login:
        due_at = retry.now + max(LOGIN_WAIT, retry.at_least)
        return replace(activity, due_at=due_at, failing_since=since, error=why.reason)
    attempts = activity.attempts + 1
    wait = retry.schedule.wait_after(attempts, retry.chance, why.asked_for)
    if wait is not None and not (why.is_final and attempts >= FINAL_ATTEMPTS):
        due_at = retry.now + max(wait, retry.at_least)
        return replace(activity, due_at=due_at, attempts=attempts, failing_since=since, error=why.reason)
    match activity.state:
        case ActivityState.CREATING:
            return unknown(replace(activity, attempts=attempts), why.reason)
        case ActivityState.PENDING:
            ended = replace(activity, attempts=attempts, failing_since=since, error=why.reason)
            return replace(ended, state=ActivityState.FAILED, due_at=None)
        case _:
            refused: Mapping[str, str] = {**activity.told.refused, str(step): why.reason}
            return well(replace(activity, told=replace(activity.told, refused=refused)), retry.now)
