"""Which numbers belong to people outside: those that a CRM may know."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from agi_router.decide import RoutingSettings
from agi_router.directory.trunks import Trunks
from agi_router.directory.users import ExternalDevice
from agi_router.routing.numbers import normalise
from agi_router.routing.policy import DialPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersOutside:
    """Tells them from our own, by one configuration. `internal` are as they are written, `ours` in E.164."""

    policy: DialPolicy
    trunks: Trunks
    internal: frozenset[str]
    ours: frozenset[str]

    @classmethod
    def of(cls, routing: RoutingSettings) -> Self:
        """Those of this configuration."""
        written = [number.name for number in routing.numbers]
        return cls(
            policy=routing.policy,
            trunks=Trunks(routing.trunks, routing.policy.region),
            internal=frozenset([*written, *(user.extension for user in routing.users if user.extension)]),
            ours=frozenset([*_devices(routing), *(each.caller_id for each in routing.campaigns)]),
        )

    def e164(self, number: str) -> str | None:
        """The number in E.164; None for one that is internal, ours or of our users, emergency, or none at all."""
        if number in self.internal or self.policy.emergency(number) is not None:
            return None
        found = normalise(number, self.policy.region)
        if found is None or found in self.internal or found in self.ours or self.trunks.owns(found):
            return None
        return found


def _devices(routing: RoutingSettings) -> Iterator[str]:
    for user in routing.users:
        for device in user.devices:
            if isinstance(device, ExternalDevice):
                yield device.number
