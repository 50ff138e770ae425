"""The running router, as it sees itself and as Asterisk sees it."""

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final, assert_never

from ari_app.asterisk.inspection import Application
from ari_app.control.client import NoRouterError, ask
from ari_app.control.settings import ControlError, ControlSettings
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.settings import Settings
from ari_app.storage.errors import StorageError
from ari_app.storage.serving_lock import lock_holder

ROUTER = Topic("router", Group.ROUTER)
APPLICATION = Topic("application", Group.ROUTER)

MANY_PENDING: Final = 500

Status = Mapping[str, Any]


async def ask_router(settings: ControlSettings) -> Status | ControlError:
    """The router's own answer; what is wrong with it is a value."""
    try:
        return await asyncio.to_thread(ask, settings, "status")
    except ControlError as error:
        return error


async def holder_of(settings: Settings) -> str | None:
    """Who serves with the database, as far as that can be told; why it can't is the finding database's."""
    try:
        return await lock_holder(settings.storage)
    except StorageError:
        return None


def judge_router(settings: Settings, answer: Status | ControlError, holder: str | None) -> Finding:
    """The process."""
    match answer:
        case NoRouterError():
            if holder is not None:
                return ROUTER.error(
                    f"{holder} serves with this database, and nobody listens at {settings.control.socket}",
                    "has control.socket changed since that router started? Restart it",
                )
            return ROUTER.error(
                f"no router runs with this configuration: nobody listens at {settings.control.socket}",
                "start it: agi-router --config FILE serve; until then callers take the dialplan's fallback",
            )
        case ControlError():
            return ROUTER.error(str(answer), answer.remedy)
        case _:
            return judge_status(answer, version("agi-router"))


def judge_status(status: Status, our_version: str) -> Finding:
    """What a running router tells of itself."""
    found = (
        f"process {status['pid']} serves, version {status['version']}, up {status['uptime_s']:.0f} s, "
        f"{status['live_calls']} live calls"
    )
    if not status["asterisk_connected"]:
        return ROUTER.error(
            f"{found}; it is not connected to Asterisk",
            "mend what is wrong with ari; it connects by itself, within 5 s",
        )
    if status["version"] != our_version:
        return ROUTER.warning(f"{found}; this command is version {our_version}", "restart the router")
    unwell = [upstream for upstream in status["upstreams"] if upstream["breaker"] != "closed"]
    if unwell:
        return ROUTER.warning(
            f"{found}; it leaves alone what fails: {'; '.join(map(_upstream, unwell))}",
            f"{unwell[0]['reason']['remedy']}; the router asks again by itself",
        )
    if status["events_lost"]:
        return ROUTER.warning(
            f"{found}; {status['events_lost']} events of its calls could not be put on record",
            "see the findings database and disk; the router's log tells the reason",
        )
    if status["events_pending"] > MANY_PENDING:
        return ROUTER.warning(
            f"{found}; {status['events_pending']} events wait to be put on record",
            "the database cannot be written, or not fast enough: the router's log tells why",
        )
    return ROUTER.ok(found)


def _upstream(upstream: Mapping[str, Any]) -> str:
    return f"{upstream['origin']}, because {upstream['reason']['message']} ({upstream['reason']['code']})"


def judge_application(name: str, application: Application | None, answer: Status | ControlError) -> Finding:
    """What Asterisk says of the router's application, beside what the router says."""
    match application, _says_connected(answer):
        case None, True:
            return APPLICATION.error(
                f"the router is connected, but not to this Asterisk, which knows no application {name}",
                "restart the router: it runs with another asterisk.ari.url or app than the configuration says now",
            )
        case None, _:
            return APPLICATION.skipped(
                f"no router is connected to Asterisk as {name}", "it comes with the router: see the finding router"
            )
        case Application(), False:
            return APPLICATION.warning(
                f"Asterisk knows the application {name}, though the router of this configuration is not connected",
                "does another router hold it? Two take it from each other: give each its own asterisk.ari.app. "
                "Or it is left from a router that died, and calls stand in it: they end or go on with its next start",
            )
        case Application(), _:
            return judge_event_filter(name, application)
        case _:
            assert_never(application)


def _says_connected(answer: Status | ControlError) -> bool | None:
    """None: it is there, and does not say."""
    match answer:
        case NoRouterError():
            return False
        case ControlError():
            return None
        case _:
            return bool(answer["asterisk_connected"])


def judge_event_filter(name: str, application: Application) -> Finding:
    """Whether the router is sent what it wants, and no more."""
    if application.allows_only:
        return APPLICATION.error(
            f"Asterisk sends {name} only {', '.join(sorted(application.allows_only))}: calls are not seen",
            "some program has set this filter; restart the router, and find that program",
        )
    if application.unwanted:
        return APPLICATION.warning(
            f"Asterisk sends {name} events that nobody needs: {', '.join(sorted(application.unwanted))}",
            "restart the router, which sets its filter as it connects; see its log if it does not",
        )
    return APPLICATION.ok(f"Asterisk knows the application {name}, connected and with its event filter")
