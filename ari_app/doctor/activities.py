"""What CRMs were told of calls: nothing is in doubt, and nothing was refused."""

from collections.abc import Sequence
from typing import Final

from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.domain.activities import NEEDS_A_PERSON, Activity, ActivityState
from ari_app.live.activities import MOST, ActivitiesForm, reading_activities
from ari_app.settings import Settings
from ari_app.storage.errors import StorageError

ACTIVITIES: Final = Topic("activities", Group.ROUTER)
NAMED: Final = 3
"""So many calls fit into a sentence."""

_WHAT: Final = {
    ActivityState.UNKNOWN: "nobody can tell whether the CRM has taken all that it was told",
    ActivityState.FAILED: "the CRM does not take all that it was told",
}


def activity_check(settings: Settings) -> Check:
    """No finding where no CRM is connected."""

    async def activities() -> Sequence[Finding]:
        if not settings.crm.connectors:
            return []
        try:
            async with reading_activities(settings.storage) as desk:
                found, _ = await desk.list(ActivitiesForm(state=sorted(NEEDS_A_PERSON), limit=MOST))
        except StorageError:
            return []  # the finding `database` tells it
        return judge_activities(found)

    return Check(ACTIVITIES, activities)


def judge_activities(found: Sequence[Activity]) -> list[Finding]:
    """One finding for each CRM and state that needs somebody, or one for all. `found` are those that need somebody."""
    if not found:
        return [ACTIVITIES.ok("CRMs have taken what they were told of calls, or are about to")]
    names = sorted({(each.connector, each.state) for each in found})
    return [
        _judge(name, state, [each for each in found if (each.connector, each.state) == (name, state)])
        for name, state in names
    ]


def _judge(name: str, state: ActivityState, found: Sequence[Activity]) -> Finding:
    calls = ", ".join(each.call_id for each in found[:NAMED]) + (" and others" if len(found) > NAMED else "")
    many = "1 call" if len(found) == 1 else f"{len(found)} calls"
    return ACTIVITIES.of(name).warning(
        f"of {many} {_WHAT[state]} (state {state.value}): {calls}",
        f"agi-router crm activities --crm {name} --state {state.value} tells why; look into the CRM, then "
        "agi-router crm resolve",
    )
