"""What a notice becomes on the wire, where the receiver expects another shape than that of Standard Webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ari_app.domain.notices import Notice
from ari_app.domain.webhooks import Subscription


class UnknownTemplateError(Exception):
    """The template of a subscription is neither shipped nor configured (any more). The text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One request, but for its address and signature. `headers` are beside those of the subscription, which win."""

    method: str
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Rendering(Protocol):
    """Turns notices into requests, by the templates of the configuration in force."""

    def render(self, subscription: Subscription, notice: Notice) -> Rendered | None:
        """The request for this notice by the subscription's template; None: the template has nothing for it.

        Raises UnknownTemplateError.
        """
