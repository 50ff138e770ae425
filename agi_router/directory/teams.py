"""Teams: users who ring for one another, all at once or one after the other."""

from dataclasses import dataclass

from agi_router.routing.order import DEFAULT_RING_EACH_S, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """`members` are the ids of its users, in their order.

    One at a time, each rings for `ring_each_s` seconds. After a talk with a caller of the team a member is left alone
    for `wrap_up_s` seconds.
    """

    id: str
    name: str = ""
    members: tuple[str, ...] = ()
    order: Order = Order.SIMULTANEOUS
    ring_each_s: float = DEFAULT_RING_EACH_S
    wrap_up_s: float = 0.0
