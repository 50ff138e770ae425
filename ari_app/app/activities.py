"""Calls on their way to CRMs: what the engine of a running router is made of."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from agi_router.decide import RoutingSettings
from ari_app.app.recording_links import linking
from ari_app.crm.activity_engine import ActivityEngine, telling_crms
from ari_app.crm.activity_lane import FileOf, Receiver, Sources
from ari_app.crm.call_values import People, Person
from ari_app.crm.connectors import Connectors
from ari_app.crm.settings import ConnectorSettings, CrmSettings
from ari_app.domain.crm import HookName
from ari_app.domain.recordings import RecordingStore, StoredRecording, StoreError
from ari_app.lanes.lane import Pace
from ari_app.live.activities import ActivityDesk, notice_of
from ari_app.recordings.links import Links
from ari_app.settings import Settings
from ari_app.storage.activity_marks import ActivityMarker, Wish
from ari_app.storage.activity_records import StandingCalls
from ari_app.storage.activity_store import open_activities
from ari_app.storage.database import sharing_engine
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.serving import Database

REQUESTS: Final = 4
"""Under way to one CRM at a time: they count against what it allows its customer."""

CrmUserId = Callable[[str, str], str]
"""By which id a connector's CRM knows a user of ours; "" when it does not."""


def wishes(settings: CrmSettings) -> Mapping[str, Wish]:
    """Of which calls each CRM wants to be told, by the names of connectors.

    Where the contact is asked for, a creation waits for him as long as he may take: it needs no AssignActivity then.
    """
    return {each.name: _wish(each) for each in settings.connectors if _wants_calls(each)}


def _wish(connector: ConnectorSettings) -> Wish:
    is_asked = connector.find.is_on and HookName.FIND_CONTACT in connector.document.hooks
    waits = timedelta(seconds=connector.find.deadline_s if is_asked else 0)
    return Wish(directions=connector.activities.directions, waits=waits)


def _wants_calls(connector: ConnectorSettings) -> bool:
    return connector.activities.is_on and HookName.CREATE_ACTIVITY in connector.document.hooks


@asynccontextmanager
async def telling_calls(
    settings: Callable[[], Settings],
    database: Database,
    *,
    crm: Connectors,
    marker: ActivityMarker,
    desk: ActivityDesk,
    store: RecordingStore,
    links: Links,
    crm_user_id: CrmUserId,
    outbox: OutboxWriter,
) -> AsyncIterator[None]:
    """Tell CRMs of calls in the background until the block ends. `settings` gives those in force. Raises StorageError.

    Nothing is opened where no CRM wants to be told.
    """
    receivers = {
        name: Receiver(
            crm=connector,
            deadline_s=connector.settings.activities.deadline_s,
            recordings=connector.settings.activities.recordings,
        )
        for name, connector in crm.items()
        if _wants_calls(connector.settings)
    }
    if not receivers:
        yield
        return
    async with AsyncExitStack() as open_ends:
        writer = database.writer
        if database.settings.is_postgresql:  # its own connection: neither waits for the other
            writer = sharing_engine(database.settings)
            open_ends.push_async_callback(writer.dispose)
        # The lock of who serves is held: what was claimed is by a router that has ended.
        activities = await open_ends.enter_async_context(open_activities(writer, outbox, is_alone=True))
        sources = Sources(
            calls=StandingCalls(database.reader),
            file_of=files_of(store),
            people=people(lambda: settings().routing, crm_user_id),
            link_to=linking(settings, links),
            region=lambda: settings().routing.policy.region,
            notice_of=notice_of,
        )
        engine = ActivityEngine(store=activities, sources=sources, pace=Pace(requests=REQUESTS))
        await open_ends.enter_async_context(telling_crms(engine, marker))
        engine.know(receivers)
        desk.wake = engine.hasten
        crm.followers.append(engine.hasten)
        yield


def people(in_force: Callable[[], RoutingSettings], crm_user_id: CrmUserId) -> People:
    """Who the users of the directory are, for CRMs; by the configuration in force."""
    routing = in_force()
    users = {user.id: user for user in routing.users}

    def person(connector: str, user_id: str) -> Person:
        nonlocal routing, users
        if routing is not in_force():
            routing = in_force()
            users = {user.id: user for user in routing.users}
        user = users.get(user_id)
        if user is None:
            return Person()
        return Person(
            crm_id=crm_user_id(connector, user.id),
            name=user.name,
            email=user.email or "",
            extension=user.extension or "",
        )

    return person


def files_of(store: RecordingStore) -> FileOf:
    """Recordings as files of this host, wherever the store keeps them: a copy of each, for as long as it is needed."""

    @asynccontextmanager
    async def file_of(recording: StoredRecording) -> AsyncIterator[Path]:
        with TemporaryDirectory(prefix="agi-router-upload-") as folder:
            path = Path(folder, "recording")
            try:
                with await asyncio.to_thread(path.open, "wb") as file:
                    async for piece in store.read(recording.place):
                        await asyncio.to_thread(file.write, piece)
            except OSError as error:
                raise StoreError(
                    f"a recording cannot be copied to {folder}: {error.strerror or error}",
                    "make room there; it is tried again by itself",
                ) from error
            yield path

    return file_of
