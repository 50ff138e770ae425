"""What an answer carries besides the destination, as the channel variables that bring it to phones and dialplan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agi_router.routing.understood import Understood

SHOWN_NAME: Final = "CONNECTEDLINE(name,i)"
"""On a leg, the name that its phone shows."""
CALLER_NAME: Final = "CALLERID(name)"
"""On the caller's channel, the name that whoever speaks with him is shown from then on."""


@dataclass(frozen=True, slots=True)
class ScreenPop:
    """`variables` are set on the caller's channel and on every leg.

    `phone` is set on the legs to phones, and to trunks that are trusted: the caller's name, beside his number and its
    presentation as they are, and the headers of the INVITE. A carrier is told neither.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    phone: Mapping[str, str] = field(default_factory=dict)


def screen_pop(understood: Understood, *, caller_withheld: bool) -> ScreenPop:
    """The screen pop of this answer. A withheld caller stays withheld: his name is not shown, whatever the API says."""
    headers = {f"PJSIP_HEADER(add,{name})": value for name, value in understood.headers.items()}
    name = {}
    if understood.caller_name and not caller_withheld:
        name = {SHOWN_NAME: understood.caller_name, "CONNECTEDLINE(name-pres,i)": "allowed"}
    return ScreenPop(variables=understood.variables, phone={**name, **headers})
