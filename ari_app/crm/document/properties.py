"""`properties`: the fields of the form by which somebody connects the CRM.

    ["Username", "Password"]
    [{"name": "API key", "type": "password", "hint": "Settings, API"}]
    {"API key": {"type": "password"}, "Region": {"type": "select", "options": ["eu", "us"], "default": "eu"}}
    {"API key": "password", "Region": "eu"}
    [{"API key": {"type": "password"}}]

The vendor has not published which of these its documents use: all of them mean the same.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from agi_router.document.problems import suggestion
from ari_app.crm.document.model import Property, PropertyType
from ari_app.crm.document.parsing import At, Parsing
from ari_app.crm.document.text import LONGEST_NAME

_SECRET: Final = re.compile(r"passw|secret|token|\bpin\b|\bkey\b|api_?key", re.IGNORECASE)
_URL: Final = re.compile(r"\burl\b", re.IGNORECASE)
_TYPES: Final[Mapping[str, PropertyType]] = {
    **{type_.value: type_ for type_ in PropertyType},
    "string": PropertyType.TEXT,
    "input": PropertyType.TEXT,
    "secret": PropertyType.PASSWORD,
    "uri": PropertyType.URL,
    "list": PropertyType.SELECT,
}

_NAMES: Final = ("name", "id")
_OTHER_WORDS: Final[Mapping[str, str]] = {
    "id": "name",
    "title": "label",
    "value": "default",
    "description": "hint",
    "placeholder": "hint",
    "values": "options",
}


def parse_properties(parsing: Parsing, given: list[Any] | dict[str, Any]) -> tuple[Property, ...]:
    """The properties in their order; what a property has besides is left aside. Mistakes go to `parsing`."""
    entries: list[tuple[At, str, Any]]
    if isinstance(given, dict):
        entries = [(("properties", name), name, item) for name, item in given.items()]
    else:
        entries = [(("properties", index), "", item) for index, item in enumerate(given)]
    found: dict[str, Property] = {}
    for at, name, item in entries:
        made = _property(parsing, at, name, item)
        if made is not None and made.name in found:
            parsing.problem(at, f'"{made.name}" is already a property; keep one of them')
        elif made is not None:
            found[made.name] = made
    return tuple(found.values())


def plain(name: str) -> Property:
    """A property of which the document says no more than its name."""
    return Property(name=name, label=name, type=_guessed(name))


def _property(parsing: Parsing, at: At, name: str, item: Any) -> Property | None:
    match item:
        case dict() if not name and len(item) == 1 and item.keys().isdisjoint(_NAMES):
            ((name, only),) = item.items()
            return _property(parsing, (*at, name), name, only)
        case dict():
            fields = {_OTHER_WORDS.get(key, key): value for key, value in reversed(item.items())}
        case str() if name and item.lower() in _TYPES:
            fields = {"type": item}
        case str() if name:
            fields = {"default": item}
        case str():
            fields = {"name": item}
        case None if name:
            fields = {}
        case _:
            parsing.problem(at, "is a name, or a mapping with the key name")
            return None
    fields = {"name": name, **fields} if name else fields
    return _made(parsing, at, fields)


def _made(parsing: Parsing, at: At, fields: Mapping[str, Any]) -> Property | None:
    name = fields.get("name")
    if not isinstance(name, str) or not name.strip() or "$" in name or len(name) > LONGEST_NAME:
        parsing.problem(at, f"needs a name of at most {LONGEST_NAME} characters without $")
        return None
    written = fields.get("type")
    type_ = _guessed(name) if written is None else _TYPES.get(str(written).lower())
    if type_ is None:
        parsing.problem((*at, "type"), f'"{written}" does not exist{suggestion(str(written), list(PropertyType))}')
        return None
    options = fields.get("options") or []
    if not isinstance(options, list) or not all(isinstance(option, str | int) for option in options):
        parsing.problem((*at, "options"), "is a list of texts")
        options = []
    if type_ is PropertyType.SELECT and not options:
        parsing.problem(at, "is a select without options; add options: [...]")
    default = fields.get("default")
    required = fields.get("required", True)
    if not isinstance(required, bool):
        parsing.problem((*at, "required"), "must be true or false")
    return Property(
        name=name,
        label=str(fields.get("label") or name),
        type=type_,
        is_required=required is not False,
        default="" if default is None else str(default),
        hint=str(fields.get("hint") or ""),
        options=tuple(map(str, options)),
    )


def _guessed(name: str) -> PropertyType:
    """Of what is called like a secret nobody should see the value, though the document does not say so."""
    if _SECRET.search(name):
        return PropertyType.PASSWORD
    return PropertyType.URL if _URL.search(name) else PropertyType.TEXT
