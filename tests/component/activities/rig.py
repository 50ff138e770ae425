"""The engine between a real database and the stand-in CRM, at a pace at which tests have no time to wait."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from ari_app.app.activities import files_of
from ari_app.crm.activity_engine import ActivityEngine, telling_crms
from ari_app.crm.activity_lane import Receiver, Sources
from ari_app.crm.call_values import Person
from ari_app.crm.document.model import Document
from ari_app.crm.document.reading import shipped
from ari_app.domain import events as e
from ari_app.domain.activities import Activity, ActivityFilter, ActivityState
from ari_app.domain.crm import Crm, HookName, OnceBy
from ari_app.domain.notices import NoticeType
from ari_app.domain.webhooks import NoticeFilter, Receivers
from ari_app.lanes.health import Pauses
from ari_app.lanes.lane import Pace
from ari_app.lanes.schedule import Schedule
from ari_app.live.activities import ActivityDesk, notice_of
from ari_app.recordings.folder import FolderStore
from ari_app.storage.activity_marks import ActivityMarker, Wish
from ari_app.storage.activity_records import ActivityRecords, StandingCalls
from ari_app.storage.activity_store import StoredActivities, open_activities
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.schema import notices
from ari_app.storage.serving import Database

SOON: Final = timedelta(milliseconds=20)
BRISK: Final = Pace(
    schedule=Schedule(waits=(*(SOON,) * 500, timedelta(hours=1))),
    pauses=Pauses(first=SOON, longest=SOON),
    claim=timedelta(seconds=2),
    look=timedelta(milliseconds=20),
    retry=timedelta(seconds=0.05),
)
BOTH: Final = frozenset({"inbound", "outbound"})
ADA: Final = Person(crm_id="u7", name="Ada Byron", email="ada@example.com", extension="101")


def document(once_by: OnceBy) -> Document:
    """The generic document, as one that has only this way to have one activity of one call."""
    whole = shipped("generic")
    hooks = dict(whole.hooks)
    if once_by is not OnceBy.FINDING:
        del hooks[HookName.FIND_ACTIVITY]
    is_idempotent = once_by is OnceBy.KEY
    hooks[HookName.CREATE_ACTIVITY] = replace(hooks[HookName.CREATE_ACTIVITY], is_idempotent=is_idempotent)
    made = replace(whole, hooks=hooks)
    assert made.abilities.once_by is once_by
    return made


@dataclass
class Telling:
    """What a test needs of it."""

    database: Database
    call_log: CallLog
    desk: ActivityDesk
    engine: ActivityEngine
    activities: StoredActivities
    store: FolderStore

    async def tell(self, call_id: str, *happened: e.CallEvent) -> None:
        """This has happened."""
        for event in happened:
            self.call_log.write(call_id, event)
        await self.call_log.flush()

    async def of(self, call_id: str, connector: str = "crm") -> Activity:
        """The activity of a call."""
        found = await ActivityRecords(self.database.writer, self.database.reader).get(connector, call_id)
        assert found is not None
        return found

    async def every(self, *states: ActivityState) -> list[Activity]:
        """All of these states, of all calls."""
        records = ActivityRecords(self.database.writer, self.database.reader)
        return list(await records.page(ActivityFilter(states=states), 10_000))

    async def stuck(self) -> list[Mapping[str, Any]]:
        """The activities of which others are told that they need a person, as they are told."""
        async with self.database.reader.connect() as connection:
            rows = await connection.execute(select(notices.c.data).order_by(notices.c.position))
            return [data["activity"] for (data,) in rows]


@asynccontextmanager
async def telling(
    database: Database,
    folder: Path,
    *crms: Crm,
    deadline_s: float = 5.0,
    pace: Pace = BRISK,
    recordings: bool = True,
    link_to: Callable[[str], str | None] = lambda _: None,
) -> AsyncIterator[Telling]:
    """Tell these CRMs until the block ends."""
    outbox = OutboxWriter(Receivers({"whoever": NoticeFilter(types=frozenset({NoticeType.ACTIVITY_FAILED}))}))
    marker, store = ActivityMarker(), FolderStore(folder)
    marker.wishes = {crm.name: Wish(directions=BOTH) for crm in crms}
    async with AsyncExitStack() as open_ends:
        call_log = await open_ends.enter_async_context(writing_call_log(database, marker=marker))
        activities = await open_ends.enter_async_context(open_activities(database.writer, outbox, is_alone=True))
        sources = Sources(
            calls=StandingCalls(database.reader),
            file_of=files_of(store),
            people=lambda connector, user: ADA if (connector, user) == ("crm", "456") else Person(),
            link_to=link_to,
            region=lambda: "US",
            notice_of=notice_of,
        )
        engine = ActivityEngine(store=activities, sources=sources, pace=pace)
        await open_ends.enter_async_context(telling_crms(engine, marker))
        engine.know({crm.name: Receiver(crm=crm, deadline_s=deadline_s, recordings=recordings) for crm in crms})
        desk = ActivityDesk(ActivityRecords(database.writer, database.reader), engine.hasten)
        yield Telling(database, call_log, desk, engine, activities, store)
