"""The teams of each user: what concerns him concerns them."""

from collections.abc import Mapping

from agi_router.decide import RoutingSettings


def teams_of(routing: RoutingSettings) -> Mapping[str, frozenset[str]]:
    """The ids of the teams of which each user is a member, by his id."""
    return {user.id: frozenset(team.id for team in routing.teams if user.id in team.members) for user in routing.users}
