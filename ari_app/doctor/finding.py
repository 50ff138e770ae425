"""What the doctor says: one finding for each thing that was looked at."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SILENT: Final = (
    "Asterisk hangs, is overloaded, or has just stopped: when asterisk -rx 'core show uptime' on its machine is silent "
    "too, restart it; then ask again"
)
"""What to do when it answered a moment ago."""


class Group(StrEnum):
    """The parts of a finding's world, in the order in which they are told."""

    CONFIGURATION = "Configuration"
    ROUTER = "Router"
    DATABASE = "Database"
    ASTERISK = "Asterisk"
    DEVICES = "Devices"
    TRUNKS = "Trunks"
    ROUTES = "Routes"


class Verdict(StrEnum):
    """`warning`: calls go on, and something may bite later. `skipped`: it could not be looked at."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`id` is stable: a topic, or topic:subject ("endpoint:ada"). `remedy` is "" where there is nothing to do."""

    id: str
    group: Group
    status: Verdict
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a finding is about."""

    id: str
    group: Group

    def of(self, subject: str) -> "Topic":
        """The same about one of several."""
        return Topic(f"{self.id}:{subject}", self.group)

    def ok(self, found: str) -> Finding:
        """As it should be."""
        return Finding(id=self.id, group=self.group, status=Verdict.OK, found=found)

    def warning(self, found: str, remedy: str) -> Finding:
        """Calls go on; something may bite later."""
        return Finding(id=self.id, group=self.group, status=Verdict.WARNING, found=found, remedy=remedy)

    def error(self, found: str, remedy: str) -> Finding:
        """Calls fail, or would."""
        return Finding(id=self.id, group=self.group, status=Verdict.ERROR, found=found, remedy=remedy)

    def skipped(self, found: str, remedy: str) -> Finding:
        """It could not be looked at."""
        return Finding(id=self.id, group=self.group, status=Verdict.SKIPPED, found=found, remedy=remedy)


def is_healthy(findings: Iterable[Finding], *, strict: bool = False) -> bool:
    """Whether nothing is wrong; `strict` also minds warnings."""
    bad = {Verdict.ERROR, Verdict.WARNING} if strict else {Verdict.ERROR}
    return not any(finding.status in bad for finding in findings)
