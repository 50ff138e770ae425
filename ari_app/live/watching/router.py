"""Tells that the router has started."""

from importlib.metadata import version

from ari_app.domain.notices import Notices, NoticeType
from ari_app.live.watching.telling import ROUTER, notice


def tell_started(notices: Notices, app: str) -> None:
    """It serves by now, under this name of an ARI application."""
    told = {"version": version("agi-router"), "app": app}
    notices.tell(notice(NoticeType.ROUTER_STARTED, ROUTER, {"router": told}))
