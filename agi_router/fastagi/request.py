"""What Asterisk says when it connects: a block of `agi_name: value` lines, ended by an empty one."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Final, Self

from agi_router.routing.printable import printable

UNKNOWN: Final = "unknown"
"""Asterisk's word for a number or a name that it was not told."""

LAST: Final = "threadid"
"""After it come the arguments only."""

RESTRICTION: Final = 0x60
RESTRICTED: Final = 0x20
"""Bits of a calling presentation, as Q.931 (4.5.10, octet 3a) lays them out: the caller withholds his number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiRequest:
    """One `AGI(agi://host/SCRIPT,argument,...)`.

    `channel` is the channel's name (PJSIP/ada-00000001), `unique_id` its id. Numbers and names are as Asterisk has
    them, "" where it has none; `called_number` is the extension. `variables` holds all lines by their names without
    "agi_".
    """

    script: str
    arguments: tuple[str, ...] = ()
    channel: str = ""
    unique_id: str = ""
    caller_number: str = ""
    caller_name: str = ""
    caller_withheld: bool = False
    called_number: str = ""
    variables: Mapping[str, str]

    @classmethod
    def parse(cls, block: bytes) -> Self:
        """The request that these lines make. Raises ValueError when they are none of Asterisk's.

        A line break in a value may make lines that Asterisk did not write: a number that was called, or an argument.
        They are known by their place, for arguments come after all others, of which the last is agi_threadid.
        """
        variables: dict[str, str] = {}
        for line in block.decode(errors="replace").split("\n"):
            key, colon, value = line.partition(": ")
            if not colon or not key.startswith("agi_"):
                continue
            name = key.removeprefix("agi_")
            is_argument, is_last_part = name.startswith("arg_"), LAST in variables
            if is_argument and not is_last_part:
                raise ValueError(f"a value has a line break, and agi_{name} after it")
            if name in variables and (is_argument or name == LAST or not is_last_part):
                raise ValueError(f"a value has a line break, and a second agi_{name} after it")
            if is_argument is is_last_part:
                variables[name] = printable(value)
        if "network_script" not in variables or "channel" not in variables:
            raise ValueError("it names no script and no channel")
        numbered = takewhile(variables.__contains__, (f"arg_{number}" for number in count(1)))
        return cls(
            script=variables["network_script"].strip("/"),
            arguments=tuple(variables[name] for name in numbered),
            channel=variables["channel"],
            unique_id=variables.get("uniqueid", ""),
            caller_number=_known(variables.get("callerid", "")),
            caller_name=_known(variables.get("calleridname", "")),
            caller_withheld=_withheld(variables.get("callingpres", "")),
            called_number=_known(variables.get("extension", "")),
            variables=variables,
        )


def _known(value: str) -> str:
    return "" if value == UNKNOWN else value


def _withheld(presentation: str) -> bool:
    return presentation.isdecimal() and len(presentation) <= 3 and int(presentation) & RESTRICTION == RESTRICTED
