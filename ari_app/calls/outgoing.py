"""Calls to numbers outside: asked of the dial policy's limits before they are dialled.

Nothing here waits: the counters are in memory. A call that is let through counts until its leg ends (see `Call`).
"""

from agi_router.routing.errors import Failure
from agi_router.routing.outgoing import OutgoingCall
from agi_router.routing.step import TrunkTarget, TrunkWay
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.domain import events as e


def ask_to_dial(
    call: Call, channel_id: str, target: TrunkTarget, way: TrunkWay, *, instead_of: str = ""
) -> Failure | None:
    """Whether this number may be dialled now by a leg with this id: None, and it is counted; else the reason why not.

    `instead_of` is the id of the leg by another trunk that came to nothing: it is the same call. Both the refusal and
    limits that are near are put on record.
    """
    asked = OutgoingCall(channel_id, target.number, call.route, call.key)
    admission = call.volume.admit(asked, now(), instead_of=instead_of)
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
