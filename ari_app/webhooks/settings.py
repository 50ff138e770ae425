"""How webhooks are delivered. Needs no HTTP library: whoever only reads the configuration starts without one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ari_app.webhooks.templates.document import WebhookTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Section `webhooks`. With `deliver` the router sends them itself, else a process of their own does.

    `requests_per_receiver` are under way to one receiver at a time; what was sent is kept for `keep_days`. `templates`
    are the operator's own, by their names.
    """

    deliver: bool = True
    keep_days: int = 30
    requests_per_receiver: int = 4
    ca_file: Path | None = None
    templates: Mapping[str, WebhookTemplate] = field(default_factory=dict)
