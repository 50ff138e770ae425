"""In which order the members of a team ring, and what becomes of those who are busy. Who is busy is told from outside.

The orders are those of ring groups and queues: all at once, one after the other, and three ways to share the work.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, StrEnum, auto
from typing import Final, Protocol, TypeVar, assert_never

DEFAULT_RING_EACH_S: Final = 15.0
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Order(StrEnum):
    """Who rings when."""

    SIMULTANEOUS = "simultaneous"  # all at once
    SEQUENTIAL = "sequential"  # one after the other, as the team lists them
    RANDOM = "random"  # one after the other, anew for each call
    ROUND_ROBIN = "round_robin"  # first who has not been rung for the longest time
    LONGEST_IDLE = "longest_idle"  # first whose last talk ended the longest time ago


class IfBusy(StrEnum):
    """What becomes of a member who is busy."""

    RING = "ring"  # he rings as if he were not
    SKIP = "skip"  # he is left out
    WAIT = "wait"  # he is left out until he is free, and the caller waits for him


class Standing(Enum):
    """How a member stands at this moment."""

    FREE = auto()
    RINGING = auto()  # for another caller, and he has not picked up
    BUSY = auto()


class HasUser(Protocol):
    """Whoever has a user's id."""

    @property
    def user(self) -> str:
        """The id."""
        ...


M = TypeVar("M", bound=HasUser)


@dataclass(frozen=True, slots=True)
class History:
    """By the user's id: when each member of a team was rung last, and when his last talk ended."""

    last_rung: Mapping[str, datetime] = field(default_factory=dict)
    last_talk: Mapping[str, datetime] = field(default_factory=dict)


def arrange(members: Sequence[M], order: Order, history: History, chance: random.Random) -> tuple[M, ...]:
    """All members in the order of their turns. Of those who are equal the team's list decides.

    Round robin needs no pointer into the list, which members may leave and join: who was passed over stays first.
    """
    match order:
        case Order.SIMULTANEOUS | Order.SEQUENTIAL:
            return tuple(members)
        case Order.RANDOM:
            return tuple(chance.sample(members, len(members)))
        case Order.ROUND_ROBIN:
            return tuple(sorted(members, key=lambda member: history.last_rung.get(member.user, _NEVER)))
        case Order.LONGEST_IDLE:
            return tuple(sorted(members, key=lambda member: history.last_talk.get(member.user, _NEVER)))
        case _:
            assert_never(order)


def next_round(left: Sequence[M], order: Order, if_busy: IfBusy, standing: Callable[[M], Standing]) -> tuple[M, ...]:
    """Of those who have not been rung yet: who rings now, together. () when nobody does at this moment.

    One at a time, a member who already rings for another caller comes after those who don't: two callers at once reach
    two members. With `wait` he is waited for, as he is likely to pick up; else he rings as the last one.
    """
    standings = [(member, standing(member)) for member in left]
    allowed = [(member, at) for member, at in standings if if_busy is IfBusy.RING or at is not Standing.BUSY]
    if order is Order.SIMULTANEOUS:
        return tuple(member for member, _ in allowed)
    quiet = [member for member, at in allowed if at is not Standing.RINGING]
    if not quiet and if_busy is not IfBusy.WAIT:
        quiet = [member for member, _ in allowed]
    return tuple(quiet[:1])
