"""Early media: a trunk is heard before it answers, by a caller who is in the bridge with its leg already.

Only where a step has one leg at a time, and the caller waits with nothing but ringing: docs/decisions/0014. The leg's
200 then answers the caller by itself. A leg that fails leaves the caller ringing, outside of the bridge.
"""

import asyncio
from collections.abc import Sequence

from agi_router.routing.step import Target, TrunkTarget
from agi_router.routing.treatment import Waiting
from ari_app.calls.bridging import guard_early
from ari_app.calls.call import Call
from ari_app.calls.leg import Leg
from ari_app.calls.ports import TelephonyError


def may_be_heard(call: Call, targets: Sequence[Target]) -> bool:
    """Whether the caller is to hear the trunk's own sounds while these targets ring."""
    only_ringing = call.treatment.waiting is Waiting.RINGING and not call.treatment.announcement
    if not only_ringing or len(targets) != 1:
        return False
    return isinstance(targets[0], TrunkTarget) and not targets[0].confirm  # a mailbox's 200 would answer the caller


class EarlyMedia:
    """The caller in the bridge with a leg that nobody has answered yet: one leg at a time."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._leg: Leg | None = None

    async def join(self, leg: Leg) -> None:
        """Bridge the caller with a leg whose INVITE follows. What fails here only leaves the trunk unheard.

        He goes on hearing ringing until there is something else to be heard.
        """
        call = self._call
        await self.leave()
        members = [call.caller.channel_id, leg.channel_id]
        try:
            await call.bridge.ready()
            await asyncio.gather(
                guard_early(call, leg), call.telephony.add_to_bridge(call.bridge_id, members, introduce=False)
            )
        except TelephonyError as error:
            call.log.info("a trunk can't be heard before its answer", leg=leg.role, error=str(error))
        else:
            self._leg, leg.is_bridged = leg, True

    async def leave(self) -> None:
        """Take the caller away from a leg that has failed, or was given up, and let him hear ringing again."""
        call, leg, self._leg = self._call, self._leg, None
        if leg is None:
            return
        leg.is_bridged = False
        channels = [call.caller.channel_id, *([leg.channel_id] if leg.alive else [])]
        try:
            await asyncio.gather(*(call.telephony.remove_from_bridge(call.bridge_id, channel) for channel in channels))
            await call.reception.resume()
        except TelephonyError as error:  # of a caller who has hung up, which is told by an event
            call.log.info("a caller could not be taken out of the bridge", error=str(error))
