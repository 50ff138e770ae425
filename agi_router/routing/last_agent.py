"""Who spoke with this caller last: a question to the log of our own calls."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.numbers import NumberFormat, for_trunk, normalise
from agi_router.routing.step import Refused, Ring

LONGEST_S: Final = 10 * 366 * 86_400.0
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Talk:
    """A talk that has ended: the id of the user who spoke, and when its end was, in UTC."""

    user: str
    ended_at: datetime


class TalkLog(Protocol):
    """The talks of the past. It may be slow, and it may raise anything: no call waits or fails for it."""

    async def last_talk(self, caller_numbers: Collection[str], since: datetime) -> Talk | None:
        """The last talk with one of these numbers, a caller's forms of his own, that ended after this moment."""
        ...


class NoTalkLog:
    """A `TalkLog` of a router that keeps none."""

    async def last_talk(self, caller_numbers: Collection[str], since: datetime) -> Talk | None:  # noqa: ARG002
        """Nobody has spoken with anybody."""
        return None


@dataclass(frozen=True, slots=True)
class LastAgent:
    """Who spoke with the caller last, and what is done to reach him: a refusal when he is gone, or has no phone."""

    user: str
    name: str
    ended_at: datetime
    action: Ring | Refused


def forms_of(caller_number: str, region: str) -> frozenset[str]:
    """How carriers may have written this number when it called before; the log has it as it came."""
    number = normalise(caller_number, region)
    forms = {for_trunk(number, form, region) for form in NumberFormat} if number else set()
    return frozenset({caller_number, *forms})


def within_seconds(value: str) -> float:
    """How far back to look, as an answer says it; raises RoutingError value_not_seconds."""
    if not _SECONDS.fullmatch(value) or not 0 < int(value) <= LONGEST_S:
        raise RoutingError(
            "value_not_seconds",
            f"{shown(value)} is no time to look back for the last agent",
            "answer with whole seconds, for example 604800 for a week",
        )
    return float(value)
