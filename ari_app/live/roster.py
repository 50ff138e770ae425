"""The directory's users as `ari_app.calls.presence` wants to know them."""

from collections.abc import Iterable

from agi_router.decide import RoutingSettings
from agi_router.directory.users import EndpointDevice, User
from agi_router.routing.destination import EndpointDestination
from agi_router.routing.order import IfBusy
from ari_app.calls.roster import TECHNOLOGY, Person, Roster


def roster(routing: RoutingSettings) -> Roster:
    """The roster of this configuration.

    All devices of all users are watched: for any of them a call may be asked for at any moment, and the answer is to be
    there at once. Of other phones those whom a step skips or waits for. Trunks where there are several, as one that is
    down is passed over.
    """
    extensions = {user.extension for user in routing.users}
    people = {user.id: _person(user, routing, extensions) for user in routing.users}
    devices = [device for person in people.values() for device in person.devices]
    trunks = [TECHNOLOGY + trunk.endpoint for trunk in routing.trunks] if len(routing.trunks) > 1 else []
    return Roster(people, frozenset([*devices, *_phones_of_nobody(routing), *trunks]))


def _person(user: User, routing: RoutingSettings, extensions: set[str | None]) -> Person:
    endpoints = [device.endpoint for device in user.devices if isinstance(device, EndpointDevice)]
    phones = tuple(TECHNOLOGY + endpoint for endpoint in endpoints)
    # A queue that dials Local/101@... means extension 101, whosever endpoint may be called 101.
    own = [user.extension] if user.extension else []
    own += [endpoint for endpoint in endpoints if endpoint not in extensions]
    return Person(
        name=user.name or user.id,
        phones=phones,
        dnd=user.dnd,
        wrap_up_s={team.id: team.wrap_up_s for team in routing.teams if user.id in team.members},
        member_names=(*phones, *own),
    )


def _phones_of_nobody(routing: RoutingSettings) -> Iterable[str]:
    chains = [routing.fallback, *(route.fallback or () for route in routing.routes)]
    chains += [route.closed or () for route in routing.routes]
    for step in (step for chain in chains for step in chain):
        if step.if_busy is not IfBusy.RING and isinstance(step.destination, EndpointDestination):
            yield TECHNOLOGY + step.destination.endpoint
