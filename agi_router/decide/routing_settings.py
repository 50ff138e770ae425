"""What the sections of routing mean, as the router takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agi_router.directory.campaigns import Campaign
from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.queues import Queue
from agi_router.directory.teams import Team
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import User
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.upstream import UpstreamLimits
from agi_router.routing.click_to_dial import ClickToDial
from agi_router.routing.policy import DialPolicy
from agi_router.routing.route import FallbackStep, Route
from agi_router.routing.shown import Showing
from agi_router.routing.treatment import Treatment
from agi_router.routing.volume_limits import VolumePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """All that decides where a call goes.

    `upstreams` holds, by origin, the limits that are not the default ones. `fallback` is the chain for routes that have
    none and for names that are no route, `treatment` that of callers for those, `showing` what phones are shown of
    them. `warnings` are sentences about what is allowed but hardly meant.
    """

    routes: tuple[Route, ...]
    users: tuple[User, ...]
    trunks: tuple[Trunk, ...]
    policy: DialPolicy
    guard: NetworkGuard
    teams: tuple[Team, ...] = ()
    upstreams: Mapping[str, UpstreamLimits] = field(default_factory=dict)
    fallback: tuple[FallbackStep, ...] = ()
    treatment: Treatment = field(default_factory=Treatment)
    showing: Showing = field(default_factory=Showing)
    numbers: tuple[InternalNumber, ...] = ()
    queues: tuple[Queue, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    click_to_dial: ClickToDial = field(default_factory=ClickToDial)
    volume: VolumePolicy = field(default_factory=VolumePolicy)
    warnings: tuple[str, ...] = ()

    @property
    def destination_types(self) -> frozenset[str]:
        """The types of destinations that it names, in chains, tables and numbers, or as the type of an answer."""
        chains = (self.fallback, *(chain or () for r in self.routes for chain in (r.fallback, r.closed)))
        stated = (route.response.type for route in self.routes)
        return frozenset(
            [
                *(step.destination.type for chain in chains for step in chain),
                *(meant.type.value for route in self.routes for meant in route.response.values.values()),
                *(number.to.type for number in self.numbers if not isinstance(number.to, ToRoute)),
                *(type_.value for type_ in stated if type_ is not None),
            ]
        )
