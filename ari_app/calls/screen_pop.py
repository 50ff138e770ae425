"""What an answer carries besides the destination, as the channel variables that bring it to phones and dialplan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agi_router.routing.understood import Understood

SHOWN: Final = "CONNECTEDLINE("
"""How the variables begin that say what a leg's other end is shown. It sees CONNECTEDLINE, not CALLERID."""
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


def screen_pop(understood: Understood, *, caller_number: str, caller_withheld: bool) -> ScreenPop:
    """The screen pop of this answer. A withheld caller stays withheld: his name is not shown, whatever the API says.

    Name and number are set together: a leg that takes its number from the caller's channel takes the name from there.
    """
    headers = {f"PJSIP_HEADER(add,{name})": value for name, value in understood.headers.items()}
    name = {}
    if understood.caller_name and not caller_withheld:
        name = {SHOWN_NAME: understood.caller_name, "CONNECTEDLINE(name-pres,i)": "allowed"}
        if caller_number:
            name |= {"CONNECTEDLINE(num,i)": caller_number, "CONNECTEDLINE(num-pres,i)": "allowed"}
    return ScreenPop(variables=understood.variables, phone={**name, **headers})
