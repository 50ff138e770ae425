"""The REST API of a running router. Imported only where it is wanted: a router without it is spared some 12 MB."""

import asyncio
from functools import partial

from ari_app.access.doorkeeper import Doorkeeper
from ari_app.app.contacts import contact_choice
from ari_app.app.lookups import look_up_devices
from ari_app.app.parts import Parts
from ari_app.live.device_lookup import some_at_a_time
from ari_app.live.event_feed import EventFeed
from ari_app.live.health import health
from ari_app.live.once import PlacingOnce
from ari_app.live.reload import Reloading
from ari_app.live.route_trials import RouteTrials
from ari_app.settings.web_section import WebSettings
from ari_app.storage.deliveries import backlog
from ari_app.storage.event_reader import StoredEvents
from ari_app.storage.gaps import StoredGaps
from ari_app.storage.history import StoredHistory
from ari_app.web.services import Services
from ari_app.webhooks.tally import Tally


def services(parts: Parts, reloading: Reloading, web: WebSettings, stop: asyncio.Event, tally: Tally) -> Services:
    """What its resources are handed; `stop` is set when the router ends."""
    memory = parts.memory
    database, call_log = memory.database, memory.call_log
    devices = some_at_a_time(lambda names: look_up_devices(reloading.in_force, names))
    has_ami = reloading.in_force.asterisk.ami is not None
    return Services(
        settings=lambda: reloading.in_force,
        agents=parts.agent_changes,
        devices=devices,
        trials=RouteTrials(
            settings=lambda: reloading.in_force.routing,
            live=parts.routing,
            memory=memory.last_good,
            presence=parts.presence,
            rules=parts.rules,
            look_up=devices,
            is_linked=parts.connection.connected.is_set,
        ),
        supervisor=parts.supervisor,
        once=PlacingOnce(parts.supervisor, parts.once, parts.feed),
        presence=parts.presence,
        routing=parts.routing,
        rules=parts.rules,
        feed=parts.feed,
        events=EventFeed(call_log, StoredEvents(database.reader)),
        calls=call_log,
        history=StoredHistory(database.reader),
        gaps=StoredGaps(database.reader),
        contact_choice=contact_choice(parts.crms_of_calls, parts.crm, memory, parts.feed),
        messages=parts.messages,
        contacts=parts.phone_book,
        crm=parts.crm,
        crm_users=parts.crm_users,
        erasing=parts.erasing,
        recordings=memory.recordings,
        webhooks=memory.webhooks,
        activities=memory.activities,
        deliveries=tally,
        backlog=partial(backlog, database.reader),
        doorkeeper=Doorkeeper(memory.keys.keyring, web.door),
        health=partial(
            health, parts.connection.link, parts.ami.link if has_ami else None, stop, call_log, parts.upstreams
        ),
    )
