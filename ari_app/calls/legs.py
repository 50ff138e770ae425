"""The legs of a call: they are watched before they exist, what happens to them is put on record, and counted."""

from collections.abc import Callable

from agi_router.routing.step import TrunkWay
from agi_router.routing.volume import Volume
from ari_app.calls.clock import now
from ari_app.calls.ids import leg_channel_id, leg_role
from ari_app.calls.inbox import Inbox, Switchboard
from ari_app.calls.leg import Leg, LegState, contact_of
from ari_app.calls.ports import LifeEvent
from ari_app.domain import events as e
from ari_app.domain.causes import NORMAL_CLEARING, UNKNOWN, LegOutcome


class Legs(dict[str, Leg]):
    """A call's legs by the ids of their channels. `count` is the number of the last one: its successors' ids are free.

    `tell` puts an event on the call's record.
    """

    def __init__(
        self,
        call_id: str,
        inbox: Inbox,
        switchboard: Switchboard,
        volume: Volume,
        tell: Callable[[e.CallEvent], None],
    ) -> None:
        super().__init__()
        self.count = 0
        self._call_id = call_id
        self._inbox = inbox
        self._switchboard = switchboard
        self._volume = volume
        self._tell = tell

    @property
    def alive(self) -> list[Leg]:
        """Those whose channels may still be there."""
        return [leg for leg in self.values() if leg.alive]

    @property
    def next_channel_id(self) -> str:
        """The id that the channel of one more leg will have."""
        return leg_channel_id(self._call_id, leg_role(self.count + 1))

    def next_role(self) -> str:
        """The role of one more leg."""
        self.count += 1
        return leg_role(self.count)

    def new(
        self, endpoint: str, dial_string: str, user: str = "", way: TrunkWay | None = None, *, confirm: bool = False
    ) -> Leg:
        """Plan one more leg; its events are watched before it exists, so none can be lost."""
        role = self.next_role()
        channel_id = leg_channel_id(self._call_id, role)
        leg = Leg(role=role, channel_id=channel_id, endpoint=endpoint, dial_string=dial_string, user=user, way=way)
        leg.confirm = confirm
        self.adopt(leg)
        return leg

    def adopt(self, leg: Leg) -> None:
        """Make a leg this call's own."""
        self[leg.channel_id] = leg
        self._inbox.expect_leg()
        self._switchboard.watch(leg.channel_id, self._inbox)

    def let_go(self, leg: Leg) -> None:
        """Another call has made this leg its own."""
        leg.ending = LegOutcome.JOINED
        self.end(leg)
        del self[leg.channel_id]

    def tell_dialled(self, leg: Leg) -> None:
        """Put on record that a leg is dialled, and what has happened to it already."""
        leg.dialled = True
        contact = contact_of(leg.dial_string)
        self._tell(e.LegDialled(at=now(), leg=leg.role, endpoint=leg.endpoint, contact=contact, user=leg.user))
        for event in leg.untold:
            self._tell(event)

    def hear(self, leg: Leg, event: LifeEvent) -> None:
        """Take in what the switch tells of a leg's channel."""
        self._tell_of(leg, leg.hear(event))

    def press(self, leg: Leg, key: str, wanted: str) -> None:
        """Take in a key that was pressed on a leg's phone; the `wanted` one confirms."""
        self._tell_of(leg, leg.press(key, wanted))

    def end(self, leg: Leg, cause: int = NORMAL_CLEARING) -> None:
        """A leg is none any more, or its end was not seen."""
        self._tell_of(leg, leg.end(cause))

    def give_up(self) -> None:
        """The end of legs that we have hung up without waiting to see it."""
        for leg in self.alive:
            if leg.state is not LegState.UP:
                leg.ending = leg.ending or LegOutcome.CANCELLED
            self.end(leg)

    def lose(self) -> None:
        """The end of legs that nobody has told in time."""
        for leg in self.alive:
            leg.ending = leg.ending or LegOutcome.LOST
            self.end(leg, UNKNOWN)

    def _tell_of(self, leg: Leg, event: e.CallEvent | None) -> None:
        if event is None:
            return
        self._count(leg, event)
        if leg.dialled:
            self._tell(event)
        else:
            leg.untold.append(event)

    def _count(self, leg: Leg, event: e.CallEvent) -> None:
        """Tell the limits of the dial policy; of a leg that does not lead outside they know nothing."""
        match event:
            case e.LegAnswered():
                self._volume.answered(leg.channel_id, now())
            case e.LegEnded() if leg.outcome is LegOutcome.LOST:
                self._volume.lost(leg.channel_id, now())
            case e.LegEnded() if leg.outcome is not LegOutcome.JOINED:  # else it goes on, in another call
                self._volume.ended(leg.channel_id, now())
            case _:
                pass
