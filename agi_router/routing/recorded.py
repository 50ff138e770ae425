"""Whose calls are recorded, and how they are told so: a part of how a route treats its callers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class RecordingMode(StrEnum):
    """When a talk is recorded."""

    OFF = "off"  # never, whoever asks for it
    ON_DEMAND = "on_demand"  # when the API's answer, the request for the call, or a command says so
    ALWAYS = "always"  # unless the API's answer says not to


class AnnouncedTo(StrEnum):
    """Who hears the announcement."""

    BOTH = "both"
    CUSTOMER = "customer"  # the caller; of a call that was asked for, who was called for it


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRule:
    """`announcement` are sounds that are heard to their end before anything is recorded; none: nobody is told."""

    mode: RecordingMode = RecordingMode.OFF
    announcement: tuple[str, ...] = ()
    announce_to: AnnouncedTo = AnnouncedTo.BOTH

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, as it is put on record of a call."""
        return {"mode": self.mode.value, "announcement": list(self.announcement), "announce_to": self.announce_to.value}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "RecordingRule":
        """What `as_json` made; of {}, or what cannot be read, the rule by which nothing is recorded."""
        try:
            return cls(
                mode=RecordingMode(given["mode"]),
                announcement=tuple(map(str, given["announcement"])),
                announce_to=AnnouncedTo(given["announce_to"]),
            )
        except (KeyError, TypeError, ValueError):
            return cls()
