"""A call that the dialplan dials, as the router knows it between one AGI request and the next."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from agi_router.fastagi.answer import Display
from agi_router.routing.destination import Destination
from agi_router.routing.shown import Shown
from agi_router.routing.step import Member, Ring, Step
from agi_router.routing.treatment import Treatment
from agi_router.routing.understood import Understood
from agi_router.routing.volume import Volume
from ari_app.agi.hunting import Hunt
from ari_app.agi.results import PlacedLeg
from ari_app.calls.arrival import Arrival
from ari_app.calls.clock import now
from ari_app.calls.ids import leg_channel_id, leg_role
from ari_app.calls.presence import Presence
from ari_app.calls.screen_pop import SHOWN_NAME, ScreenPop, Showing, screen_pop
from ari_app.domain import events as e
from ari_app.domain.call_log import CallWriter

LONGEST_S: Final = 5 * 3600.0
"""A call of which nothing is heard for so long is over: dialplan/agi-router-agi.conf ends calls after 4 hours."""

LONGEST_REQUEST_S: Final = 15.0
"""How long the dialplan is kept waiting for an answer: after some more it takes the router for frozen."""


@dataclass(frozen=True, slots=True)
class Dialling:
    """The dialplan dials these legs."""

    legs: tuple[PlacedLeg, ...]


@dataclass(frozen=True, slots=True)
class Queueing:
    """The caller waits in this queue of Asterisk's."""

    queue: str


@dataclass(frozen=True, slots=True)
class Playing:
    """The caller hears these sounds."""

    sounds: tuple[str, ...]


Doing = Dialling | Queueing | Playing


class DialplanCall:
    """One call. `channel` is the caller's channel by its name, `steps` those that are left.

    `doing` is what the dialplan does with the caller now, None while it asks; `hunt` the members of the step who are
    left. `variables` are the names of those that it was given, which must not outlive their step.
    """

    def __init__(self, call_id: str, channel: str, writer: CallWriter, *, presence: Presence, volume: Volume) -> None:
        self.call_id = call_id
        self.channel = channel
        self.presence = presence
        self.volume = volume
        self.log = structlog.get_logger(__name__).bind(call=call_id)
        self.key = ""  # nobody asks for such a call by an API
        self.arrival = Arrival()
        self.route = ""
        self.routes_asked: list[str] = []
        self.treatment = Treatment()
        self.showing = Showing()
        self.steps: list[Step] = []
        self.step = 0
        self.destination: Destination | None = None
        self.last_outcome = ""
        self.leg_count = 0
        self.doing: Doing | None = None
        self.hunt: Hunt | None = None
        self.seen_keys: set[str] = set()
        self.variables: frozenset[str] = frozenset()
        self.asked_at = 0.0  # the AGI request that is being answered, by time.monotonic()
        self._ringing = ExitStack()
        self._silence: asyncio.TimerHandle | None = None
        self.answered_at: datetime | None = None
        self.is_over = False
        self.is_busy = False  # an AGI request of its is being answered
        self._writer = writer
        self._ends_at: float | None = None  # of the chain

    def tell(self, event: e.CallEvent) -> None:
        """Put a fact on record."""
        if isinstance(event, e.CallEnded | e.SentToDialplan):
            self.is_over = True
            self.fall_silent()
        self._writer.write(self.call_id, event)

    def tell_arrival(self, arrival: Arrival, unique_id: str) -> None:
        """Begin the record."""
        self.known_as(arrival)
        self.tell(
            e.CallArrived(
                at=now(),
                route=arrival.route,
                called_number=arrival.called_number,
                caller_number=arrival.caller_number,
                caller_name=arrival.caller_name,
                caller_withheld=arrival.caller_withheld,
                channel_id=unique_id,
                door="agi",
            )
        )

    def known_as(self, arrival: Arrival) -> None:
        """Who calls, and by which route; that is on record."""
        self.arrival, self.route, self.routes_asked = arrival, arrival.route, [arrival.route]

    def treat(self, treatment: Treatment) -> None:
        """The time of the chain begins."""
        self.treatment = treatment
        self._ends_at = time.monotonic() + treatment.chain_s if treatment.chain_s else None

    @property
    def request_left_s(self) -> float:
        """How long the dialplan may be kept waiting for this answer yet."""
        return self.asked_at + LONGEST_REQUEST_S - time.monotonic()

    def left_s(self, timeout_s: float) -> float:
        """How long a step may take that wants so much: all that ring or wait share the time of the chain."""
        return timeout_s if self._ends_at is None else min(timeout_s, self._ends_at - time.monotonic())

    def show(self, shown: Shown, carried: Understood | e.CallerDescribed | None = None) -> None:
        """What phones are to show, by the route and what an answer carries."""
        self.showing.change(partial(screen_pop, self.arrival, shown, carried))

    async def name_contact(self, name: str) -> None:
        """A CRM has told what the caller is called: legs that are dialled from now on show it."""
        self.showing.name_contact(name)

    @property
    def screen_pop(self) -> ScreenPop:
        """What goes to phones and dialplan with the call, as far as it is known by now."""
        return self.showing.pop

    @property
    def display(self) -> Display:
        """The same, in the words of the dialplan."""
        pop = self.screen_pop
        return Display(
            name=pop.name.get(SHOWN_NAME, ""), number=pop.name.get("CONNECTEDLINE(num,i)", ""), headers=pop.headers
        )

    def new_role(self) -> str:
        """The role of the next leg."""
        self.leg_count += 1
        return leg_role(self.leg_count)

    def tell_step(self, step: Step) -> None:
        """A step begins."""
        action = step.action
        team, order = (action.team, action.order.value) if isinstance(action, Ring) and action.team else ("", "")
        self.step += 1
        self.destination = step.destination
        self.tell(
            e.StepStarted(
                at=now(),
                step=self.step,
                destination_type=step.destination.type,
                destination=step.destination.value,
                timeout_s=step.timeout_s,
                team=team,
                order=order,
            )
        )

    def tell_step_end(
        self, outcome: str, *, code: str = "", detail: str = "", remedy: str = "", at: datetime | None = None
    ) -> None:
        """A step ends, or has ended at that moment."""
        self.last_outcome = outcome
        self.tell(e.StepEnded(at=at or now(), step=self.step, outcome=outcome, code=code, detail=detail, remedy=remedy))

    def ring(self, members: Sequence[Member], team: str, ring_s: float) -> None:
        """These members ring now. When Dial() has given them up they don't, though its report comes hours later, after
        the talk with one of them, or never."""
        self._ringing.enter_context(self.presence.ringing(members, team))
        self._silence = asyncio.get_running_loop().call_later(ring_s, self._ringing.close)

    def fall_silent(self) -> None:
        """Nobody rings any more."""
        if self._silence is not None:
            self._silence.cancel()
        self._ringing.close()

    def give_up(self, legs: Iterable[PlacedLeg]) -> None:
        """These are not dialled, and count no more."""
        for leg in legs:
            self.volume.ended(leg_channel_id(self.call_id, leg.role), now())

    def tell_dialled(self, legs: Sequence[PlacedLeg]) -> None:
        """The dialplan has been told to dial these."""
        for leg in legs:
            self.tell(e.LegDialled(at=now(), leg=leg.role, endpoint=leg.endpoint, contact=leg.contact, user=leg.user))
