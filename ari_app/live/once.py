"""What is done once, however often the request is sent: whoever got no answer may ask again by the same key.

What becomes of a request is not kept beside it: its id is chosen, and committed under the key, before anything is done,
and the call log, or the messages on record, tell the rest. So a router that was killed in between never does it twice.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final, Generic, TypeVar

import structlog

from agi_router.routing.click_to_dial import CallRequest
from agi_router.routing.errors import Failure
from ari_app.calls.click_to_dial import refusal_of
from ari_app.calls.ids import new_call_id
from ari_app.calls.supervisor import Rejected, Supervisor
from ari_app.live.feed import Feed
from ari_app.storage.errors import StorageError
from ari_app.storage.reservations import Reservation, Reservations

log = structlog.get_logger(__name__)

OTHER_REQUEST: Final = Failure(
    "idempotency_key_reused",
    "this Idempotency-Key came with another request before",
    "use a new key for each request; a key is kept for a day",
)
IN_FLIGHT: Final = Failure(
    "idempotency_in_flight",
    "the first request with this Idempotency-Key is just being carried out",
    "ask again in a second: the answer is that of the first one then",
)

DoneT = TypeVar("DoneT")
Doing = Callable[[str], Awaitable[DoneT | Failure]]


@dataclass(frozen=True, slots=True)
class Outcome(Generic[DoneT]):
    """What became of a request, or why nothing did. A replay has the answer of an earlier one."""

    result: DoneT | Failure
    is_replay: bool = False


class Once:
    """Keys of idempotency: those of different owners have nothing to do with each other."""

    def __init__(self, reservations: Reservations) -> None:
        self._reservations = reservations
        self._in_flight: dict[str, str] = {}  # the requests' fingerprints, by their names

    async def carry_out(
        self, request: object, owner: str, key: str, *, new_id: str, do: Doing[DoneT], told: Doing[DoneT]
    ) -> Outcome[DoneT]:
        """Have it done by `do` under the new id, or have `told` say what became of it, by the id of then.

        `request` is JSON: what comes again with the key must be the same. A Failure of `do` leaves the key free.
        """
        name, fingerprint = _digest(owner, key), _digest(json.dumps(request, sort_keys=True))
        if name in self._in_flight:
            return Outcome(IN_FLIGHT if self._in_flight[name] == fingerprint else OTHER_REQUEST)
        self._in_flight[name] = fingerprint
        try:
            mine = Reservation(fingerprint, new_id)
            standing = await self._reservations.reserve(name, mine)
            if standing.fingerprint != fingerprint:
                return Outcome(OTHER_REQUEST)
            if standing != mine:
                return Outcome(await told(standing.call_id), is_replay=True)
            done = await do(new_id)
            if isinstance(done, Failure):
                await self._reservations.release(name)
            return Outcome(done)
        except StorageError as error:
            log.warning("a request is not carried out, for its Idempotency-Key cannot be kept", reason=str(error))
            return Outcome(Failure("idempotency_unavailable", f"{error}; nothing is done", error.remedy))
        finally:
            del self._in_flight[name]


Placed = Outcome[str | Rejected]
"""The id of a call, or why there is none."""


class PlacingOnce:
    """Places calls by keys of idempotency."""

    def __init__(self, supervisor: Supervisor, once: Once, feed: Feed) -> None:
        self._supervisor = supervisor
        self._once = once
        self._feed = feed

    async def place(self, request: CallRequest, owner: str, key: str) -> Placed:
        """Place it, or tell what became of it."""

        async def do(call_id: str) -> str | Rejected | Failure:
            placed = await self._supervisor.place(request, call_id)
            if not isinstance(placed, Failure):
                await self._feed.flush()  # what was answered is known after a crash
            return placed

        return await self._once.carry_out(asdict(request), owner, key, new_id=new_call_id(), do=do, told=self._told)

    async def _told(self, call_id: str) -> str | Rejected | Failure:
        happened = await self._feed.happened(call_id)
        if not happened and call_id not in self._supervisor.live:
            return Failure(
                "idempotency_outcome_unknown",
                f"the router ended while it carried out this request: no call {call_id} is on record, but a phone may"
                " have rung",
                "look whether the two have spoken; to place the call, ask with a new key",
            )
        why = refusal_of(happened)
        return call_id if why is None else Rejected(call_id, why)


def _digest(*parts: str) -> str:
    """A name of fixed length, of which no part can be mistaken for another."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
