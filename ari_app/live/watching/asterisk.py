"""Tells when Asterisk is out of sight for longer than the grace that /readyz gives it, and when it is back."""

import asyncio
from datetime import datetime

from ari_app.domain.link import Link
from ari_app.domain.notices import Notices, NoticeType
from ari_app.live.health import GRACE_S
from ari_app.live.watching.telling import ROUTER, notice, now


class AsteriskWatch:
    """Looks at the link from now on; where Asterisk is not there at the start, that is told after the same grace."""

    def __init__(self, notices: Notices, link: Link, grace_s: float = GRACE_S) -> None:
        self._notices = notices
        self._link = link
        self._grace_s = grace_s
        self._gone_since: datetime | None = None
        self._is_told = False
        self._timer: asyncio.TimerHandle | None = None
        link.watch(self._look)
        self._look()

    def close(self) -> None:
        """Tell nothing more: the router itself takes the link down."""
        self._stop()
        self._gone_since = now()

    def _look(self) -> None:
        if not self._link.is_settled:
            if self._gone_since is None:
                self._gone_since = now()
                self._timer = asyncio.get_running_loop().call_later(self._grace_s, self._lost)
            return
        self._stop()
        gone_since, self._gone_since = self._gone_since, None
        if self._is_told and gone_since is not None:
            self._is_told = False
            at = now()
            data = {"since": gone_since.isoformat(), "lost_s": round((at - gone_since).total_seconds(), 3)}
            self._notices.tell(notice(NoticeType.ASTERISK_BACK, ROUTER, {"asterisk": data}, at=at))

    def _lost(self) -> None:
        self._timer = None
        self._is_told = True
        assert self._gone_since is not None, "the timer runs only while it is gone"
        data = {"since": self._gone_since.isoformat()}
        self._notices.tell(notice(NoticeType.ASTERISK_LOST, ROUTER, {"asterisk": data}))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
