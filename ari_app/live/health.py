"""How the router is, for whoever watches over it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agi_router.lookup.upstream import Upstreams, UpstreamStatus
from ari_app.domain.link import Link
from ari_app.storage.call_log import CallLog

GRACE_S: Final = 5.0
"""So long Asterisk may be out of sight before the router takes no calls: Asterisk keeps its callers meanwhile."""

BEHIND: Final = 1000
"""More events than these wait only for a database that is not written."""


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """See `Link`."""

    is_up: bool
    is_settled: bool
    connects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The router at this moment. `why_not` says in words why it takes no calls; it takes calls when that is empty.

    `ami` is None when there is to be no such link. `events_lost` counts from the start.
    """

    why_not: tuple[str, ...]
    is_stopping: bool
    ari: LinkHealth
    ami: LinkHealth | None
    events_pending: int
    events_lost: int
    upstreams: Sequence[UpstreamStatus]

    @property
    def is_behind(self) -> bool:
        """Whether the database does not take what happens. Calls go on without it."""
        return self.events_pending > BEHIND


def health(ari: Link, ami: Link | None, stop: asyncio.Event, call_log: CallLog, upstreams: Upstreams) -> Health:
    """Look at all of it."""
    why_not = []
    if stop.is_set():
        why_not.append("the router stops")
    if not ari.holds(GRACE_S):
        why_not.append(
            "Asterisk is not connected" if not ari.is_up else "the calls in Asterisk are being looked through"
        )
    return Health(
        why_not=tuple(why_not),
        is_stopping=stop.is_set(),
        ari=_as_told(ari),
        ami=None if ami is None else _as_told(ami),
        events_pending=call_log.pending,
        events_lost=call_log.lost,
        upstreams=upstreams.status(),
    )


def _as_told(link: Link) -> LinkHealth:
    return LinkHealth(link.is_up, link.is_settled, link.connects)
