"""Whom a dry run would ring of a team: in the order of their turns, and how they stand now.

Known of Asterisk and of the call log. The turns of round robin are in the memory of the running router; here they go by
the ends of the last talks, as they do when a router starts.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from agi_router.routing.order import IfBusy, arrange
from agi_router.routing.step import EndpointTarget, Member, Ring
from ari_app.app import look_up_states
from ari_app.calls.presence import Busy, Presence
from ari_app.calls.roster import TECHNOLOGY, Roster
from ari_app.live.roster import roster
from ari_app.settings import Settings
from ari_app.storage.call_reader import read_calls
from ari_app.storage.errors import StorageError

FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingMember:
    """`state` is free, or why he is busy: in_call, wrap_up (for `for_s` seconds more), dnd; None when it is unknown."""

    user: str
    name: str
    state: str | None
    for_s: float | None = None


async def standing_members(settings: Settings, action: Ring) -> tuple[StandingMember, ...]:
    """() where it does not matter who is busy, nor in which order they ring."""
    if not action.team and action.if_busy is IfBusy.RING:
        return ()
    people = roster(settings.routing).people
    named = (TECHNOLOGY + t.endpoint for m in action.members for t in m.targets if isinstance(t, EndpointTarget))
    concerned = [people[member.user] for member in action.members if member.user in people]
    devices = frozenset([*named, *(device for person in concerned for device in person.devices)])
    states = await look_up_states(settings, devices)
    presence = Presence(Roster(people, devices))
    await _recall(presence, settings, action)
    for device, state in (states or {}).items():
        presence.device_changed(device, state)
    members = arrange(action.members, action.order, presence.history(action.team, action.members), random.Random())  # noqa: S311
    return tuple(_standing(member, presence.busy(member), states) for member in members)


async def _recall(presence: Presence, settings: Settings, action: Ring) -> None:
    try:
        async with read_calls(settings.storage) as calls:
            users = [member.user for member in action.members if member.user]
            presence.restore(await calls.last_talks(users), await calls.open_calls())
    except StorageError:
        pass  # no router has ever run here, or the doctor tells why


def _standing(member: Member, busy: Busy | None, states: Mapping[str, str] | None) -> StandingMember:
    if busy is None:
        return StandingMember(user=member.user, name=member.name, state=None if states is None else FREE)
    for_s = None if busy.for_s is None else round(busy.for_s, 1)
    return StandingMember(user=member.user, name=member.name, state=busy.why.value, for_s=for_s)
