"""Whose turn it is to ring in a step, decided anew for each turn by how the members stand then; put on record.

Both doors ring by these turns: `agi_router.routing.order` tells whom, and what becomes of those who are busy.
"""

import random
from typing import Final, Protocol

from agi_router.routing.order import IfBusy, Order, arrange, next_round
from agi_router.routing.step import Member, Ring
from ari_app.calls.clock import now
from ari_app.calls.presence import Presence
from ari_app.domain import events as e

_CHANCE: Final = random.Random()  # noqa: S311 - shares work out, guards nothing


class Rings(Protocol):
    """The call whose step it is."""

    @property
    def presence(self) -> Presence:
        """Who is busy."""
        ...

    def tell(self, event: e.CallEvent) -> None:
        """Put a fact on record."""


class Turns:
    """The members of one step. `left` are those who have not been rung, in the order of their turns."""

    def __init__(self, call: Rings, action: Ring) -> None:
        self._call = call
        self._action = action
        self.left = arrange(action.members, action.order, call.presence.history(action.team, action.members), _CHANCE)
        self._told: set[str] = set()
        for unable in action.unable:
            call.tell(
                e.MemberPassed(
                    at=now(), user=unable.user, name=unable.name, why="unable", detail=unable.failure.message
                )
            )

    @property
    def together(self) -> bool:
        """Whether all ring at once who can."""
        return self._action.order is Order.SIMULTANEOUS

    @property
    def waits(self) -> bool:
        """Whether those who are busy are waited for."""
        return self._action.if_busy is IfBusy.WAIT

    @property
    def are_told(self) -> bool:
        """Whether it is no matter of course who rings."""
        return not self.together or bool(self._told)

    def ready(self) -> tuple[Member, ...]:
        """Who could ring now."""
        return next_round(self.left, self._action.order, self._action.if_busy, self._call.presence.standing)

    def take(self) -> tuple[Member, ...]:
        """The same, and it was their turn."""
        members = self.ready()
        self.left = tuple(member for member in self.left if member not in members)
        return members

    async def until_ready(self) -> None:
        """Return when somebody can ring, or nobody is left."""
        await self._call.presence.until(lambda: not self.left or bool(self.ready()), self.left)

    def tell_called(self, members: tuple[Member, ...], ring_s: float) -> None:
        """These ring now, for so long at most."""
        for member in members:
            self._call.tell(e.MemberCalled(at=now(), user=member.user, name=member.name, ring_s=round(ring_s, 1)))

    def tell_busy(self) -> None:
        """Tell once of each who does not ring now because he is busy."""
        if self._action.if_busy is IfBusy.RING:
            return
        for member in self.left:
            if (busy := self._call.presence.busy(member)) is not None and member.user not in self._told:
                self._told.add(member.user)
                self._call.tell(
                    e.MemberPassed(
                        at=now(),
                        user=member.user,
                        name=member.name,
                        why=busy.why.value,
                        for_s=busy.for_s,
                        is_awaited=self.waits,
                    )
                )
