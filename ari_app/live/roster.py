"""The directory's users as `ari_app.calls.presence` wants to know them."""

from collections.abc import Iterable, Mapping

from agi_router.decide import RoutingSettings
from agi_router.directory.numbers import ToRoute
from agi_router.directory.users import EndpointDevice, User
from agi_router.routing.destination import (
    Destination,
    EndpointDestination,
    NumberDestination,
    TeamDestination,
    UserDestination,
)
from agi_router.routing.order import IfBusy
from ari_app.calls.roster import TECHNOLOGY, Person, Roster


def roster(routing: RoutingSettings) -> Roster:
    """The roster of this configuration.

    Devices are watched for those only whom something skips or waits for: an answer may name anybody. Trunks are where
    there are several, as one that is down is passed over.
    """
    people = {user.id: _person(user, routing) for user in routing.users}
    chains = [routing.fallback, *(route.fallback or () for route in routing.routes)]
    chains += [route.closed or () for route in routing.routes]
    concerned = (step.destination for chain in chains for step in chain if step.if_busy is not IfBusy.RING)
    if any(route.ringing.if_busy is not IfBusy.RING for route in routing.routes):
        devices = [device for person in people.values() for device in person.devices]
    else:
        devices = [device for where in concerned for device in _devices(where, people, routing)]
    trunks = [TECHNOLOGY + trunk.endpoint for trunk in routing.trunks] if len(routing.trunks) > 1 else []
    return Roster(people, frozenset([*devices, *trunks]))


def _person(user: User, routing: RoutingSettings) -> Person:
    return Person(
        name=user.name or user.id,
        phones=tuple(TECHNOLOGY + device.endpoint for device in user.devices if isinstance(device, EndpointDevice)),
        dnd=user.dnd,
        wrap_up_s={team.id: team.wrap_up_s for team in routing.teams if user.id in team.members},
    )


def _devices(where: Destination, people: Mapping[str, Person], routing: RoutingSettings) -> Iterable[str]:
    match where:
        case UserDestination(user):
            return people[user].devices
        case TeamDestination(team_id):
            members = [member for team in routing.teams if team.id == team_id for member in team.members]
            return [device for member in members for device in people[member].devices]
        case EndpointDestination(endpoint):
            return [TECHNOLOGY + endpoint]
        case NumberDestination(number):
            leads_to = next((own.to for own in routing.numbers if own.name == number), None)
            users = [user.id for user in routing.users if user.extension == number]
            if isinstance(leads_to, ToRoute):
                return []
            return _devices(leads_to or UserDestination(users[0]), people, routing)
        case _:
            return []
