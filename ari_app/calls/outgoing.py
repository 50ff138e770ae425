"""Calls to numbers outside: asked of the dial policy's limits before they are dialled.

Nothing here waits: the counters are in memory. A call that is let through counts until its leg ends (see `Call`).
"""

from datetime import datetime
from typing import Any, Protocol

from agi_router.routing.errors import Failure
from agi_router.routing.outgoing import OutgoingCall
from agi_router.routing.step import Step, TrunkTarget, TrunkWay
from agi_router.routing.volume import Volume
from ari_app.calls.clock import now
from ari_app.domain import events as e


class Dials(Protocol):
    """A call that may lead outside; `route` and `key` are those it counts for."""

    @property
    def volume(self) -> Volume:
        """What is counted."""
        ...

    @property
    def log(self) -> Any:
        """A structlog logger."""
        ...

    @property
    def route(self) -> str:
        """The route that it is in."""
        ...

    @property
    def key(self) -> str:
        """The name of the API key by which it was asked for, "" for none."""
        ...

    def tell(self, event: e.CallEvent) -> None:
        """Put a fact on record."""


def ask_to_dial(
    call: Dials,
    channel_id: str,
    target: TrunkTarget,
    way: TrunkWay,
    *,
    instead_of: str = "",
    expires_at: datetime | None = None,
) -> Failure | None:
    """Whether this number may be dialled now by a leg with this id: None, and it is counted; else the reason why not.

    `instead_of` is the id of the leg by another trunk that came to nothing: it is the same call. Both the refusal and
    limits that are near are put on record. With `expires_at` it counts until then, should its end not be told.
    """
    asked = OutgoingCall(channel_id, target.number, call.route, call.key)
    admission = call.volume.admit(asked, now(), instead_of=instead_of, expires_at=expires_at)
    for near in admission.warnings:
        call.log.warning("a limit of the dial policy is near", limit=near.key, scope=str(near.scope), count=str(near))
        call.tell(e.LimitNear(at=now(), limit=near.key, scope=str(near.scope), detail=str(near)))
    refusal = admission.refusal
    if refusal is not None:
        call.log.warning("a number outside is not dialled", code=refusal.code, reason=refusal.message)
        call.tell(
            e.NumberRefused(
                at=now(),
                number=target.number,
                trunk=way.trunk,
                user=target.user,
                code=refusal.code,
                detail=refusal.message,
                remedy=refusal.remedy,
            )
        )
    return refusal


def without_room(volume: Volume, step: Step, key: str) -> Failure | None:
    """Why the limits leave no room for this step now, where it leads outside only; None when they do.

    It is asked before anybody is bothered, and counts nothing: the limits are asked again as each number is dialled.
    """
    outside = [target.number for target in step.targets if isinstance(target, TrunkTarget)]
    if not outside or len(outside) < len(step.targets):
        return None
    refusals = [volume.check(OutgoingCall("", number, "", key), now()).refusal for number in outside]
    return None if None in refusals else refusals[0]
