"""Trunks: the PJSIP endpoints that lead outside."""

from collections.abc import Iterable
from dataclasses import dataclass

from agi_router.routing.numbers import NumberFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """`name` is the word of the configuration, `endpoint` that of Asterisk.

    `caller_id` is the number shown to the trunk, in E.164 until it is dialled; None shows the caller's own.
    What answers carry for the phones goes to a `trusted` trunk too: behind it is a PBX of one's own, not a carrier.
    """

    name: str
    endpoint: str
    number_format: NumberFormat = NumberFormat.E164
    caller_id: str | None = None
    trusted: bool = False


def leads_to_one(endpoint: str, trunk_endpoints: Iterable[str]) -> bool:
    """Whether a PJSIP endpoint's name is a trunk's, or a number on a trunk.

    Asterisk reads 123@trunk as user 123 at the endpoint trunk; behind the first @, where the name of a trunk has one of
    its own. Case does not matter: endpoints may come from a database that does not tell A from a.
    """
    trunks = {trunk.casefold() for trunk in trunk_endpoints}
    parts = endpoint.casefold().split("@")
    return any("@".join(parts[first:]) in trunks for first in range(len(parts)))
