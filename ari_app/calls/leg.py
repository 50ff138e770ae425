"""A leg: one channel that we created, from its creation to its end."""

import asyncio
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self

from agi_router.routing.step import TrunkWay
from ari_app.calls.clock import now
from ari_app.calls.ports import (
    ChannelDestroyed,
    ChannelEntered,
    ChannelHangingUp,
    ChannelLeft,
    ChannelProgressing,
    ChannelRedirected,
    ChannelRinging,
    ChannelUp,
    LifeEvent,
)
from ari_app.domain import events as e
from ari_app.domain.causes import NORMAL_CLEARING, SIP_REFUSED, LegOutcome, leg_outcome


class LegState(Enum):
    """The life of a leg, in this order; RINGING may be skipped, and ASKED is only for one that has to confirm."""

    PLACED = auto()
    RINGING = auto()
    ASKED = auto()  # picked up, and not yet confirmed
    UP = auto()
    ENDED = auto()


@dataclass(slots=True, kw_only=True)
class Leg:
    """One channel that we created.

    `user` is the id of the user who is called by it, "" for nobody of the directory.
    `name` is "" until the leg has entered the application. `ending` is the reason why we took it back, for the record.
    `way` is the trunk that it leads by. `refused`: the switch would not even create or dial it. `reached`: its other
    end has said more than 100 Trying; when that is so, or the leg has ended, it is `settled`. `is_bridged`: it was in
    the bridge with the caller before anybody answered.
    What happens before the leg is `dialled` on record waits in `untold`; of a leg that is never dialled, nothing is.
    One that has to `confirm` is up when the right key was pressed; `key` is the first that was, and `decided` is set by
    it or by the leg's end. With `auto_answer` its phone is asked to pick up by itself. One that `hangs_up` is as good
    as gone: its end is told a moment later. A `newcomer` was not created by us for this call: it came by a transfer.
    """

    role: str
    channel_id: str
    endpoint: str
    dial_string: str
    user: str = ""
    way: TrunkWay | None = None
    shown_name: str = ""
    name: str = ""
    state: LegState = LegState.PLACED
    ending: LegOutcome | None = None
    cause: int = 0
    tech_cause: int | None = None
    outcome: LegOutcome | None = None
    refused: bool = False
    reached: bool = False
    progressed: bool = False
    is_bridged: bool = False
    redirected_to: str = ""
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    exists: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    dialled: bool = False
    untold: list[e.CallEvent] = field(default_factory=list)
    newcomer: bool = False
    confirm: bool = False
    auto_answer: bool = False
    is_asked: bool = False
    key: str = ""
    hangs_up: bool = False
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def arrived(cls, role: str, channel_id: str, name: str) -> Self:
        """The leg that a channel is which is there already, and speaks."""
        leg = cls(role=role, channel_id=channel_id, endpoint=endpoint_of(name), dial_string="", name=name)
        leg.state, leg.dialled, leg.newcomer = LegState.UP, True, True
        for waited_for in (leg.exists, leg.entered, leg.settled):
            waited_for.set()
        return leg

    @property
    def number(self) -> str:
        """What others may be shown of it: the number outside that it called, or the name of its endpoint."""
        dialled, at, _ = self.dial_string.removeprefix("PJSIP/").rpartition("@")
        return dialled if at and "/" not in dialled else self.endpoint.removeprefix("PJSIP/")

    @property
    def alive(self) -> bool:
        """Whether the channel may still be there."""
        return self.state is not LegState.ENDED

    def hear(self, event: LifeEvent) -> e.CallEvent | None:
        """Take in what the switch tells of the channel; what is to be put on record of it."""
        match event:
            case ChannelEntered():
                self.name = event.name
                self.entered.set()
                return self._picked_up() if event.up else None
            case ChannelRinging():
                self._reached()
                if self.state is LegState.PLACED:
                    self.state = LegState.RINGING
                    return e.LegRinging(at=now(), leg=self.role)
            case ChannelProgressing():
                self._reached()
                if not self.progressed:
                    self.progressed = True
                    return e.LegProgressed(at=now(), leg=self.role)
            case ChannelRedirected():
                self.redirected_to = self.redirected_to or event.target
            case ChannelUp():
                return self._picked_up()
            case ChannelDestroyed():
                if self.alive:
                    return self.end(event.cause, event.tech_cause)
            case ChannelHangingUp():
                self.hangs_up = True
                self.cause = self.cause or event.cause
            case ChannelLeft():
                # A leg's cause follows with ChannelDestroyed; of other channels that may never be told.
                if self.newcomer and self.alive:
                    return self.end(self.cause or NORMAL_CLEARING)
        return None

    def press(self, key: str, wanted: str) -> e.CallEvent | None:
        """Take in a key; what is to be put on record of it. The `wanted` one confirms, any other declines."""
        if self.state is not LegState.ASKED or self.ending is not None or self.key:
            return None
        self.key = key
        self.decided.set()
        if key != wanted:
            return None
        self.state = LegState.UP
        return e.LegConfirmed(at=now(), leg=self.role)

    def end(self, cause: int, tech_cause: int | None = None) -> e.LegEnded:
        """The channel is gone; what is to be put on record."""
        self.cause, self.tech_cause = cause or self.cause, tech_cause
        has_refused = self.state in (LegState.PLACED, LegState.RINGING) and tech_cause in SIP_REFUSED
        by_itself = self._ended_by_itself(cause, tech_cause)
        self.outcome = by_itself if has_refused else self.ending or by_itself  # it may refuse as it is taken back
        self.state = LegState.ENDED
        for waited_for in (self.decided, self.gone, self.exists, self.entered, self.settled):
            waited_for.set()
        return e.LegEnded(at=now(), leg=self.role, outcome=self.outcome.value, cause=self.cause, tech_cause=tech_cause)

    def _reached(self) -> None:
        self.reached = True
        self.settled.set()

    def _picked_up(self) -> e.CallEvent | None:
        self._reached()
        if not self.alive or self.state in (LegState.ASKED, LegState.UP):
            return None
        self.state = LegState.ASKED if self.confirm else LegState.UP
        return e.LegAnswered(at=now(), leg=self.role)

    def _ended_by_itself(self, cause: int, tech_cause: int | None) -> LegOutcome:
        match self.state:
            case LegState.UP:
                return LegOutcome.ANSWERED
            case LegState.ASKED:
                return LegOutcome.UNCONFIRMED
            case _:
                return leg_outcome(cause, tech_cause)


def endpoint_of(channel_name: str) -> str:
    """ "PJSIP/ada-0000001f" -> "PJSIP/ada"."""
    return channel_name.rpartition("-")[0] or channel_name


def contact_of(dial_string: str) -> str:
    """ "PJSIP/ada/sip:ada@127.0.0.1:5061" -> "sip:ada@127.0.0.1:5061"; a trunk's dial string stays as it is."""
    technology, _, rest = dial_string.partition("/")
    _, slash, contact = rest.partition("/")
    return contact if slash and technology == "PJSIP" else dial_string
