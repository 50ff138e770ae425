"""Trunks: the PJSIP endpoints that lead outside, and the ways they make to a number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agi_router.routing.caller_id import CalledNumber, CallerId, OwnNumber
from agi_router.routing.errors import RoutingError
from agi_router.routing.numbers import NumberFormat, for_trunk, normalise
from agi_router.routing.step import TrunkWay

DEFAULT_SETUP_TIMEOUT_S = 4.0
NO_NUMBER = OwnNumber("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """`name` is the word of the configuration, `endpoint` that of Asterisk.

    `caller_id` is whose number the trunk is shown, in its `number_format` already. What answers carry for the phones
    goes to a `trusted` trunk too: behind it is a PBX of one's own, not a carrier. `setup_timeout_s` is how long it may
    say nothing but 100 Trying.
    """

    name: str
    endpoint: str
    number_format: NumberFormat = NumberFormat.E164
    caller_id: CallerId = NO_NUMBER
    trusted: bool = False
    setup_timeout_s: float = DEFAULT_SETUP_TIMEOUT_S


class Trunks:
    """All trunks, by name, in their order; they stand in `region`."""

    def __init__(self, trunks: Iterable[Trunk], region: str) -> None:
        self._trunks: Mapping[str, Trunk] = {trunk.name: trunk for trunk in trunks}
        self._region = region
        self.endpoints = frozenset(trunk.endpoint for trunk in self._trunks.values())

    def ways(self, number: str, names: Sequence[str] = ()) -> tuple[TrunkWay, ...]:
        """The ways to an E.164 number, by the trunks of these names or, without any, by all.

        A name that is no trunk any more is left out. Raises RoutingError when none is left.
        """
        named = [self._trunks[name] for name in names or self._trunks if name in self._trunks]
        if not named:
            which = " or ".join(map(repr, names))
            what = f"there is no trunk {which}" if names else "there is no trunk to reach numbers outside"
            raise RoutingError("trunk_unknown", what, "add it to trunks")
        return tuple(self._way(number, trunk) for trunk in named)

    def outgoing(self, ways: Iterable[TrunkWay], caller_id: str = "") -> tuple[TrunkWay, ...]:
        """These ways, for a call that one of us has asked for: they show `caller_id` (E.164).

        Without any, a trunk that shows the called number shows the first one of ours: it was not called.
        """
        return tuple(replace(way, caller_id=self._own_caller_id(self._trunks[way.trunk], caller_id)) for way in ways)

    def owns(self, number: str) -> bool:
        """Whether a trunk shows this number (E.164) as one of ours."""
        return any(number in _ours(trunk, self._region) for trunk in self._trunks.values())

    def _own_caller_id(self, trunk: Trunk, caller_id: str) -> CallerId:
        if caller_id:
            return OwnNumber(for_trunk(caller_id, trunk.number_format, self._region))
        if isinstance(trunk.caller_id, CalledNumber):
            return OwnNumber(next(iter(trunk.caller_id.ours.values()), ""))
        return trunk.caller_id

    def _way(self, number: str, trunk: Trunk) -> TrunkWay:
        return TrunkWay(
            trunk=trunk.name,
            endpoint=trunk.endpoint,
            dial=for_trunk(number, trunk.number_format, self._region),
            caller_id=trunk.caller_id,
            trusted=trunk.trusted,
            setup_timeout_s=trunk.setup_timeout_s,
        )


def _ours(trunk: Trunk, region: str) -> frozenset[str]:
    """The numbers that the trunk shows as ours, in E.164."""
    match trunk.caller_id:
        case OwnNumber(number):
            return frozenset(filter(None, [normalise(number, region)]))
        case CalledNumber(ours):
            return frozenset(ours)
        case _:
            return frozenset()


def leads_to_one(endpoint: str, trunk_endpoints: Iterable[str]) -> bool:
    """Whether a PJSIP endpoint's name is a trunk's, or a number on a trunk.

    Asterisk reads 123@trunk as user 123 at the endpoint trunk; behind the first @, where the name of a trunk has one of
    its own. Case does not matter: endpoints may come from a database that does not tell A from a.
    """
    trunks = {trunk.casefold() for trunk in trunk_endpoints}
    parts = endpoint.casefold().split("@")
    return any("@".join(parts[first:]) in trunks for first in range(len(parts)))
