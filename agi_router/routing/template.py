"""Texts with `{{callerNumber}}` in them: parsed once, with names of a closed list, and rendered for their place.

The operator's own characters are kept as they are; only what the caller brings is encoded.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from difflib import get_close_matches
from functools import cache, partial
from urllib.parse import quote

from agi_router.routing.call_info import CallInfo
from agi_router.routing.needs import Needs
from agi_router.routing.numbers import digits, national, normalise

VARIABLES = (
    "callerNumber",
    "callerNumberNational",
    "callerNumberDigits",
    "callerName",
    "calledNumber",
    "previousStep",
    "callId",
    "routeName",
    "now",
)
HEADER = re.compile(r"header\.[A-Za-z0-9][A-Za-z0-9-]{0,63}")
CHANNEL_VARIABLE = re.compile(r"var\.[A-Za-z_][A-Za-z0-9_]{0,63}")  # without ( no function can be named
PREVIOUS_STEP_VARIABLE = "AGI_ROUTER_PREVIOUS_STEP"
"""The channel variable by which the dialplan tells `{{previousStep}}`."""
_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)

Values = Mapping[str, str]
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of the closed list, `header.X-Foo`, or `var.NAME`."""

    name: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A fixed text that is sent, and never told."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Template:
    """Fixed texts and variables in their order."""

    parts: tuple[str | Secret | Variable, ...]

    @classmethod
    def parse(cls, text: str, secret: Spans = (), known: "Names | None" = None) -> "Template":
        """What stands in the `secret` spans (start, end) is kept as it is; `known` is another list of names.

        Raises ValueError for an unknown name, with the nearest right one, and for a brace that is left open.
        """
        names = known or _variable
        parts: list[str | Secret | Variable] = []
        end = 0
        for start, stop in secret:
            parts += [*_parts(text[end:start], names), *([Secret(text[start:stop])] if start < stop else [])]
            end = stop
        return cls((*parts, *_parts(text[end:], names)))

    def render(self, values: Values, encode: Callable[[str], str]) -> str:
        """The text for one call; `encode` makes a value fit for the place."""
        return "".join(_rendered(part, values, encode) for part in self.parts)

    def hiding(self, mask: str) -> "Template":
        """The same with `mask` in the place of each secret, fit for a record."""
        return Template(tuple(mask if isinstance(part, Secret) else part for part in self.parts))

    @property
    def variables(self) -> frozenset[str]:
        """The names that stand in this template."""
        return frozenset(part.name for part in self.parts if isinstance(part, Variable))

    @property
    def only(self) -> str | None:
        """The name of the variable that is all of this template: a value that need not become text."""
        match self.parts:
            case (Variable(name),):
                return name
            case _:
                return None


Names = Callable[[str], Variable]
"""A closed list of names: raises ValueError for one that is not in it."""


class CallValues(Mapping[str, str]):
    """The value of every variable for one call; of a number, only the forms that are asked for are worked out."""

    def __init__(self, info: CallInfo, region: str) -> None:
        number = "" if info.caller_withheld else info.caller_number
        self._e164 = cache(lambda: normalise(number, region))
        self._values: Mapping[str, Callable[[], str]] = {
            "callerNumber": lambda: self._e164() or number,
            "callerNumberNational": lambda: national(e164) if (e164 := self._e164()) else number,
            "callerNumberDigits": lambda: digits(e164) if (e164 := self._e164()) else number,
            "callerName": lambda: "" if info.caller_withheld else info.caller_name,
            "calledNumber": lambda: info.called_number,
            "previousStep": lambda: info.previous_step or info.variables.get(PREVIOUS_STEP_VARIABLE, ""),
            "callId": lambda: info.call_id,
            "routeName": lambda: info.route_name,
            "now": lambda: info.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            **{f"header.{name}": partial(str, value) for name, value in info.headers.items()},
            **{f"var.{name}": partial(str, value) for name, value in info.variables.items()},
        }

    def __getitem__(self, name: str) -> str:
        return _encodable(self._values[name]())

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def call_values(info: CallInfo, region: str) -> Values:
    """The value of every variable for this call. Of a caller who withholds the number, number and name are ""."""
    return CallValues(info, region)


def needs(templates: frozenset[str]) -> Needs:
    """Which headers and channel variables these variable names are made of."""
    variables = {name.removeprefix("var.") for name in templates if name.startswith("var.")}
    return Needs(
        headers=frozenset(name.removeprefix("header.") for name in templates if name.startswith("header.")),
        variables=frozenset(variables | ({PREVIOUS_STEP_VARIABLE} if "previousStep" in templates else set())),
    )


def in_path(value: str) -> str:
    """For one path segment. A value of dots only is left out: as a segment it would climb the path."""
    return quote(value, safe="") if value.strip(".") else ""


def in_query(value: str) -> str:
    """For a query value; a plus goes out as %2B."""
    return quote(value, safe="*")


def in_header(value: str) -> str:
    """For a header: control characters are taken out, and what is not ASCII is percent-encoded as UTF-8."""
    printable = "".join(character for character in value if unicodedata.category(character) not in {"Cc", "Zl", "Zp"})
    return quote(printable, safe="".join(map(chr, range(0x20, 0x7F))))


def as_is(value: str) -> str:
    """For JSON and forms, whose encoders do the rest."""
    return value


def _rendered(part: str | Secret | Variable, values: Values, encode: Callable[[str], str]) -> str:
    match part:
        case str():
            return part
        case Secret():
            return part.text
        case Variable():
            return encode(values.get(part.name, ""))


def _parts(text: str, known: Names) -> list[str | Variable]:
    parts: list[str | Variable] = []
    end = 0
    for place in _PLACE.finditer(text):
        parts += [text[end : place.start()], known(place[1].strip())]
        end = place.end()
    parts.append(text[end:])
    if any(isinstance(part, str) and "{{" in part for part in parts):
        raise ValueError("{{ is not closed; write {{callerNumber}}")
    return [part for part in parts if part]


def _variable(name: str) -> Variable:
    if name in VARIABLES or HEADER.fullmatch(name) or CHANNEL_VARIABLE.fullmatch(name):
        return Variable(name)
    if name.startswith(("header.", "var.")):
        raise ValueError(f"{{{{{name}}}}} is not a name; write {{{{header.X-Foo}}}} or {{{{var.NAME}}}}")
    near = get_close_matches(name, VARIABLES, n=1, cutoff=0.5)
    hint = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(VARIABLES)}, header.X-Foo and var.NAME"
    raise ValueError(f"unknown variable {{{{{name}}}}}; {hint}")


def _encodable(value: str) -> str:
    # A lone surrogate, which JSON can bring, exists in no encoding.
    return value.encode("utf-8", "replace").decode("utf-8")
