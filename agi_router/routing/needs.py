"""What a route wants of a call before it is decided."""

from dataclasses import dataclass
from enum import StrEnum


class Ahead(StrEnum):
    """What is done for the caller's last good answer while the API is asked: its legs are created, or ring."""

    OFF = "off"
    CREATE = "create"
    RING = "ring"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route wants of a call before its decision.

    `headers` and `variables` are the SIP headers and channel variables that its request names.
    """

    headers: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    ahead: Ahead = Ahead.OFF
