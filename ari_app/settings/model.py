"""What the configuration means, as the parts of the program get it."""

from dataclasses import dataclass, field

from agi_router.fastagi.settings import AgiSettings
from agi_router.settings import RoutingSettings
from ari_app.asterisk.settings import AmiSettings, AriSettings
from ari_app.control.settings import ControlSettings
from ari_app.crm.settings import CrmSettings
from ari_app.logs import LogSettings
from ari_app.recordings.settings import RecordingSettings
from ari_app.settings.history_section import HistorySettings
from ari_app.settings.web_section import WebSettings
from ari_app.storage.settings import RetentionSettings, StorageSettings
from ari_app.webhooks.settings import WebhookSettings


@dataclass(frozen=True, slots=True)
class AsteriskSettings:
    """Section `asterisk`. Without `ami` nobody's queues are known; with `takes_messages` texts of phones are."""

    ari: AriSettings
    ami: AmiSettings | None = None
    takes_messages: bool = True


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Section `calls`. With more than `max_in_setup` calls that nobody has answered, new ones go to the dialplan.

    `carries_out_transfers`: what the Transfer key of a phone asks for is done by the router, not by Asterisk.
    """

    max_in_setup: int = 200
    carries_out_transfers: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured. `routing.warnings` tells what is allowed and probably not meant.

    Without `agi` there is no AGI door, without `web` no REST API.
    """

    routing: RoutingSettings
    asterisk: AsteriskSettings
    storage: StorageSettings
    retention: RetentionSettings
    control: ControlSettings
    log: LogSettings
    calls: CallSettings
    recordings: RecordingSettings
    agi: AgiSettings | None = None
    web: WebSettings | None = None
    history: HistorySettings = field(default_factory=HistorySettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    crm: CrmSettings = field(default_factory=CrmSettings)
