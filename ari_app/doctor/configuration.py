"""What the configuration says, and what in it is allowed but hardly meant."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from agi_router.directory.campaigns import Direction
from agi_router.document import Problem
from agi_router.settings.agi_section import agi_warnings
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.settings import Settings
from ari_app.settings.web_section import web_warnings

CONFIGURATION = Topic("configuration", Group.CONFIGURATION)

_LOOPBACK = ("127.", "localhost", "::1")


def warnings(settings: Settings) -> list[str]:
    """Sentences of the form "KEY: what; what to do"."""
    found = list(settings.routing.warnings)
    ari = urlsplit(settings.asterisk.ari.url)
    if ari.scheme == "http" and not (ari.hostname or "").startswith(_LOOPBACK):
        found.append(
            f"asterisk.ari.url: {ari.hostname} is asked without TLS; use https, or Asterisk's loopback address"
        )
    if settings.asterisk.ami is None:
        found += [
            f"campaigns: {campaign.id} has a queue, and without asterisk.ami nobody's queues are known, so everybody "
            "counts as logged in; add asterisk.ami"
            for campaign in settings.routing.campaigns
            if campaign.queue
        ]
    if settings.agi is not None:
        found += agi_warnings(settings.agi)
    if settings.web is not None:
        found += web_warnings(settings.web)
        if settings.web.faces.ameyo is not None and all(
            campaign.direction is not Direction.OUTBOUND for campaign in settings.routing.campaigns
        ):
            found.append(
                "web.faces.ameyo: each command is refused, for campaigns has no outbound one; "
                "add those that the CRM names"
            )
    if not settings.routing.fallback:
        found += [
            f"routes.{route.name}: no fallback, so when the API fails the caller goes straight back to the dialplan; "
            "add one, or defaults.fallback"
            for route in settings.routing.routes
            if route.fallback is None
        ]
    return found


def configuration_findings(config: Path, settings: Settings) -> list[Finding]:
    """What was read, and the warnings one by one."""
    routing = settings.routing
    amounts = f"routes {len(routing.routes)}, users {len(routing.users)}, trunks {len(routing.trunks)}"
    return [
        CONFIGURATION.ok(f"{config}: {amounts}"),
        *(
            CONFIGURATION.of(str(number)).warning(*_parted(warning))
            for number, warning in enumerate(warnings(settings), 1)
        ),
    ]


def problem_findings(problems: Iterable[Problem]) -> list[Finding]:
    """Why the configuration cannot be used."""
    return [CONFIGURATION.of(str(number)).error(*_parted(str(problem))) for number, problem in enumerate(problems, 1)]


def _parted(sentence: str) -> tuple[str, str]:
    found, _, remedy = sentence.rpartition("; ")
    return (found, remedy) if found else (sentence, "correct this key; docs/configuration.md tells what it may hold")
