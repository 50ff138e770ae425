"""What an answer carries besides the destination, as the channel variables that bring it to phones and dialplan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from agi_router.routing.shown import Shown
from agi_router.routing.understood import Understood
from ari_app.domain.events import CallerDescribed

SHOWN: Final = "CONNECTEDLINE("
"""How the variables begin that say what a leg's other end is shown. It sees CONNECTEDLINE, not CALLERID."""
SHOWN_NAME: Final = "CONNECTEDLINE(name,i)"
"""On a leg, the name that its phone shows."""
SENT_NAME: Final = "CONNECTEDLINE(name)"
"""The same on a leg that rings already: Asterisk tells its phone at once, where endpoint and phone allow it."""
ANONYMOUS: Final = "anonymous"
CALLER_NAME: Final = "CALLERID(name)"
"""On the caller's channel, the name that whoever speaks with him is shown from then on."""


@dataclass(frozen=True, slots=True)
class ScreenPop:
    """`variables` are set on the caller's channel and on every leg.

    `name` and `headers` are for legs to phones, and to trunks that are trusted. The name stands beside the caller's
    number and its presentation as they are, the headers in the INVITE. A carrier is told neither. With
    `replaces_caller` they see another number than the caller's, also while they speak with him.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    name: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    replaces_caller: bool = False

    @property
    def phone(self) -> Mapping[str, str]:
        """Name and headers, as variables of a leg that is not dialled yet."""
        return {**self.name, **{f"PJSIP_HEADER(add,{name})": value for name, value in self.headers.items()}}


PopOf = Callable[[str], ScreenPop]
"""What phones are to show, by the name that CRMs have for the contact, "" while none has told."""


class Showing:
    """What phones are shown of a call; it changes with the route, the answer, and the contact's name.

    `by_route` is what the route in force says. `caller_sees` makes the variables by which the caller's own phone shows
    the contact, of a call that was asked for; None while it shows nobody.
    """

    def __init__(self) -> None:
        self.by_route = Shown()
        self.pop = ScreenPop()
        self.contact_name = ""
        self.caller_sees: Callable[[str], Mapping[str, str]] | None = None
        self._pop_of: PopOf = lambda _: ScreenPop()

    def change(self, pop_of: PopOf) -> None:
        """This from now on."""
        self._pop_of = pop_of
        self.pop = pop_of(self.contact_name)

    def name_contact(self, name: str) -> None:
        """A CRM has told what whoever is outside is called."""
        self.contact_name = name
        self.pop = self._pop_of(name)

    def forget_caller(self) -> None:
        """He leaves the call to others: what was shown was of him."""
        left = ScreenPop(variables=self.pop.variables)
        self.change(lambda _: left)
        self.caller_sees = None


class Described(Protocol):
    """A caller as he arrived; `caller_number` and `caller_name` are "" when he withholds them."""

    @property
    def caller_number(self) -> str:
        """As the carrier sent it."""
        ...

    @property
    def caller_name(self) -> str:
        """As the carrier sent it."""
        ...

    @property
    def caller_withheld(self) -> bool:
        """Whether his number must not be shown."""
        ...


def screen_pop(
    caller: Described, shown: Shown, carried: Understood | CallerDescribed | None = None, contact_name: str = ""
) -> ScreenPop:
    """What phones are to show of this caller: by his route, and by an answer, or what the log knows of it.

    `contact_name` is what a CRM calls him, and counts where the answer has no name. A withheld caller stays withheld:
    neither his number nor his name is shown, whatever the API says.
    """
    variables, headers = ({}, {}) if carried is None else (carried.variables, carried.headers)
    named = "" if caller.caller_withheld else (carried is not None and carried.caller_name) or contact_name
    own = {name.casefold() for name in headers}
    return ScreenPop(
        variables=variables,
        name=_identity(caller, shown, named),
        headers={name: value for name, value in shown.headers.items() if name.casefold() not in own} | dict(headers),
        replaces_caller=shown.number is not None or (caller.caller_withheld and bool(shown.name_prefix)),
    )


def _identity(caller: Described, shown: Shown, named: str) -> dict[str, str]:
    """Number and name together: a leg that takes its number from the caller's channel takes the name from there.

    {} leaves the caller as he is. Behind a number of our own, or a prefix, there is always something to see of him.
    """
    number = shown.number or caller.caller_number
    name = named
    if shown.number or shown.name_prefix:
        who = named or caller.caller_name or ("" if caller.caller_withheld else caller.caller_number)
        name = (shown.name_prefix + who).strip(" :-") or number
        number = number or ANONYMOUS
    return identity(number, name)


def identity(number: str, name: str) -> dict[str, str]:
    """The variables of a leg whose phone is to show this name, and the number if there is one; {} without a name."""
    if not name:
        return {}
    shown = {SHOWN_NAME: name, "CONNECTEDLINE(name-pres,i)": "allowed"}
    if number:
        shown |= {"CONNECTEDLINE(num,i)": number, "CONNECTEDLINE(num-pres,i)": "allowed"}
    return shown
