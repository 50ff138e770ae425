"""The last agent who spoke with this caller: found as the step begins, so that the talk of a minute ago counts."""

import asyncio

from agi_router.routing.errors import Failure
from agi_router.routing.step import FindLastAgent, Refused, Ring
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.domain import events as e


async def find_last_agent(call: Call, action: FindLastAgent) -> Ring | Refused:
    """What is done to reach him: ring, or refuse the step. Raises CallerGoneError."""
    assert call.decider is not None, "who follows a decision's steps has a decider"
    asking = asyncio.create_task(call.decider.last_agent(call.arrival.caller_number, action))
    found = await call.hear_until(asking)
    if isinstance(found, Failure):
        return Refused(found)
    age_s = (now() - found.ended_at).total_seconds()
    call.tell(e.LastAgentFound(at=now(), user=found.user, name=found.name, age_s=max(0.0, age_s)))
    return found.action
