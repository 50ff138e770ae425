"""Whoever tells a CRM is killed again and again, at any moment, and the CRM fails as it likes: a call is one activity.

The calls are written in the process that is killed, by the real call log.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import select

from ari_app.domain.activities import Activity, ActivityFilter, ActivityState
from ari_app.domain.crm import OnceBy
from ari_app.storage.activity_records import ActivityRecords
from ari_app.storage.database import reading_engine
from ari_app.storage.schema import calls, notices
from ari_app.storage.settings import StorageSettings
from sandbox.api import bearer
from sandbox.crm import Fault, GenericCrm, Trouble
from tests.component.activities.worker import Job
from tests.component.crm.connecting import TOKEN
from tests.component.killed import KILLS, at_work, kill_at_random
from tests.patience import PATIENCE_S

CALLS = 200
TROUBLES = (
    Fault(status=500),
    Fault(status=503, retry_after="0"),
    Fault(status=429, retry_after="0"),
    Fault(status=500, is_done=True),
    Fault(trouble=Trouble.DISCONNECT),
    Fault(trouble=Trouble.DISCONNECT, is_done=True),
    Fault(trouble=Trouble.HANG),
    Fault(trouble=Trouble.HANG, is_done=True),
    Fault(trouble=Trouble.GARBAGE, is_done=True),
)

pytestmark = pytest.mark.long


async def until_all_is_told(settings: StorageSettings) -> Sequence[Activity]:
    """However long it takes, as long as it goes on."""
    reader, stood = reading_engine(settings), (0, 0)
    try:
        async with asyncio.timeout(PATIENCE_S) as patience:
            while True:
                every = await ActivityRecords(reader, reader).page(ActivityFilter(), 10 * CALLS)
                async with reader.connect() as connection:
                    ended = (
                        await connection.execute(select(calls.c.call_id).where(calls.c.ended_at.is_not(None)))
                    ).all()
                left = sum(each.due_at is not None for each in every)
                if len(ended) == CALLS and len(every) >= CALLS and not left:
                    return every
                if stood != (stands := (len(ended), left)):
                    stood = stands
                    patience.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)
                await asyncio.sleep(0.2)
    finally:
        await reader.dispose()


async def told_to_others(settings: StorageSettings) -> Mapping[str, Mapping[str, str]]:
    """By calls how the activities that need a person were told to stand; of each the last word."""
    reader = reading_engine(settings)
    try:
        async with reader.connect() as connection:
            rows = await connection.execute(select(notices.c.call_id, notices.c.data).order_by(notices.c.position))
            return {call_id: {name: data["activity"][name] for name in ("state", "error")} for call_id, data in rows}
    finally:
        await reader.dispose()


@pytest.mark.parametrize("once_by", list(OnceBy))
async def test_a_call_is_one_activity_whoever_dies_and_whatever_fails(
    settings: StorageSettings, once_by: OnceBy
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - a failure can be looked into
    chance = random.Random(seed)
    async with GenericCrm() as crm:
        crm.accept(bearer(TOKEN))
        crm.takes_keys = once_by is OnceBy.KEY
        crm.delay_s = 0.005
        crm.faults.mishap = lambda *_: chance.choice(TROUBLES) if chance.random() < 0.15 else None
        job = Job(url=settings.url, folder=str(settings.folder), crm=crm.url, once_by=once_by, calls=CALLS)
        async with at_work(job) as [worker]:
            await kill_at_random([worker], chance)
            every = await until_all_is_told(settings)
            told = await told_to_others(settings)
    states = Counter(each.state for each in every)
    print(f"{once_by}: {dict(states)}, {len(crm.requests)} requests, {KILLS} kills")  # noqa: T201 - the figures
    assert sorted(each.call_id for each in every) == sorted(f"call-{number}" for number in range(CALLS))
    assert set(worker.whole) <= {each.call_id for each in every}
    if once_by is not OnceBy.NOTHING:
        assert states == {ActivityState.STOPPED: CALLS}
    assert states.keys() <= {ActivityState.STOPPED, ActivityState.UNKNOWN}
    for activity in every:
        rows = crm.of_call(activity.call_id)
        if activity.state is ActivityState.STOPPED:
            assert [(row["id"], row["state"], row["duration_s"]) for row in rows] == [
                (activity.activity_id, "ended", 10)
            ]
            assert rows[0]["contact_id"] == "c" + activity.call_id.removeprefix("call-")
        else:
            assert len(rows) <= 1
            assert activity.error
            assert told[activity.call_id] == {"state": activity.state, "error": activity.error}
