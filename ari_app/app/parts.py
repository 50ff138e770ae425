"""The parts of a running router, and how they hold together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import structlog

from agi_router.decide import Router
from agi_router.lookup.upstream import Upstreams
from ari_app.access.rates import CallRates
from ari_app.agi.door import DialplanDoor
from ari_app.agi.handler import DialplanCalls
from ari_app.app.contacts import CrmsOfCalls, finding_contacts
from ari_app.app.crm import crms_of
from ari_app.app.crm_routing import CrmRouting, reading_users
from ari_app.app.lookups import look_up_devices
from ari_app.app.memory import Memory
from ari_app.app.phone_book import phone_book_of
from ari_app.app.recordings import recordings_of
from ari_app.app.watching import Watching, watching
from ari_app.asterisk.ami import AmiLink, ami_link
from ari_app.asterisk.ami_breaks import AmiBreaks
from ari_app.asterisk.connection import AriConnection
from ari_app.asterisk.device_states import DeviceStates
from ari_app.asterisk.startup import started_at
from ari_app.asterisk.telephony import AriTelephony
from ari_app.asterisk.text_messages import TextMessages
from ari_app.calls.agent_changes import AgentChanges
from ari_app.calls.presence import Presence
from ari_app.calls.recovery import Recovery
from ari_app.calls.supervisor import Supervisor
from ari_app.crm.connectors import Connectors
from ari_app.domain.link import Link
from ari_app.live.contacts import ContactDesk
from ari_app.live.crm_users import CrmUserDesk
from ari_app.live.device_lookup import some_at_a_time
from ari_app.live.erasing import Erasing
from ari_app.live.feed import Feed
from ari_app.live.messages import MessageDesk
from ari_app.live.names import names
from ari_app.live.once import Once
from ari_app.live.pbx_history import PbxHistory, pbx_history
from ari_app.live.roster import roster
from ari_app.live.routing import LiveRouting
from ari_app.live.volume import DialRules
from ari_app.live.watching.upstreams import UpstreamWatch
from ari_app.live.webhook_forms import Rules
from ari_app.logs import set_up_logs
from ari_app.recordings.voicemail import taking_voicemail
from ari_app.settings import Settings
from ari_app.storage.call_log import CallLog
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.errors import StorageError
from ari_app.storage.messages import StoredMessages
from ari_app.storage.phone_book_reader import StoredPhoneBook
from ari_app.storage.reservations import Reservations

log = structlog.get_logger(__name__)

RECALL_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What carries calls. `history` is None where nothing is told of the PBX's other calls."""

    memory: Memory
    upstreams: Upstreams
    routing: LiveRouting
    crm: Connectors
    crm_routing: CrmRouting
    crm_users: CrmUserDesk
    crms_of_calls: CrmsOfCalls
    presence: Presence
    devices: DeviceStates
    watch: Watching
    feed: Feed
    rules: DialRules
    supervisor: Supervisor
    door: DialplanDoor
    connection: AriConnection
    ami: AmiLink
    history: PbxHistory | None
    agent_changes: AgentChanges
    erasing: Erasing
    once: Once
    messages: MessageDesk
    phone_book: ContactDesk

    async def take(self, changed: Settings) -> None:
        """Put changed settings in force. Raises OSError for a file that can't be read, and has done nothing then."""
        # In a thread, for it reads certificates. It touches what it was handed only when it is entered.
        await self.routing.replace(
            await asyncio.to_thread(_router, changed, self.memory, self.upstreams, self.crm_routing)
        )
        self.crm_routing.know(changed)
        self.rules.take(changed.routing)
        self.memory.outbox.region = changed.routing.policy.region
        self.memory.webhooks.rules = Rules.of(changed)
        self.supervisor.max_in_setup = changed.calls.max_in_setup
        self.supervisor.carries_out_transfers = changed.calls.carries_out_transfers
        self.presence.know(roster(changed.routing))
        self.watch.know(changed.routing)
        self.messages.know(changed.routing.users)
        self.crms_of_calls.know(changed.routing)
        if self.history is not None:
            self.history.know(names(changed.routing))
        await self.devices.want(roster(changed.routing).watched)
        set_up_logs(changed.log)


@asynccontextmanager
async def parts_of(settings: Settings, memory: Memory) -> AsyncIterator[Parts]:
    """All of them, until the block ends. Raises DoorError where the AGI door can't listen."""
    async with AsyncExitStack() as open_ends:
        upstreams = Upstreams(changed=UpstreamWatch(memory.notices).changed)
        crm_routing = CrmRouting.of(settings)
        first = _router(settings, memory, upstreams, crm_routing)
        routing = await open_ends.enter_async_context(LiveRouting(first))
        crm = await open_ends.enter_async_context(crms_of(settings, memory, routing))
        crm_routing.connect(crm, StoredPhoneBook(memory.database.reader), memory.number_forms)
        crm_users = await open_ends.enter_async_context(reading_users(crm_routing, crm, memory))
        telephony = AriTelephony(settings.asterisk.ari.app, settings.recordings.format)
        presence = Presence(roster(settings.routing))
        await _recall(presence, settings, memory.call_log)
        link = Link()
        watch = await open_ends.enter_async_context(watching(settings.routing, memory, presence, link))
        devices = DeviceStates(telephony, watch.device_changed)
        await devices.want(roster(settings.routing).watched)
        feed = Feed(memory.call_log)
        rules = DialRules.of(settings.routing, memory.volume)
        crms_of_calls = CrmsOfCalls(crm, crm_routing.searched, settings.routing)
        contacts = await open_ends.enter_async_context(finding_contacts(crms_of_calls, memory, feed))
        supervisor = Supervisor(
            telephony,
            routing,
            feed,
            presence,
            settings.calls.max_in_setup,
            volume=memory.volume,
            key_rates=CallRates(memory.keys.keyring.limits_of),
            contacts=contacts,
        )
        supervisor.carries_out_transfers = settings.calls.carries_out_transfers
        keeping = await open_ends.enter_async_context(recordings_of(settings, memory, feed, supervisor))
        calls = DialplanCalls(routing, feed, presence, memory.call_log, memory.volume, contacts=contacts)
        door = await open_ends.enter_async_context(DialplanDoor(settings.agi, calls))
        voicemail = await open_ends.enter_async_context(
            taking_voicemail(settings.recordings.voicemail_spool, memory.recordings.store, feed)
        )
        supervisor.on_message = calls.on_message = voicemail.take
        recovery = Recovery(telephony, supervisor, memory.call_log)
        once = Once(Reservations(memory.database))
        messages = MessageDesk(
            texting=telephony,
            look_up=some_at_a_time(partial(look_up_devices, settings)),
            people=lambda: routing.in_force,
            writer=memory.messages,
            archive=StoredMessages(memory.database.reader),
            once=once,
            tell=memory.notices.tell,
            region=lambda: rules.policy.region,
        )
        messages.know(settings.routing.users)
        phone_book = await open_ends.enter_async_context(
            phone_book_of(settings.crm, crm, memory.database, once, lambda: rules.policy.region)
        )
        connection = AriConnection(
            settings.asterisk.ari,
            telephony,
            supervisor.deliver,
            partial(_reconcile, telephony, recovery, devices, calls if _is_of_one_host(settings) else None),
            recovery.release,
            device_changed=devices.change,
            link=link,
            messages=TextMessages(messages.receive if settings.asterisk.takes_messages else None),
        )
        asked = partial(started_at, settings.asterisk.ari)
        history = await open_ends.enter_async_context(
            pbx_history(
                settings.history, memory.database, memory.outbox, names(settings.routing), asked, marker=memory.marker
            )
        )
        ami = await open_ends.enter_async_context(ami_link(settings.asterisk.ami, presence.memberships, history))
        breaks = None if settings.asterisk.ami is None else AmiBreaks(settings.asterisk.ami)
        yield Parts(
            memory=memory,
            upstreams=upstreams,
            routing=routing,
            crm=crm,
            crm_routing=crm_routing,
            crm_users=crm_users,
            crms_of_calls=crms_of_calls,
            presence=presence,
            devices=devices,
            watch=watch,
            feed=feed,
            rules=rules,
            supervisor=supervisor,
            door=door,
            connection=connection,
            ami=ami,
            history=history,
            agent_changes=AgentChanges(presence, lambda: routing.in_force, breaks, telephony),
            once=once,
            messages=messages,
            phone_book=phone_book,
            erasing=Erasing(
                StoredEraser(memory.database),
                memory.settle,
                lambda: rules.policy.region,
                keeping.forget_orphans,
            ),
        )


def _router(settings: Settings, memory: Memory, upstreams: Upstreams, crm: CrmRouting) -> Router:
    """Grants, memory, log and what a breaker or a CRM has told outlive a router: they are as true for the next one."""
    return Router(
        settings.routing,
        upstreams,
        memory.grants,
        memory.last_good,
        memory.call_log,
        owners=crm.owners,
        crm_users=crm.users,
    )


async def _recall(presence: Presence, settings: Settings, call_log: CallLog) -> None:
    """Who spoke last, and when, comes from the log. Without it everybody is fresh, and calls are taken all the same."""
    try:
        async with asyncio.timeout(RECALL_S):
            users = [user.id for user in settings.routing.users]
            presence.restore(await call_log.last_talks(users), await call_log.open_calls())
    except (StorageError, TimeoutError) as error:
        log.warning("the call log can't be read; nobody is in wrap-up, and turns begin anew", error=str(error))


async def _reconcile(
    telephony: AriTelephony, recovery: Recovery, devices: DeviceStates, calls: DialplanCalls | None
) -> None:
    """With Asterisk, after each connect; with the calls that its dialplan dials, where all of them are its own."""
    await asyncio.gather(recovery.reconcile(), devices.begin())
    if calls is not None:
        await calls.lose_gone(telephony)


def _is_of_one_host(settings: Settings) -> bool:
    """Whether the Asterisk that ARI reaches has the channels of all calls that come by the AGI door."""
    host = urlsplit(settings.asterisk.ari.url).hostname or ""
    here = host == "localhost" or host.startswith("127.") or host == "::1"
    return here and settings.agi is not None and not settings.agi.allowed_networks
