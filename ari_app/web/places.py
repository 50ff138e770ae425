"""Who is connected: how many at a time, and who goes when there are too many. It knows no HTTP."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, Protocol

NEVER: Final = float("inf")

SHARE: Final = 0.5
"""What one address may have of all places: other addresses are never kept out by one."""


class Guest(Protocol):
    """A connection. After `due`, on the loop's clock, it is too slow; `source` is its IP address."""

    source: str
    due: float

    def send_away(self) -> None:
        """Close it at once; it may be far from open."""


class Places:
    """As many places as may be taken at a time.

    Who comes when all are taken gets the place of the one who has waited longest without asking anything: a program
    that means well asks as soon as it is let in, and one that only holds a place loses it. When all others wait for an
    answer of ours, the newcomer goes. The same holds for the places of one address, but where `is_near`: behind that
    address there may be many (a proxy), or it is this host.
    """

    def __init__(self, most: int, is_near: Callable[[str], bool]) -> None:
        self._most = most
        self._most_of_one = max(1, int(most * SHARE))
        self._is_near = is_near
        self._guests: set[Guest] = set()
        self._silent: dict[Guest, None] = {}  # the oldest first
        self._of_source: Counter[str] = Counter()
        self._emptied = asyncio.Event()
        self.refused = self.slow = 0
        """How many have gone because all places were taken, and because they were too slow."""

    def __len__(self) -> int:
        return len(self._guests)

    @property
    def guests(self) -> tuple[Guest, ...]:
        """Who is there now."""
        return tuple(self._guests)

    def admit(self, guest: Guest) -> bool:
        """Give it a place; False when there is none, and it has to go."""
        of_source = self._of_source[guest.source]
        if of_source >= self._most_of_one and not self._is_near(guest.source):
            has_room = self._make_room(each for each in self._silent if each.source == guest.source)
        else:
            has_room = len(self._guests) < self._most or self._make_room(self._silent)
        if has_room:
            self._guests.add(guest)
            self._silent[guest] = None
            self._of_source[guest.source] += 1
        return has_room

    def asks(self, guest: Guest) -> None:
        """It waits for an answer of ours."""
        self._silent.pop(guest, None)

    def rests(self, guest: Guest) -> None:
        """It has its answer."""
        if guest in self._guests:
            self._silent[guest] = None

    def leave(self, guest: Guest) -> None:
        """Its place is free again."""
        if guest in self._guests:
            self._guests.remove(guest)
            self._silent.pop(guest, None)
            self._of_source[guest.source] -= 1
            if not self._of_source[guest.source]:
                del self._of_source[guest.source]
        if not self._guests:
            self._emptied.set()

    async def wait_until_empty(self) -> None:
        """Until nobody is there."""
        while self._guests:
            self._emptied.clear()
            await self._emptied.wait()

    def sweep(self, now: float) -> None:
        """Send those away who are too slow."""
        for guest in [each for each in self._guests if each.due < now]:
            self.slow += 1
            self._send_away(guest)

    def _make_room(self, silent: Iterable[Guest]) -> bool:
        self.refused += 1
        longest = next(iter(silent), None)
        if longest is None:
            return False
        self._send_away(longest)
        return True

    def _send_away(self, guest: Guest) -> None:
        """Its place counts as free at once, though its socket closes a moment later."""
        self.leave(guest)
        guest.send_away()
