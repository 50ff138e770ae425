"""The number that a trunk is shown: one that we own, unless the operator has decided otherwise.

Carriers sign what we send (STIR/SHAKEN), and answer for it: docs/decisions/0013-caller-id-to-trunks.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from agi_router.routing.numbers import normalise


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """Always this number of ours, as the trunk wants it."""

    number: str


@dataclass(frozen=True, slots=True)
class CalledNumber:
    """The number that was called, where it is one of ours; else none.

    `ours` has them in E.164, each with the form in which the trunk wants it; `region` reads what was called.
    """

    ours: Mapping[str, str] = field(compare=False)
    region: str


@dataclass(frozen=True, slots=True)
class CallersOwn:
    """The number of whoever calls, with his presentation: a withheld number stays withheld."""


CallerId = OwnNumber | CalledNumber | CallersOwn


def shown_number(caller_id: CallerId, called_number: str) -> str | None:
    """The number of ours to show in a call to `called_number` (any form); "" for none, None for the caller's own."""
    match caller_id:
        case OwnNumber(number):
            return number
        case CalledNumber(ours, region):
            called = normalise(called_number, region) if ours else None
            return ours.get(called or "", "")
        case CallersOwn():
            return None
        case _:
            assert_never(caller_id)
