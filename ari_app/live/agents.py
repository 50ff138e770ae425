"""The control socket's door to the agents: how each user stands, as programs get it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agi_router.routing.step import Member
from ari_app.calls.memberships import Membership
from ari_app.calls.presence import Presence, Why

Agents = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

FREE = "free"
RINGING = "ringing"


def agents(presence: Presence) -> Agents:
    """The command `agents`: `{"agents": [...], "queues_known": ...}`."""

    async def tell(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "agents": [_as_json(presence, member) for member in presence.members()],
            "queues_known": presence.memberships.known,
        }

    return tell


def _as_json(presence: Presence, member: Member) -> dict[str, Any]:
    """`state` is free, ringing or why he is busy; `registered` is None when that is not known."""
    busy = presence.busy(member)
    state = busy.why.value if busy else RINGING if presence.is_ringing(member.user) else FREE
    return {
        "user": member.user,
        "name": member.name,
        "devices": presence.device_states(member.user),
        "registered": presence.is_registered(member),
        "state": state,
        "for_s": None if busy is None or busy.for_s is None else round(busy.for_s, 1),
        "dnd": any(each.why is Why.DND for each in presence.all_busy(member)),
        "queues": [_queue_as_json(membership) for membership in presence.queues_of(member.user)],
    }


def _queue_as_json(membership: Membership) -> dict[str, Any]:
    return {"queue": membership.queue, "paused": membership.paused, "reason": membership.reason}
