"""What the dial policy says of itself: its counters, and whether a number would be dialled now; JSON for programs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from agi_router.decide import RoutingSettings
from agi_router.routing.errors import Failure
from agi_router.routing.numbers import normalise
from agi_router.routing.outgoing import OutgoingCall
from agi_router.routing.policy import DialPolicy
from agi_router.routing.volume import Volume
from agi_router.routing.volume_limits import Count
from ari_app.calls.clock import now


@dataclass(slots=True)
class DialRules:
    """All rules for numbers outside: where to (`policy`), and how much (`volume`), for callers of these `routes`."""

    policy: DialPolicy
    volume: Volume
    routes: frozenset[str]

    @classmethod
    def of(cls, settings: RoutingSettings, volume: Volume) -> Self:
        """The rules of these settings."""
        return cls(settings.policy, volume, _names(settings))

    def take(self, settings: RoutingSettings) -> None:
        """From now on these settings are in force; what was counted stays."""
        self.policy, self.volume.policy, self.routes = settings.policy, settings.volume, _names(settings)

    def refusal(self, number: str, route: str, key: str, at: datetime) -> Failure | None:
        """Why this number would not be dialled now; None when it would. Nothing is counted."""
        if route and route not in self.routes:
            known = ", ".join(sorted(self.routes)) or "none"
            return Failure("route_unknown", f"there is no route {route!r}", f"the routes are {known}")
        outside = normalise(number, self.policy.region) or number
        refusal = self.policy.emergency(number) or self.policy.refusal(outside)
        return refusal or self.volume.check(OutgoingCall("", outside, route, key), at).refusal

    @property
    def reached(self) -> list[str]:
        """The limits that leave no room for another call now, in words; the calls to one number may be for one only."""
        return [f"{count.key} for {count.scope}: {count}" for count in self.volume.counters(now()) if count.is_reached]

    async def answer(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `as_json`; a command of the control socket."""
        return self.as_json(arguments)

    def as_json(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The counters; with a `number` among the arguments, and maybe `route` and `key`, also what is said of it."""
        at = now()
        told: dict[str, Any] = {"counters": [self._count(count) for count in self.volume.counters(at)]}
        if number := str(arguments.get("number", "")):
            refusal = self.refusal(number, str(arguments.get("route", "")), str(arguments.get("key", "")), at)
            told |= {
                "number": normalise(number, self.policy.region) or number,
                "allowed": refusal is None,
                "error": None if refusal is None else asdict(refusal),
            }
        return told

    def _count(self, count: Count) -> Mapping[str, Any]:
        near = "near" if count.is_near(self.volume.policy.warn_at) else "free"
        return {
            "scope": count.scope.kind.value,
            "name": count.scope.name,
            "measure": count.measure.value,
            "value": round(count.value, 2),
            "limit": count.limit,
            "state": "reached" if count.is_reached else near,
            "number": count.number or None,
            "room_at": count.room_at and count.room_at.isoformat(),
        }


def _names(settings: RoutingSettings) -> frozenset[str]:
    return frozenset(route.name for route in settings.routes)
