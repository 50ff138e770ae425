"""Events on their way to a call: the switchboard finds the call of a channel, the inbox holds what is unread."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from ari_app.calls.ids import is_bridge, owner
from ari_app.calls.ports import ChannelDestroyed, ChannelEntered, ChannelEvent, ChannelLeft
from ari_app.calls.steering_request import TOO_MANY, SteeringRequested

log = structlog.get_logger(__name__)

INBOX_SIZE = 256
"""A call with five devices makes some 40 events; one that has 256 unread is stuck or under attack."""
ROOM_FOR_A_LEG = 16
"""A leg makes some 8 events. When one of a hundred phones answers, the others' last ones come all at once."""
MOST_REQUESTS = 16
"""So many requests may wait for a call: people ask one at a time, and whoever asks more must not cost it its events."""


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who speaks in one call and goes on in another one, `call_id` being that from which he comes."""

    call_id: str
    channel_id: str
    name: str
    endpoint: str
    contact: str
    user: str


@dataclass(frozen=True, slots=True, eq=False)
class PartyWanted:
    """Another call, `by_call`, is to go on with whom this call's `channel_id` speaks: an attended transfer.

    Answered once, by `give` or `refuse`. `waits`: the phone waits on this very channel to be told that it is done.
    """

    channel_id: str
    by_call: str
    waits: bool
    adopt: Callable[[Party], None]
    given: asyncio.Future[bool]

    def give(self, party: Party) -> None:
        """Hand this party over: from this very moment its events go to the other call."""
        if not self.given.done():
            self.adopt(party)
            self.given.set_result(True)

    async def answer(self) -> bool:
        """Wait; whether a party was given."""
        return await asyncio.shield(self.given)

    def refuse(self) -> None:
        """There is nobody to hand over."""
        if not self.given.done():
            self.given.set_result(False)


Notice = ChannelEvent | PartyWanted | SteeringRequested
"""What lies in an inbox."""


class InboxOverflowError(Exception):
    """Events came faster than the call could take them."""


class Inbox:
    """One call's unread events, bounded.

    `put` never waits, so the reader of the websocket never does. What says that a channel is gone is kept even when
    the inbox is full: the call must still be able to clean up.
    """

    def __init__(self, caller_channel: str, size: int = INBOX_SIZE) -> None:
        self._events: deque[Notice] = deque()
        self._size = size
        self._arrived = asyncio.Event()
        self._caller_channel = caller_channel
        self._overflowed = False
        self.caller_gone = asyncio.Event()
        self.caller_away = False  # he leaves, and comes back

    def expect_leg(self) -> None:
        """Make room for the events of one more leg: what we have dialled ourselves is no attack."""
        self._size += ROOM_FOR_A_LEG

    def is_of_caller(self, channel_id: str) -> None:
        """Another channel is the caller's from now on; he may have left already, by an event that is not yet read."""
        self._caller_channel = channel_id
        self.caller_gone.clear()
        if any(
            isinstance(event, ChannelLeft | ChannelDestroyed) and event.channel_id == channel_id
            for event in self._events
        ):
            self.caller_gone.set()

    def put(self, event: Notice) -> None:
        """Take one event; of requests from outside, none beyond the first `MOST_REQUESTS`."""
        if isinstance(event, SteeringRequested) and self._requests >= MOST_REQUESTS:
            event.answer(TOO_MANY)
            return
        gone = isinstance(event, ChannelLeft | ChannelDestroyed)
        lent = self.caller_away and isinstance(event, ChannelLeft)
        if isinstance(event, ChannelLeft | ChannelDestroyed) and not lent and event.channel_id == self._caller_channel:
            self.caller_gone.set()
        if len(self._events) >= self._size and not gone:
            self._overflowed = True
        else:
            self._events.append(event)
        self._arrived.set()

    def is_of_gone_caller(self, channel_id: str) -> bool:
        """Whether this is the channel of the call's caller, and he has left."""
        return channel_id == self._caller_channel and self.caller_gone.is_set()

    async def get(self) -> Notice:
        """The next event, in the order of arrival. Raises InboxOverflowError once, when events were lost."""
        while (event := self._next()) is None:
            self._arrived.clear()
            await self._arrived.wait()
        return event

    async def get_until(self, work: asyncio.Task[Any]) -> Notice | None:
        """The next event, or None when the work is done and no event has come before. Raises as `get` does."""
        work.add_done_callback(self._wake)
        try:
            while (event := self._next()) is None and not work.done():
                self._arrived.clear()
                await self._arrived.wait()
            return event
        finally:
            work.remove_done_callback(self._wake)

    @property
    def _requests(self) -> int:
        return sum(isinstance(event, SteeringRequested) for event in self._events)

    def _next(self) -> Notice | None:
        if self._overflowed:
            self._overflowed = False
            raise InboxOverflowError(f"more than {self._size} unread events")
        return self._events.popleft() if self._events else None

    def _wake(self, _work: asyncio.Task[Any]) -> None:
        self._arrived.set()


class Switchboard:
    """Brings each event to the inbox that watches its channel, without waiting.

    A channel that nobody watches is a new caller, an orphan of ours (a leg whose call is gone), or not ours.
    """

    def __init__(self, on_caller: Callable[[ChannelEntered], None], on_orphan: Callable[[str], None]) -> None:
        self._inboxes: dict[str, Inbox] = {}
        self._on_caller = on_caller
        self._on_orphan = on_orphan
        self._departed: set[str] | None = None

    def watch(self, channel_id: str, inbox: Inbox) -> None:
        """From now on this channel's events go into this inbox."""
        self._inboxes[channel_id] = inbox

    def forget(self, channel_ids: Iterable[str], inbox: Inbox) -> None:
        """The call with this inbox is over: it watches these channels no more. Another call may: see `deliver`."""
        for channel_id in channel_ids:
            if self._inboxes.get(channel_id) is inbox:
                del self._inboxes[channel_id]

    def pass_on(self, notice: ChannelEvent | PartyWanted) -> bool:
        """Put what one call tells another into the inbox that watches the channel; False when there is none."""
        inbox = self._inboxes.get(notice.channel_id)
        if inbox is not None:
            inbox.put(notice)
        return inbox is not None

    def watches(self, channel_id: str) -> bool:
        """Whether some call owns this channel."""
        return channel_id in self._inboxes

    @property
    def channels(self) -> int:
        """How many channels are watched. The bridges of calls are, too, and are none."""
        return sum(not is_bridge(any_id) for any_id in self._inboxes)

    def __len__(self) -> int:
        return len(self._inboxes)

    @contextmanager
    def departures(self) -> Iterator[Set[str]]:
        """The channels that leave while this block runs: what was read about them before does not hold any more."""
        departed: set[str] = set()
        self._departed = departed
        try:
            yield departed
        finally:
            self._departed = None

    def deliver(self, event: ChannelEvent) -> None:
        """Take one event from the switch.

        The dialplan may send a caller into the application again, at once, while his call that is over still tidies up:
        that is a new call.
        """
        if self._departed is not None and isinstance(event, ChannelLeft | ChannelDestroyed):
            self._departed.add(event.channel_id)
        if isinstance(event, ChannelEntered) and event.replaces in self._inboxes:
            self.watch(event.channel_id, self._inboxes[event.replaces])
        inbox = self._inboxes.get(event.channel_id)
        if inbox is not None and not (isinstance(event, ChannelEntered) and inbox.is_of_gone_caller(event.channel_id)):
            inbox.put(event)
        elif isinstance(event, ChannelEntered):
            if owner(event.channel_id) is None and event.replaces is None:
                self._on_caller(event)
            else:
                log.warning("a leg came up whose call is over; it is hung up", channel=event.channel_id)
                self._on_orphan(event.channel_id)
