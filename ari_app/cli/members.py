"""Whom a dry run would ring of a team: in the order of their turns, and how they stand now.

Known of Asterisk and of the call log. The turns of round robin are in the memory of the running router; here they go by
the ends of the last talks, as they do when a router starts.
"""

from agi_router.routing.step import EndpointTarget, Ring
from ari_app.app.lookups import look_up_states
from ari_app.calls.presence import Presence
from ari_app.calls.roster import TECHNOLOGY, Roster
from ari_app.live.dry_run import StandingMember, standing
from ari_app.live.roster import roster
from ari_app.settings import Settings
from ari_app.storage.call_reader import read_calls
from ari_app.storage.errors import StorageError


async def standing_members(settings: Settings, action: Ring) -> tuple[StandingMember, ...]:
    """How these members stand, in the order of their turns."""
    people = roster(settings.routing).people
    named = (TECHNOLOGY + t.endpoint for m in action.members for t in m.targets if isinstance(t, EndpointTarget))
    concerned = [people[member.user] for member in action.members if member.user in people]
    devices = frozenset([*named, *(device for person in concerned for device in person.devices)])
    states = await look_up_states(settings, devices)
    presence = Presence(Roster(people, devices))
    await _recall(presence, settings, action)
    for device, state in (states or {}).items():
        presence.device_changed(device, state)
    return standing(presence, action, states_known=states is not None)


async def _recall(presence: Presence, settings: Settings, action: Ring) -> None:
    try:
        async with read_calls(settings.storage) as calls:
            users = [member.user for member in action.members if member.user]
            presence.restore(await calls.last_talks(users), await calls.open_calls())
    except StorageError:
        pass  # no router has ever run here, or the doctor tells why
