"""Where in a JSON answer the value stands: `calls[0].user.id`, `["odd-key"]["a.b"]`, or a JSON Pointer."""

import json
import re
from dataclasses import dataclass
from typing import Any

from jsonpointer import JsonPointer, JsonPointerException

from agi_router.routing.errors import RoutingError

EXAMPLE = 'calls[0].user.id, ["odd-key"]["a.b"], or /calls/0/user/id'
SHOWN_KEYS = 8
LARGEST_EXACT_FLOAT = 2**53
_NOBODY = "nothing is wrong if the API knows nobody for this caller; otherwise "
_COMPARE = "compare the path with the answer, and correct response.path (a list of paths is tried in its order)"

_KEY = re.compile(r"[^.\[\]\"'\s]+")
_INDEX = re.compile(r"\[\s*(0|[1-9][0-9]{0,8})\s*\]")
_QUOTED = re.compile(r"""\[\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)')\s*\]""")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed path: the text as it was written, and the pointer that it means."""

    text: str
    pointer: JsonPointer

    @classmethod
    def parse(cls, text: str) -> "JsonPath":
        """Raises ValueError that says at which position the path stops making sense.

        A text that starts with a slash is a JSON Pointer; the empty one is the whole answer, as RFC 6901 has it.
        """
        if text.startswith("/") or not text:
            try:
                return cls(text, JsonPointer(text))
            except JsonPointerException:
                raise ValueError(f"{text!r}: in a JSON Pointer ~ is written ~0 and / inside a key ~1") from None
        return cls(text, JsonPointer.from_parts(_keys(text)))

    def find(self, answer: Any, *, switches: bool = False) -> str:
        """The value at the path, as text; with `switches`, true and false are values too.

        Raises RoutingError: `path_missing`, or `value_empty` and `value_not_scalar` for what cannot be a destination.
        """
        value = self.node(answer)
        return json.dumps(value) if switches and isinstance(value, bool) else self._as_text(value)

    def node(self, answer: Any) -> Any:
        """Whatever stands at the path. Raises RoutingError `path_missing`."""
        node = answer
        for depth, key in enumerate(self.pointer.parts):
            if key == "-" and isinstance(node, list):  # to a pointer, the place after the last item
                raise self._missing(node, key, depth)
            try:
                node = self.pointer.walk(node, key)
            except JsonPointerException:
                raise self._missing(node, key, depth) from None
        return node

    def _missing(self, holder: Any, key: str, depth: int) -> RoutingError:
        above = JsonPointer.from_parts(self.pointer.parts[:depth]).path or "the top of the answer"
        return RoutingError(
            "path_missing",
            f"the path {self.text} ends at {_shown(key)}: at {above} there is {_described(holder)}",
            _NOBODY + _COMPARE if holder in (None, [], {}) else _COMPARE,
        )

    def _as_text(self, value: Any) -> str:
        match value:
            case str() if value.strip():
                return value.strip(" \t")
            case int() if not isinstance(value, bool):
                return str(value)
            case float() if value.is_integer() and abs(value) <= LARGEST_EXACT_FLOAT:
                return str(int(value))
            case None | str():
                raise RoutingError(
                    "value_empty",
                    f"at {self.text or 'the top'} the answer has {'null' if value is None else 'an empty text'}",
                    _NOBODY + "add a second path",
                )
        raise RoutingError(
            "value_not_scalar",
            f"at {self.text or 'the top'} the answer has {_described(value)}, which names no destination",
            "let the path lead on to a text or a whole number",
        )


def find_first(paths: tuple[JsonPath, ...], answer: Any, *, switches: bool = False) -> str:
    """What the first path finds that finds anything; raises the first path's RoutingError when none does."""
    first: RoutingError | None = None
    for path in paths:
        try:
            return path.find(answer, switches=switches)
        except RoutingError as error:
            first = first or error
    if first is None:
        raise ValueError("a response has at least one path")
    raise first


def _keys(text: str) -> list[str]:
    keys: list[str] = []
    position = 0
    while position < len(text):
        if text[position] == "[":
            found = _INDEX.match(text, position) or _QUOTED.match(text, position)
        else:
            position += text[position] == "." and bool(keys)
            found = _KEY.match(text, position)
        if found is None:
            raise ValueError(
                f"{text!r} makes no sense from position {position + 1} on ({_shown(text[position : position + 10])}); "
                f"write for example {EXAMPLE}"
            )
        if found[0] == "$" and not keys:
            raise ValueError(f"{text!r}: the path starts at the top of the answer by itself; leave out the $")
        keys.append(_key(found))
        position = found.end()
    return keys


def _key(found: re.Match[str]) -> str:
    groups = found.groupdict()
    if groups:
        return _ESCAPE.sub(r"\1", groups["double"] if groups["double"] is not None else groups["single"])
    return found[1] if found.re is _INDEX else found[0]


def _described(value: Any) -> str:
    match value:
        case dict() if value:
            keys = ", ".join(_shown(key) for key in list(value)[:SHOWN_KEYS])
            more = f" and {len(value) - SHOWN_KEYS} more" if len(value) > SHOWN_KEYS else ""
            return f"an object with the keys {keys}{more}"
        case dict():
            return "an object without keys"
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return "a text"
        case _:
            return "a number"


def _shown(text: str) -> str:
    return json.dumps(text[:40])
