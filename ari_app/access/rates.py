"""How often somebody may ask: exact sliding windows, on the monotonic clock.

Own code, as the library for it (`limits`) reads the wall clock and starts a thread for its memory; these are few lines.
"""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_network
from math import ceil
from time import monotonic_ns
from typing import Final

from agi_router.routing.errors import Failure
from ari_app.access.key import KeyLimits
from ari_app.access.networks import Address

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
"""In nanoseconds, which add up without rounding: who waits as long as he is told finds room."""

MOST_ADDRESSES: Final = 10_000
"""Of whose guesses is known; then those are forgotten that began first."""

Clock = Callable[[], int]
"""Nanoseconds since any moment."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How somebody stands with a limit of so many in `window_s` seconds: this one was `allowed`, or came too early.

    `remaining` may come at once; `room_in_s` is when one more may, than may now.
    """

    allowed: bool
    limit: int
    window_s: int
    remaining: int
    room_in_s: float

    @property
    def headers(self) -> Iterator[tuple[str, str]]:
        """RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10), and Retry-After (RFC 9110)."""
        wait_s = ceil(self.room_in_s)
        yield "ratelimit-policy", f'"requests";q={self.limit};w={self.window_s}'
        yield "ratelimit", f'"requests";r={self.remaining};t={wait_s}'
        if not self.allowed:
            yield "retry-after", str(max(1, wait_s))


@dataclass(slots=True)
class Window:
    """What came in the last so many nanoseconds. What is refused does not count: trying keeps nobody out for longer."""

    width: int
    _came: deque[int] = field(default_factory=deque)

    def take(self, limit: int, at: int) -> Quota:
        """Count one more, if there is room."""
        while self._came and self._came[0] <= at - self.width:
            self._came.popleft()
        allowed = len(self._came) < limit
        if allowed:
            self._came.append(at)
        room_in = self._came[max(0, len(self._came) - limit)] + self.width - at
        return Quota(allowed, limit, self.width // SECOND, max(0, limit - len(self._came)), room_in / SECOND)


class RequestRates:
    """Requests of each key in a sliding window of so many nanoseconds."""

    def __init__(self, clock: Clock = monotonic_ns, *, width: int = MINUTE) -> None:
        self._clock = clock
        self._width = width
        self._windows: dict[str, Window] = {}

    def take(self, key_id: str, limit: int) -> Quota:
        """Count a request of this key, which may ask so often in the window."""
        return self._windows.setdefault(key_id, Window(self._width)).take(limit, self._clock())


class CallRates:
    """The calls that programs have placed: `limits_of` tells the limits of the key of a name."""

    def __init__(self, limits_of: Callable[[str], KeyLimits], clock: Clock = monotonic_ns) -> None:
        self._limits_of = limits_of
        self._clock = clock
        self._windows: dict[str, Window] = {}

    def refusal(self, key: str, live: int) -> Failure | None:
        """Why this key may not place a call while `live` ones of it go on; None counts it as placed."""
        limits = self._limits_of(key)
        if limits.concurrent_calls is not None and live >= limits.concurrent_calls:
            return Failure(
                "key_concurrent_calls",
                f"{limits.concurrent_calls} calls of the key {key} go on, and it may have no more",
                "ask again when one of them has ended",
            )
        if limits.calls_per_second is not None:
            quota = self._windows.setdefault(key, Window(SECOND)).take(limits.calls_per_second, self._clock())
            if not quota.allowed:
                return Failure(
                    "key_calls_per_second",
                    f"the key {key} may place {limits.calls_per_second} calls in a second",
                    "ask again in a second",
                )
        return None


class Guesses:
    """Wrong keys by address; a network of IPv6 (/64) is one, as anybody has a whole one.

    Only different ones count: a program whose key has expired asks with the same one again and again, and shuts out
    nobody; who guesses needs many.
    """

    def __init__(self, clock: Clock = monotonic_ns) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, dict[bytes, int]] = OrderedDict()
        self._right: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def locked_for_s(self, address: Address, per_minute: int) -> float:
        """For how long no strange key is looked at that comes from here; 0 when none has guessed too often."""
        wrong = self._recent(_place(address))
        if len(wrong) < per_minute:
            return 0.0
        return (sorted(wrong.values())[-per_minute] + MINUTE - self._clock()) / SECOND

    def note(self, address: Address, token: str) -> bool:
        """Count a wrong key; whether it is another one than those of the last minute."""
        place, digest = _place(address), _digest(token)
        wrong = dict(self._recent(place))
        if digest in wrong:
            return False
        self._wrong[place] = {**wrong, digest: self._clock()}
        self._wrong.move_to_end(place)
        while len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)
        return True

    def note_right(self, address: Address, token: str) -> None:
        """Remember that somebody at this address has this key, and need not guess."""
        known = (_place(address), _digest(token))
        self._right[known] = None
        self._right.move_to_end(known)
        while len(self._right) > MOST_ADDRESSES:
            self._right.popitem(last=False)

    def was_right(self, address: Address, token: str) -> bool:
        """Whether somebody at this address has this key: others behind the same one do not lock him out."""
        return (_place(address), _digest(token)) in self._right

    def _recent(self, place: str) -> Mapping[bytes, int]:
        since = self._clock() - MINUTE
        recent = {digest: at for digest, at in self._wrong.get(place, {}).items() if at > since}
        if place in self._wrong:
            self._wrong[place] = recent
        if not recent:
            self._wrong.pop(place, None)
        return recent


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _place(address: Address) -> str:
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)
