"""What a CRM is to be told next of a call: the difference between the call's record and what the CRM was told last."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ari_app.domain.activities import Activity, ActivityState, StandingCall, Step, Told
from ari_app.domain.crm import Abilities, HookName, OnceBy
from ari_app.domain.record import CallRecord
from ari_app.domain.recordings import RecordingState

TALKING: Final = "talking"
TRANSFERRED: Final = "transferred"
ENDED: Final = "ended"


def next_step(activity: Activity, call: StandingCall, can: Abilities) -> Step | None:
    """The hook to run now; None when there is nothing that can be told.

    An activity of which nobody knows whether the CRM has it is looked for first; where the document has no way to, it
    is created by the same key once more, if it was created by one; else nothing is done.
    """
    match activity.state:
        case ActivityState.PENDING:
            return Step(HookName.CREATE_ACTIVITY)
        case ActivityState.CREATING:
            return _sure_of_creation(can.once_by, has_key=bool(activity.given))
        case ActivityState.DISMISSED:
            return None
        case _ if not activity.activity_id:
            return None
        case _:  # what was refused or is in doubt does not keep back what comes later
            told = activity.told
            wanted = (_doable(step, can.hooks) for step in _steps(told, call, activity.connector))
            left = told.refused.keys() | told.doubtful.keys()
            return next((step for step in wanted if step is not None and str(step) not in left), None)


def told_after(told: Told, step: Step, record: CallRecord, connector: str) -> Told:
    """What the CRM knows once it has taken this step, which was made of this record."""
    match step.hook:
        case HookName.CREATE_ACTIVITY:
            return replace(told, who=who(record), contact=contact_id(record, connector))
        case HookName.UPDATE_ACTIVITY if step.about != ENDED:
            return replace(told, talk=step.about, who=who(record))
        case HookName.STOP_CALL_ACTIVITY | HookName.UPDATE_ACTIVITY:
            talk = (told.talk or TALKING) if record.answered_at else told.talk
            return replace(told, talk=talk, who=who(record), ended_at=_ended_at(record))
        case HookName.ASSIGN_ACTIVITY:
            return replace(told, contact=step.about)
        case HookName.UPDATE_CALL_RECORDING:
            return replace(told, recordings=(*told.recordings, step.about))
        case _:
            return told


def state_when_told(told: Told, record: CallRecord) -> ActivityState:
    """How an activity stands of which there is nothing more to tell; a call that goes on needs nobody yet."""
    if record.ended_at is None:
        return ActivityState.OPEN
    if told.doubtful:
        return ActivityState.UNKNOWN
    return ActivityState.FAILED if told.refused else ActivityState.STOPPED


def who(record: CallRecord) -> str:
    """The user who speaks, or is to; an endpoint of nobody."""
    return record.agent or record.answered_by


def contact_id(record: CallRecord, connector: str) -> str:
    """The CRM's id of the other side, "" while it is not known."""
    contact = record.contact(connector)
    return contact.contact_id if contact is not None else ""


def _sure_of_creation(once_by: OnceBy, *, has_key: bool) -> Step | None:
    match once_by:
        case OnceBy.FINDING:
            return Step(HookName.FIND_ACTIVITY)
        case OnceBy.KEY:
            return Step(HookName.CREATE_ACTIVITY) if has_key else None
        case OnceBy.NOTHING:
            return None


def _steps(told: Told, call: StandingCall, connector: str) -> Iterator[Step]:
    """All that the CRM does not know, in the order in which it is told; an end makes what was before it old news."""
    record = call.record
    if record.ended_at is not None:
        if told.ended_at != _ended_at(record):
            yield Step(HookName.STOP_CALL_ACTIVITY)
    elif record.answered_at is not None:
        if not told.talk:
            yield Step(HookName.UPDATE_ACTIVITY, TALKING)
        elif told.who != who(record):
            yield Step(HookName.UPDATE_ACTIVITY, TRANSFERRED)
    contact = contact_id(record, connector)
    if contact and contact != told.contact:
        yield Step(HookName.ASSIGN_ACTIVITY, contact)
    for recording in call.recordings:
        if recording.state is RecordingState.STORED and recording.id not in told.recordings:
            yield Step(HookName.UPDATE_CALL_RECORDING, recording.id)


def _doable(step: Step, hooks: frozenset[HookName]) -> Step | None:
    """The same by a hook that the document has: without one for the end, the end is news like others."""
    if step.hook in hooks:
        return step
    if step.hook is HookName.STOP_CALL_ACTIVITY and HookName.UPDATE_ACTIVITY in hooks:
        return Step(HookName.UPDATE_ACTIVITY, ENDED)
    return None


def _ended_at(record: CallRecord) -> str:
    return "" if record.ended_at is None else record.ended_at.isoformat()
