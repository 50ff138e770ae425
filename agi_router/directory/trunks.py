"""Trunks: the PJSIP endpoints that lead outside."""

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
