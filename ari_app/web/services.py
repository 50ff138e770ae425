"""What the resources of the API need of the router, handed in by the composition root."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from ari_app.access.doorkeeper import Doorkeeper
from ari_app.calls.agent_changes import AgentChanges
from ari_app.calls.presence import Presence
from ari_app.calls.supervisor import Supervisor
from ari_app.crm.connectors import Connectors
from ari_app.domain.call_log import CallArchive
from ari_app.domain.deliveries import Backlog
from ari_app.domain.gaps import Gaps
from ari_app.domain.history import History
from ari_app.live.activities import ActivityDesk
from ari_app.live.contact_choice import ContactChoice
from ari_app.live.contacts import ContactDesk
from ari_app.live.crm_users import CrmUserDesk
from ari_app.live.device_lookup import DeviceLookup
from ari_app.live.erasing import Erasing
from ari_app.live.event_feed import EventFeed
from ari_app.live.feed import Feed
from ari_app.live.health import Health
from ari_app.live.messages import MessageDesk
from ari_app.live.once import PlacingOnce
from ari_app.live.recordings import RecordingDesk
from ari_app.live.route_trials import RouteTrials
from ari_app.live.routing import LiveRouting
from ari_app.live.volume import DialRules
from ari_app.live.webhooks import WebhookDesk
from ari_app.settings import Settings
from ari_app.web.measures import Measures
from ari_app.webhooks.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of a running router. `settings` gives those in force now."""

    settings: Callable[[], Settings]
    devices: DeviceLookup
    trials: RouteTrials
    agents: AgentChanges
    supervisor: Supervisor
    once: PlacingOnce
    presence: Presence
    routing: LiveRouting
    rules: DialRules
    feed: Feed
    events: EventFeed
    calls: CallArchive
    history: History
    gaps: Gaps
    contact_choice: ContactChoice
    messages: MessageDesk
    contacts: ContactDesk
    crm: Connectors
    crm_users: CrmUserDesk
    erasing: Erasing
    recordings: RecordingDesk
    webhooks: WebhookDesk
    activities: ActivityDesk
    doorkeeper: Doorkeeper
    health: Callable[[], Health]
    measures: Measures = field(default_factory=Measures)
    deliveries: Tally = field(default_factory=Tally)
    backlog: Callable[[], Awaitable[Mapping[str, Backlog]]]


def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


Router = Annotated[Services, Depends(_services)]
"""A parameter of a path operation: the router that it is about."""
