"""What an answer carries besides the destination, as the channel variables that bring it to phones and dialplan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agi_router.routing.understood import Understood
from ari_app.domain.events import CallerDescribed

SHOWN: Final = "CONNECTEDLINE("
"""How the variables begin that say what a leg's other end is shown. It sees CONNECTEDLINE, not CALLERID."""
SHOWN_NAME: Final = "CONNECTEDLINE(name,i)"
"""On a leg, the name that its phone shows."""
SENT_NAME: Final = "CONNECTEDLINE(name)"
"""The same on a leg that rings already: Asterisk tells its phone at once, where endpoint and phone allow it."""
CALLER_NAME: Final = "CALLERID(name)"
"""On the caller's channel, the name that whoever speaks with him is shown from then on."""


@dataclass(frozen=True, slots=True)
class ScreenPop:
    """`variables` are set on the caller's channel and on every leg.

    `name` and `headers` are for legs to phones, and to trunks that are trusted. The name stands beside the caller's
    number and its presentation as they are, the headers in the INVITE. A carrier is told neither.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    name: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def phone(self) -> Mapping[str, str]:
        """Name and headers, as variables of a leg that is not dialled yet."""
        return {**self.name, **{f"PJSIP_HEADER(add,{name})": value for name, value in self.headers.items()}}


def screen_pop(carried: Understood | CallerDescribed, *, caller_number: str, caller_withheld: bool) -> ScreenPop:
    """The screen pop of an answer, or of what the log knows of it.

    A withheld caller stays withheld: his name is not shown, whatever the API says.

    Name and number are set together: a leg that takes its number from the caller's channel takes the name from there.
    """
    name = {}
    if carried.caller_name and not caller_withheld:
        name = {SHOWN_NAME: carried.caller_name, "CONNECTEDLINE(name-pres,i)": "allowed"}
        if caller_number:
            name |= {"CONNECTEDLINE(num,i)": caller_number, "CONNECTEDLINE(num-pres,i)": "allowed"}
    return ScreenPop(variables=carried.variables, name=name, headers=carried.headers)
