"""The REST API over real HTTP, on a real call log, with the fake switch behind it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from agi_router.decide import Router
from agi_router.lookup.grants import ShortMemory
from agi_router.lookup.upstream import Upstreams
from agi_router.routing.volume import Volume
from ari_app.access.doorkeeper import Doorkeeper
from ari_app.access.key import ApiKey, Token
from ari_app.access.keyring import Denied, Keyring
from ari_app.access.networks import Address
from ari_app.access.rates import CallRates
from ari_app.access.scopes import Access, Scope
from ari_app.app.lookups import look_up_devices
from ari_app.calls.agent_changes import AgentChanges
from ari_app.calls.memberships import Membership
from ari_app.calls.presence import Presence
from ari_app.calls.supervisor import Supervisor
from ari_app.crm.connectors import open_connectors
from ari_app.crm.phone_books import keeping_phone_books
from ari_app.crm.user_map import CrmUserMap
from ari_app.crm.users import UserReading
from ari_app.domain.crm import Crm
from ari_app.domain.link import Link
from ari_app.domain.notices import Notice
from ari_app.live.activities import ActivityDesk
from ari_app.live.contact_choice import ContactChoice
from ari_app.live.contacts import ContactDesk
from ari_app.live.crm_users import CrmUserDesk
from ari_app.live.erasing import Erasing
from ari_app.live.event_feed import EventFeed
from ari_app.live.feed import Feed
from ari_app.live.health import health
from ari_app.live.messages import MessageDesk
from ari_app.live.once import Once, PlacingOnce
from ari_app.live.recordings import open_recordings
from ari_app.live.roster import roster
from ari_app.live.route_trials import RouteTrials
from ari_app.live.routing import LiveRouting
from ari_app.live.volume import DialRules
from ari_app.live.webhook_forms import Rules
from ari_app.live.webhooks import open_webhooks
from ari_app.settings import Settings, load_settings
from ari_app.storage.activity_records import ActivityRecords
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.crm_logins import stored_logins
from ari_app.storage.crm_users import StoredCrmUsers
from ari_app.storage.deliveries import backlog
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.event_reader import StoredEvents
from ari_app.storage.gaps import StoredGaps
from ari_app.storage.history import StoredHistory
from ari_app.storage.last_good import LastGoodAnswers, open_last_good
from ari_app.storage.messages import StoredMessages, writing_messages
from ari_app.storage.phone_book import WrittenPhoneBook
from ari_app.storage.phone_book_reader import StoredPhoneBook
from ari_app.storage.reservations import Reservations
from ari_app.storage.serving import Database, open_database
from ari_app.web.services import Services
from ari_app.web.serving import serving_web
from sandbox.layout import free_port
from tests.fakes.agents import FakeBreaks, FakeDevices
from tests.fakes.crms import Crms
from tests.fakes.listed_crm import ListedCrm
from tests.fakes.switch import Switch
from tests.fakes.texting import FakeTexting
from tests.sqlite import make_database

CONFIG = """\
asterisk: {ari: {url: "http://127.0.0.1:1", username: router, password: 8f14e45f}}
storage: {url: calls.db}
network: {allowed_networks: [127.0.0.0/8]}
defaults: {region: US, recording: on_demand}
policy: {regions: [US]}
directory:
  users:
    - {id: "456", name: Ada, email: ada@example.com, extension: "101", devices: [PJSIP/ada, PJSIP/ada-desk]}
    - {id: "77", name: Bob, extension: "102", devices: [PJSIP/bob]}
  teams: [{id: "7", name: Sales, members: ["456", "77"], wrap_up_s: 30}]
trunks: [{name: main, endpoint: trunk, caller_id: "+14155550100"}]
routes:
  sales:
    request: {url: "http://127.0.0.1:9/who?n={{callerNumber}}"}
    response: {format: text, type: user}
    fallback: [{team: "7", timeout_s: 20}]
web: {listen: ["127.0.0.1:PORT"], requests_per_minute: off, wrong_keys_per_minute: 1000}
"""

_TOKEN = Token("0a1b2c3d4e5f", "9f" * 32)
TOKEN = _TOKEN.text
KEY = ApiKey(
    id=_TOKEN.key_id,
    name="a test",
    digest=_TOKEN.digest,
    scopes=frozenset(Scope),
    created_at=datetime(2026, 11, 21, tzinfo=UTC),
)


MEMBERS = (
    Membership(queue="support-queue", interface="Local/ada@agi-router-member/n", state_interface="PJSIP/ada"),
    Membership(queue="sales-queue", interface="PJSIP/ada"),
)
"""What Asterisk has told of its queues: Ada is in both."""


@dataclass(slots=True)
class WebRig:
    """A running API. `scopes` are those of the key that TOKEN is of; change them as a test needs it."""

    url: str
    settings: Settings
    http: aiohttp.ClientSession
    switch: Switch
    supervisor: Supervisor
    call_log: CallLog
    database: Database
    volume: Volume
    presence: Presence
    rules: DialRules
    keys: Keyring
    events: EventFeed
    last_good: LastGoodAnswers
    feed: Feed
    ari: Link
    upstreams: Upstreams = field(default_factory=Upstreams)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    breaks: FakeBreaks = field(init=False)
    device_switch: FakeDevices = field(init=False)
    services: Services = field(init=False)
    scopes: set[Scope] = field(default_factory=lambda: set(Scope))
    crm: ListedCrm = field(default_factory=ListedCrm)
    texting: FakeTexting = field(default_factory=FakeTexting)
    notices: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaks, self.device_switch = FakeBreaks(self.presence), FakeDevices(self.presence)
        self.presence.memberships.replace([member.queue for member in MEMBERS], MEMBERS)

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """The status and the JSON of an answer; `path` comes after /api/v1."""
        options.setdefault("headers", {"authorization": f"Bearer {TOKEN}"})
        async with self.http.request(method, f"{self.url}/api/v1{path}", **options) as answer:
            return answer.status, await answer.json(content_type=None)


class _Keys(Keyring):
    """KEY has the scopes that a test gives to the rig."""

    rig: WebRig

    def check(self, given: str, address: Address, at: datetime) -> Access | Denied:
        access = super().check(given, address, at)
        if isinstance(access, Access) and access.key_id == KEY.id:
            return replace(access, scopes=frozenset(self.rig.scopes))
        return access


async def _no_recordings() -> int:
    return 0


@asynccontextmanager
async def web_rig(folder: Path, config: str = CONFIG, crms: Sequence[Crm] = ()) -> AsyncIterator[WebRig]:
    """All of it, until the block ends; with these CRMs beside that of the rig."""
    port = free_port("127.0.0.1", socket.SOCK_STREAM)
    path = folder / "router.yaml"
    path.write_text(config.replace("PORT", str(port)))
    settings = load_settings(path)
    assert settings.web is not None
    if not settings.storage.path.exists():
        make_database(settings.storage.path)
    async with AsyncExitStack() as parts:
        database = await parts.enter_async_context(open_database(settings.storage))
        webhooks = await parts.enter_async_context(open_webhooks(database, Rules.of(settings)))
        call_log = await parts.enter_async_context(writing_call_log(database))
        recordings = await parts.enter_async_context(open_recordings(database, settings.recordings.folder))
        last_good = await parts.enter_async_context(open_last_good(database))
        upstreams = Upstreams()
        router = Router(settings.routing, upstreams, memory=last_good, talks=call_log)
        routing = await parts.enter_async_context(LiveRouting(router))
        presence = Presence(roster(settings.routing))
        events = EventFeed(call_log, StoredEvents(database.reader))
        feed, volume, switch = Feed(call_log), Volume(settings.routing.volume), Switch()
        rules, keys = DialRules.of(settings.routing, volume), _Keys([KEY])
        supervisor = Supervisor(
            switch,
            routing,
            feed,
            presence,
            settings.calls.max_in_setup,
            volume=volume,
            key_rates=CallRates(keys.limits_of),
        )
        switch.deliver = supervisor.deliver
        http = await parts.enter_async_context(aiohttp.ClientSession())
        rig = WebRig(
            url=f"http://127.0.0.1:{port}",
            settings=settings,
            http=http,
            switch=switch,
            supervisor=supervisor,
            call_log=call_log,
            database=database,
            volume=volume,
            presence=presence,
            rules=rules,
            keys=keys,
            events=events,
            feed=feed,
            ari=Link(),
            last_good=last_good,
            upstreams=upstreams,
        )
        rig.ari.came_up()
        rig.ari.settle()
        keys.rig = rig
        once = Once(Reservations(database))
        message_log = await parts.enter_async_context(writing_messages(database))
        messages = MessageDesk(
            texting=rig.texting,
            look_up=rig.texting.look_up,
            people=lambda: routing.in_force,
            writer=message_log,
            archive=StoredMessages(database.reader),
            once=once,
            tell=rig.notices.append,
            region=lambda: "US",
        )
        messages.know(settings.routing.users)
        book, archive = WrittenPhoneBook(database, lambda: "US"), StoredPhoneBook(database.reader)
        names = [connector.name for connector in settings.crm.connectors]
        users = CrmUserMap()
        users.know(settings.routing.users, settings.routing.policy.region, names)
        reading = await parts.enter_async_context(UserReading(StoredCrmUsers(database), users))
        crm_users = CrmUserDesk(reading, names)
        connectors = await parts.enter_async_context(
            open_connectors(settings.crm, settings.routing.guard, ShortMemory(), stored_logins(database))
        )
        known = {crm.name: crm for crm in (rig.crm, *crms)}
        books = await parts.enter_async_context(keeping_phone_books(known.values(), {}, book, archive))
        services = rig.services = Services(
            settings=lambda: rig.settings,
            agents=AgentChanges(presence, lambda: routing.in_force, rig.breaks, rig.device_switch),
            devices=lambda names: look_up_devices(rig.settings, names),
            trials=RouteTrials(
                settings=lambda: rig.settings.routing,
                live=routing,
                memory=rig.last_good,
                presence=presence,
                rules=rules,
                look_up=lambda names: look_up_devices(rig.settings, names),
                is_linked=lambda: False,
            ),
            supervisor=supervisor,
            once=PlacingOnce(supervisor, once, feed),
            presence=presence,
            routing=routing,
            rules=rules,
            feed=feed,
            events=events,
            calls=call_log,
            history=StoredHistory(database.reader),
            gaps=StoredGaps(database.reader),
            contact_choice=ContactChoice(Crms([]), {"hubspot": None}, call_log, feed, StoredPhoneBook(database.reader)),
            messages=messages,
            contacts=ContactDesk(
                crms={crm.name: crm for crm in (rig.crm, *crms)}, archive=archive, book=book, books=books, once=once
            ),
            activities=ActivityDesk(ActivityRecords(database.writer, database.reader)),
            crm=connectors,
            crm_users=crm_users,
            recordings=recordings,
            webhooks=webhooks,
            backlog=partial(backlog, database.reader),
            erasing=Erasing(StoredEraser(database), call_log.flush, lambda: "US", _no_recordings),
            doorkeeper=Doorkeeper(keys, settings.web.door),
            health=partial(health, rig.ari, None, rig.stop, call_log, rig.upstreams),
        )
        carrying = asyncio.create_task(supervisor.run())
        await parts.enter_async_context(serving_web(settings.web, services))
        try:
            yield rig
        finally:
            await supervisor.stop(0)
            await carrying
