"""A queue of Asterisk's: the caller is lent to the dialplan, which runs Queue(), and comes back with its result.

    router ── continue ──> [agi-router-queue]: Queue() ── Stasis(..., queue-return, RESULT) ──> router

Meanwhile his channel is watched by a subscription: who answers him is on record, and so is his hangup. A router that
dies meanwhile finds him in the queue when it comes back (ari_app.calls.recovery).
"""

import asyncio
import math
from dataclasses import dataclass
from typing import Final

from agi_router.routing.dialplan_place import DialplanPlace
from agi_router.routing.errors import Failure
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.leaving import lend_to, missing_place
from ari_app.calls.ports import ChannelEntered, DialAnswered
from ari_app.domain import events as e
from ari_app.domain.causes import NORMAL_CLEARING

QUEUE: Final = DialplanPlace("agi-router-queue")
MEMBER_CONTEXTS: Final = (
    "agi-router-member",
    "from-queue",
)  # ours, and that of FreePBX, whose extensions are endpoints
RETURN: Final = "queue-return"
"""The fourth argument of the Stasis() by which a caller comes back; the fifth is QUEUESTATUS."""

SERVED: Final = "CONTINUE"
_OUTCOMES: Final = {
    "TIMEOUT": "no_answer",
    "FULL": "busy",
    "JOINEMPTY": "unavailable",
    "LEAVEEMPTY": "unavailable",
    "JOINUNAVAIL": "unavailable",
    "LEAVEUNAVAIL": "unavailable",
}
_REASONS: Final = {
    "FULL": ("has as many callers as it may (maxlen)", "raise maxlen in queues.conf, or add members"),
    "JOINEMPTY": ("takes nobody, as it has no members (joinempty)", "add members; queue show NAME lists them"),
    "LEAVEEMPTY": ("lets its callers go, as it has no members (leavewhenempty)", "add members; queue show NAME"),
    "JOINUNAVAIL": ("takes nobody, as no member is there (joinempty)", "queue show NAME tells the members' states"),
    "LEAVEUNAVAIL": ("lets its callers go, as no member is there (leavewhenempty)", "queue show NAME tells why"),
    "WITHDRAW": (
        "lets the caller go, as somebody has withdrawn him",
        "see who sent the AMI action QueueWithdrawCaller",
    ),
    "UNKNOWN": ("is not known to Asterisk", 'add it to queues.conf; then asterisk -rx "queue reload all"'),
}


@dataclass(frozen=True, slots=True)
class Queued:
    """What came of a queue: an outcome of the step, and its reason when that is not plain."""

    outcome: str
    reason: Failure | None = None


async def enqueue(call: Call, queue: str, timeout_s: float) -> Queued | None:
    """Let the caller wait in the queue; None when he was served, and his call is over. Raises CallerGoneError."""
    missing = await call.hear_until(asyncio.create_task(missing_place(call, QUEUE)))
    if missing is not None:
        return Queued("refused", missing)
    await call.hear_until(asyncio.create_task(_prepare(call, queue, timeout_s)))
    await lend_to(call, QUEUE)
    return await wait_in_queue(call, queue)


async def wait_in_queue(call: Call, queue: str) -> Queued | None:
    """As `enqueue`, for a caller who is in the queue."""
    while True:
        event = await call.next_event()
        if isinstance(event, DialAnswered) and event.channel_id == call.caller.channel_id and not call.is_served:
            _tell_member(call, event.peer)
        elif isinstance(event, ChannelEntered) and event.channel_id == call.caller.channel_id:
            call.away = call.inbox.caller_away = False
            await call.telephony.unsubscribe(call.caller.channel_id)
            return await _back(call, queue, status_of(event.args))


def status_of(args: tuple[str, ...]) -> str | None:
    """QUEUESTATUS of a caller who comes back from a queue, by the arguments of his Stasis(); None for any other."""
    return args[4] if len(args) > 4 and args[3] == RETURN else None


async def _prepare(call: Call, queue: str, timeout_s: float) -> None:
    telephony, channel = call.telephony, call.caller.channel_id
    # A carrier drops a caller who waits unanswered, and Queue() alone neither answers nor plays its music.
    await call.reception.attend(answer=True)
    await asyncio.gather(
        telephony.subscribe(channel),
        telephony.set_variable(channel, "AGI_ROUTER_QUEUE", queue),
        telephony.set_variable(channel, "AGI_ROUTER_QUEUE_SECONDS", str(math.ceil(timeout_s))),
    )


async def _back(call: Call, queue: str, status: str | None) -> Queued | None:
    if call.is_served or status == SERVED:
        await call.telephony.hang_up(call.caller.channel_id, "normal")
        call.tell(e.CallEnded(at=now(), by="callee", cause=NORMAL_CLEARING))
        return None
    return came_of(queue, status or "UNKNOWN")


def came_of(queue: str, status: str) -> Queued:
    """What came of a queue that nobody was served by, by its QUEUESTATUS."""
    if status == "TIMEOUT":
        return Queued(_OUTCOMES[status])
    found, remedy = _REASONS.get(status, (f"gave the caller back: {status}", "see Asterisk's log for this call"))
    reason = Failure(f"queue_{status.lower()}", f"the queue {queue} {found}", remedy.replace("NAME", queue))
    return Queued(_OUTCOMES.get(status, "failed"), reason)


def _tell_member(call: Call, channel: str) -> None:
    call.is_served = True
    endpoint = member_endpoint(channel)
    user = call.decider.user_of_endpoint(endpoint) if call.decider else ""
    call.tell(e.QueueAnswered(at=now(), member=f"PJSIP/{endpoint}" if endpoint else channel, user=user))


def member_endpoint(channel: str) -> str:
    """The PJSIP endpoint of a member's channel; "" for another kind of member.

    ada in "PJSIP/ada-0000001f" and in "Local/ada@agi-router-member-00000004;1"; 101 in "Local/101@from-queue-04;1".
    """
    technology, _, rest = channel.partition("/")
    match technology:
        case "PJSIP":
            return rest.rpartition("-")[0]
        case "Local":
            name, _, context = rest.partition("@")
            return name if context.startswith(MEMBER_CONTEXTS) else ""
        case _:
            return ""
