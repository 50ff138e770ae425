"""The members of a step, as one Dial() after the other: who rings next is decided as each of them begins.

By the same rules as at the ARI door (ari_app.calls.hunt), but one Dial() can't be joined later: with if_busy wait
somebody who is freed while others ring has his turn after them.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, Protocol, assert_never

from agi_router.fastagi.contacts import Evaluates, contacts
from agi_router.routing.errors import Failure
from agi_router.routing.step import EndpointTarget, Member, Ring, Target, TrunkTarget, TrunkWay, distinct
from ari_app.agi.results import PlacedLeg, Result
from ari_app.calls.clock import now
from ari_app.calls.hunt import SHORTEST_TURN_S
from ari_app.calls.ids import leg_channel_id
from ari_app.calls.leg import contact_of
from ari_app.calls.outgoing import Dials, ask_to_dial
from ari_app.calls.presence import Presence
from ari_app.calls.ringing import most_telling
from ari_app.calls.turns import Turns
from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome
from ari_app.domain.failover import lies_in_trunk

UNREPORTED_S: Final = 60.0
"""So long after its time to ring a number counts as dialled, if neither its answer nor its end is told."""

SHORTEST_WAIT_S: Final = 1.0
"""Where the request is over, and somebody has to be waited for: the dialplan must not ask without a pause."""


class Dialplan(Evaluates, Protocol):
    """The AGI session of a caller."""

    def until_hang_up(self) -> AbstractAsyncContextManager[None]:
        """A block that ends, by HangUpError, when he hangs up."""
        ...


class Telling(Dials, Protocol):
    """The call whose members these are."""

    @property
    def call_id(self) -> str:
        """Its id."""
        ...

    @property
    def presence(self) -> Presence:
        """Who is busy."""
        ...

    @property
    def request_left_s(self) -> float:
        """How long the dialplan may be kept waiting yet."""
        ...

    def new_role(self) -> str:
        """The role of the next leg."""
        ...


class Hunt:
    """One step. `members` are those who ring now; `way_of` tells by which trunk a leg goes."""

    def __init__(self, call: Telling, action: Ring, timeout_s: float) -> None:
        self._call = call
        self.action = action
        self._ends_at = time.monotonic() + timeout_s
        self._turns = Turns(call, action)
        self._ways: dict[TrunkTarget, list[TrunkWay]] = {}
        self._again: list[TrunkTarget] = []
        self._outcomes: list[str] = []
        self.way_of: dict[str, TrunkWay] = {}
        self.members: tuple[Member, ...] = ()
        self.refusal: Failure | None = None  # of a number that the dial policy's limits leave no room for
        self._counted: dict[TrunkTarget, str] = {}

    @property
    def left_s(self) -> float:
        """What is left of the step's time."""
        return self._ends_at - time.monotonic()

    @property
    def turn_s(self) -> float:
        """How long those who ring now may."""
        return self.left_s if self._turns.together else min(self.action.ring_each_s, self.left_s)

    async def next(self, dialplan: Dialplan) -> tuple[PlacedLeg, ...] | None:
        """The legs of the next Dial(); () when the step has come to its end, None to ask again. Raises HangUpError."""
        while self.left_s >= SHORTEST_TURN_S:
            if self._again:
                legs = self._by_next_trunk()
            elif members := self._next_members():
                legs = await self._place(members, dialplan)
            elif self._turns.left and self._turns.waits:
                if not await self._wait(dialplan):
                    return None
                continue
            else:
                break
            if legs:
                return legs
            if self.refusal is None:
                self._outcomes.append(LegOutcome.UNAVAILABLE.value)
        if self._turns.left:
            self._outcomes.append(LegOutcome.BUSY.value)
        return ()

    def take(self, results: Sequence[tuple[PlacedLeg, Result]]) -> None:
        """Learn how the legs of the last Dial() ended: a number whose trunk has failed is tried by the next one."""
        for leg, ended in results:
            target = leg.target
            is_at_fault = isinstance(target, TrunkTarget) and lies_in_trunk(
                ended.cause, ended.tech_cause, reached=ended.reached
            )
            if is_at_fault and isinstance(target, TrunkTarget) and self._ways.get(target):
                self._again.append(target)
            else:
                self._outcomes.append(ended.outcome.value)

    @property
    def outcome(self) -> str:
        """One word for a step that nobody answered."""
        timed_out = self.left_s < SHORTEST_TURN_S
        outcomes = self._outcomes if self.refusal is None else [*self._outcomes, LegOutcome.REFUSED.value]
        if timed_out and (not outcomes or LegOutcome.NO_ANSWER.value in outcomes):
            return LegOutcome.NO_ANSWER.value
        return most_telling(outcomes)

    def _next_members(self) -> tuple[Member, ...]:
        turns = self._turns
        self.members = turns.take()
        turns.tell_busy()
        if turns.are_told:
            turns.tell_called(self.members, self.turn_s)
        return self.members

    async def _place(self, members: Sequence[Member], dialplan: Dialplan) -> tuple[PlacedLeg, ...]:
        targets = distinct(members)
        endpoints = [target.endpoint for target in targets if isinstance(target, EndpointTarget)]
        found = await contacts(dialplan, endpoints) if endpoints else {}
        return tuple(leg for target in targets for leg in self._legs(target, found.get))

    def _legs(self, target: Target, contacts_of: Callable[[str], Sequence[str] | None]) -> Iterable[PlacedLeg]:
        match target:
            case EndpointTarget(endpoint):
                dialled = contacts_of(endpoint) or ()
                if not dialled:
                    self._call.tell(
                        e.DeviceUnavailable(at=now(), endpoint=f"PJSIP/{endpoint}", reason="not registered")
                    )
                return [self._leg(target, f"PJSIP/{endpoint}", dial) for dial in dialled]
            case TrunkTarget(via=via):
                self._ways[target] = list(via)
                return self._by_trunk(target, is_first=True)
            case _:
                assert_never(target)

    def _by_next_trunk(self) -> tuple[PlacedLeg, ...]:
        targets, self._again = self._again, []
        return tuple(leg for target in targets for leg in self._by_trunk(target, is_first=False))

    def _by_trunk(self, target: TrunkTarget, *, is_first: bool) -> list[PlacedLeg]:
        way = self._next_way(self._ways[target], is_first=is_first)
        if way is None:
            return []
        leg = self._leg(target, f"PJSIP/{way.endpoint}", f"PJSIP/{way.dial}@{way.endpoint}")
        channel_id = leg_channel_id(self._call.call_id, leg.role)
        before = "" if is_first else self._counted.get(target, "")
        expires_at = now() + timedelta(seconds=self.left_s + UNREPORTED_S)
        refusal = ask_to_dial(self._call, channel_id, target, way, instead_of=before, expires_at=expires_at)
        if refusal is not None:
            self.refusal = self.refusal or refusal
            self._ways[target].clear()
            return []
        self._counted[target] = channel_id
        self.way_of[leg.role] = way
        return [leg]

    def _next_way(self, left: list[TrunkWay], *, is_first: bool) -> TrunkWay | None:
        """Take the next of the trunks that are left; as in ari_app.calls.trunks."""
        at_worst = left[0] if left and is_first else None
        while left:
            way = left.pop(0)
            if not self._call.presence.is_down(way.endpoint):
                return way
            self._call.tell(e.TrunkSkipped(at=now(), trunk=way.trunk, endpoint=f"PJSIP/{way.endpoint}"))
        return at_worst

    def _leg(self, target: Target, endpoint: str, dial: str) -> PlacedLeg:
        return PlacedLeg(
            role=self._call.new_role(),
            endpoint=endpoint,
            contact=contact_of(dial),
            dial=dial,
            user=target.user,
            confirm=target.confirm,
            target=target,
        )

    async def _wait(self, dialplan: Dialplan) -> bool:
        """Until one of those who are left can ring, or the time is over; False when it takes longer than a request."""
        most_s = max(SHORTEST_WAIT_S, self._call.request_left_s)
        wait_s = min(self.left_s, most_s)
        try:
            async with dialplan.until_hang_up(), asyncio.timeout(wait_s):
                await self._turns.until_ready()
        except TimeoutError:
            return wait_s < most_s
        return True
