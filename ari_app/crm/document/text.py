"""Texts with `$name$` in them: parsed once against a closed list of names, and rendered for their place.

    $phone$            the value, encoded for the place where it stands
    $email?$           the same; what holds it is left out when there is no value
    $call_duration:number$
    $$                 a dollar sign

What the document's author wrote is kept; only values are encoded. A value between quotation marks (of a query language
that travels inside a URL or a body) loses its own quotation marks, so that it cannot end the quotation; `:backslash`
and `:doubled` say how the API wants them written instead.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ari_app.crm.document.variables import unknown

LONGEST_NAME: Final = 64
LONGEST_NUMBER: Final = 64
_PLACE: Final = re.compile(r"\$(?P<inner>[^$\n]*)\$")
_QUOTE: Final = re.compile(r"(?P<first>(?<![0-9A-Za-z]))?(?P<mark>[\"'])(?(first)|(?![0-9A-Za-z]))")
_TRUE: Final = frozenset({"true", "yes", "on", "1"})


def _number(value: str) -> int | float | None:
    if len(value) > LONGEST_NUMBER:
        return None
    try:
        return int(value)
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        return None
    return number if number - number == 0 else None  # JSON knows neither infinity nor NaN


def _milliseconds(value: str) -> int | None:
    number = _number(value)
    in_ms = None if number is None else number * 1000
    return None if in_ms is None or in_ms - in_ms != 0 else round(in_ms)


def _backslashed(value: str) -> str:
    return re.sub(r"([\\'\"])", r"\\\1", value)


_TYPED: Final[Mapping[str, Callable[[str], Any]]] = {
    "number": _number,
    "boolean": lambda value: value.lower() in _TRUE,
    "ms": _milliseconds,
}
_WRITTEN: Final[Mapping[str, Callable[[str], str]]] = {
    "upper": str.upper,
    "lower": str.lower,
    "backslash": _backslashed,
    "doubled": lambda value: value.replace("'", "''"),
}
_OWN_QUOTES: Final = frozenset({"backslash", "doubled"})
WORDS: Final = (*_TYPED, *_WRITTEN)
"""What may follow the colon: a type that a value has where it stands alone, or how it is written."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A name between dollar signs. `is_optional`: without a value, what holds it is left out."""

    name: str
    form: str = ""
    is_optional: bool = False
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """Fixed texts and placeholders in their order."""

    parts: tuple[str | Placeholder, ...]

    @classmethod
    def parse(cls, written: str, known: Sequence[str]) -> "Text":
        """Raises ValueError for a name that is not known, with the nearest right one, and for a dollar sign alone."""
        whole = written.encode("utf-16-le", "surrogatepass").decode(
            "utf-16-le", "replace"
        )  # pairs, as JSON writes them
        parts: list[str | Placeholder] = []
        end, fixed = 0, ""
        for place in _PLACE.finditer(whole):
            fixed += _no_dollar(whole[end : place.start()])
            end = place.end()
            if not place["inner"]:
                fixed += "$"
                continue
            parts += [fixed] if fixed else []
            before = "".join(part if isinstance(part, str) else "x" for part in parts)
            parts.append(_placeholder(place["inner"], known, is_quoted=_is_in_quotes(before)))
            fixed = ""
        fixed += _no_dollar(whole[end:])
        return cls((*parts, *([fixed] if fixed else [])))

    @property
    def names(self) -> frozenset[str]:
        """What stands between dollar signs."""
        return frozenset(part.name for part in self.parts if isinstance(part, Placeholder))

    @property
    def only(self) -> Placeholder | None:
        """The placeholder that is all of this text: its value need not become text."""
        match self.parts:
            case (Placeholder() as alone,):
                return alone
            case _:
                return None

    def is_left_out(self, values: Mapping[str, str]) -> bool:
        """Whether a placeholder with a question mark has no value."""
        return any(
            isinstance(part, Placeholder) and part.is_optional and not values.get(part.name) for part in self.parts
        )

    def render(self, values: Mapping[str, str], encode: Callable[[str], str]) -> str:
        """The text for these values; `encode` makes a value fit for the place."""
        return "".join(
            part if isinstance(part, str) else encode(_as_text(part, values.get(part.name, ""))) for part in self.parts
        )

    def value(self, values: Mapping[str, str]) -> Any:
        """For JSON: what stands alone keeps the type that its word gives it; null is what cannot have it."""
        alone = self.only
        if alone is not None and alone.form in _TYPED:
            given = values.get(alone.name, "")
            return _TYPED[alone.form](given) if given else None
        return self.render(values, lambda value: value)


def _placeholder(inner: str, known: Sequence[str], *, is_quoted: bool) -> Placeholder:
    name, _, form = inner.partition(":") if inner not in known else (inner, "", "")
    is_optional = inner not in known and inner.endswith("?")
    name, form = name.removesuffix("?") if is_optional else name, form.removesuffix("?")
    if name not in known:
        raise ValueError(f"{unknown(name[:LONGEST_NAME], known)} (a dollar sign itself is written $$)")
    if form and form not in WORDS:
        raise ValueError(f"${inner}$: there is no :{form}; write one of :{', :'.join(WORDS)}")
    return Placeholder(name, form, is_optional, is_quoted and form not in _OWN_QUOTES)


def _no_dollar(fixed: str) -> str:
    if "$" in fixed:
        raise ValueError("a $ stands alone; write $name$ for a value, and $$ for a dollar sign")
    return fixed


def _is_in_quotes(before: str) -> bool:
    """Whether a quotation begins in this text and does not end: an apostrophe inside a word is none."""
    opened = ""
    for mark in _QUOTE.finditer(before.replace("%27", "'").replace("%22", '"')):
        if opened == mark["mark"]:
            opened = ""
        elif not opened and mark["first"] is not None:
            opened = mark["mark"]
    return bool(opened)


def _as_text(part: Placeholder, value: str) -> str:
    if part.form in _TYPED:
        typed = _TYPED[part.form](value) if value else None
        return "" if typed is None else str(typed).lower()
    written = _WRITTEN[part.form](value) if part.form else value
    return re.sub(r"[\"'\\]", "", written) if part.is_quoted else written
