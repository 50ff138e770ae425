"""Links to recordings in the webhooks of templates, for people who look at them later."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from ari_app.calls.clock import now
from ari_app.recordings.links import Link, Links, link_name
from ari_app.settings import Settings
from ari_app.web.links import RECORDINGS
from ari_app.webhooks.templates.facts import LinkTo

VALID: Final = timedelta(days=7)
WISH: Final = "webhook"
"""So the list of who has listened tells where the link was."""


def linking(settings: Callable[[], Settings], links: Links) -> LinkTo:
    """Makes them by the configuration in force; none where no web listens that could answer them."""

    def link_to(recording_id: str) -> str | None:
        below = links_below(settings())
        if below is None:
            return None
        until = (now() + VALID).replace(microsecond=0)
        return links.url(below, Link(recording_id, link_name(WISH), until))

    return link_to


def links_below(settings: Settings) -> str | None:
    """The address below which links are opened; None where no web listens that could answer them."""
    return None if settings.web is None else settings.web.public_url + RECORDINGS
