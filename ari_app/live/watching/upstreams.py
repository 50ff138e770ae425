"""Tells when the breaker of a routing API opens, and when it closes. A probe that fails in between is no news."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from agi_router.lookup.upstream import UpstreamStatus
from ari_app.domain.notices import Notices, NoticeType
from ari_app.live.watching.telling import notice, now

CLOSED = "closed"


def upstream_as_json(status: UpstreamStatus) -> dict[str, Any]:
    """Its status as programs get it: moments in ISO 8601."""
    since, until = (moment and moment.isoformat() for moment in (status.since, status.until))
    return {**asdict(status), "since": since, "until": until}


class UpstreamWatch:
    """Takes how an upstream is, whenever its breaker has changed."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._down: dict[str, UpstreamStatus] = {}

    def changed(self, status: UpstreamStatus) -> None:
        """See `agi_router.lookup.upstream.Changed`."""
        if status.breaker != CLOSED:
            if status.origin not in self._down:
                self._down[status.origin] = status
                self._tell(NoticeType.API_DOWN, status, {})
        elif (before := self._down.pop(status.origin, None)) is not None and before.since is not None:
            down_s = round((now() - before.since).total_seconds(), 3)
            self._tell(NoticeType.API_UP, status, {"down_since": before.since.isoformat(), "down_s": down_s})

    def _tell(self, kind: NoticeType, status: UpstreamStatus, beside: Mapping[str, Any]) -> None:
        told = notice(kind, f"upstream/{status.origin}", {"upstream": upstream_as_json(status), **beside})
        self._notices.tell(told)
