"""A number outside by several trunks: which one comes next, and when.

The next trunk is tried when the one before has failed by a fault of its own (ari_app.domain.failover), or when it said
nothing but 100 Trying for its `setup_timeout_s`. One that is known to be down is passed over; when
that is not known yet, Asterisk refuses to create its leg.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from agi_router.routing.step import TrunkWay
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.leg import Leg
from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome
from ari_app.domain.failover import lies_in_trunk

REMOTE_TAG: Final = "CHANNEL(pjsip,remote_tag)"
"""Is there as soon as any response but 100 has come, also one that Asterisk tells nobody of, such as 181."""


def next_way(call: Call, left: list[TrunkWay], *, is_first: bool) -> TrunkWay | None:
    """Take the next of the trunks that are `left`; those that are down are put on record, and passed over.

    When all are down and none was tried before, it is the first one all the same: Asterisk may be wrong.
    """
    at_worst = left[0] if left and is_first else None
    while left:
        way = left.pop(0)
        if not call.presence.is_down(way.endpoint):
            return way
        call.tell(e.TrunkSkipped(at=now(), trunk=way.trunk, endpoint=f"PJSIP/{way.endpoint}"))
    return at_worst


def failed_by_its_trunk(call: Call, leg: Leg) -> bool:
    """Whether this leg has ended for a reason that another trunk may not have."""
    if leg.alive or leg.ending is not None or leg.outcome is LegOutcome.UNCONFIRMED or call.caller_hangs_up:
        return False
    return leg.refused or lies_in_trunk(leg.cause, leg.tech_cause, reached=leg.reached)


async def watch_setup(call: Call, leg: Leg, timeout_s: float, give_up: Callable[[], None]) -> None:
    """Call `give_up` when the trunk of this leg has said nothing but 100 Trying for so long."""
    try:
        async with asyncio.timeout(timeout_s):
            await leg.settled.wait()
    except TimeoutError:
        said = await call.telephony.read_variable(leg.channel_id, REMOTE_TAG)
        if not said and leg.ending is None and not leg.settled.is_set():
            give_up()
