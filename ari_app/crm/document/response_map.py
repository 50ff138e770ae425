"""`response_map`: a picture of the answer, with the names of variables where their values stand.

    {"records": [{"Id": "$contact_id$", "Account": {"Name": "$company_name$"}}]}     Ringotel's own shape
    {"results": [{"id": "$contact_id$", "properties": {"phone": "$phone$"}}]}        the list stands somewhere else
    {"result": ["$activity_id$"]}                                                    one record, not a list of them
    [{"id": "$contact_id$"}]                                                         the answer is the list

The list with one mapping in it is where the records are. A key is what it is, or a path (`Account.Name`, `a["b.c"]`).
A variable that stands twice takes its value from the first place that has one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agi_router.routing.path import JsonPath
from ari_app.crm.document.model import RecordMap, Source
from ari_app.crm.document.parsing import At, Parsing
from ari_app.crm.document.sections import HookSection
from ari_app.crm.document.text import Text
from ari_app.crm.document.variables import unknown

VENDORS: Final = "records"
Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """What the answer of a hook may be mapped to, and what `set` may name besides."""

    given: Sequence[str]
    taken: Sequence[str]


def parse_response_map(parsing: Parsing, at: At, section: HookSection, names: Names) -> RecordMap:
    """The map of the hook at this place. Mistakes go to `parsing`."""
    given, records_path = section.response_map, section.records_path
    where, picture = _records(given)
    path, is_vendors = None, False
    if records_path is not None:
        path = parsing.path((*at, "records_path"), records_path)
    elif where:
        path = JsonPath.parse("".join(f"[{json.dumps(key)}]" for key in where[:-1]))
        is_vendors = where[:-1] == (VENDORS,)
    for steps, _ in _leaves(given):
        if steps[: len(where)] != where:
            parsing.problem((*at, "response_map", *steps), "stands outside of the records; move it into them")
    sources: dict[str, list[Source]] = {}
    for steps, leaf in _leaves(picture):
        name = _named(parsing, (*at, "response_map", *where, *steps), leaf, names.given)
        if name:
            sources.setdefault(name, []).append(Source(steps, _paths(steps)))
    return RecordMap(
        records=path, is_vendors=is_vendors, sources=sources, fixed=_fixed(parsing, (*at, "set"), section.set_, names)
    )


def _records(given: Any) -> tuple[Steps, Any]:
    """Where in the picture the one record of a list stands, and the record; () and all of it when there is no list."""
    match given:
        case [dict() as record]:
            return (0,), record
        case dict():
            for key, item in given.items():
                below, record = _records(item)
                if below:
                    return (key, *below), record
    return (), given


def _leaves(node: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    match node:
        case dict():
            for key, item in node.items():
                yield from _leaves(item, (*steps, key))
        case list():
            for index, item in enumerate(node):
                yield from _leaves(item, (*steps, index))
        case _:
            yield steps, node


def _named(parsing: Parsing, at: At, leaf: Any, given: Sequence[str]) -> str:
    """The variable of a leaf; "" for a mistake."""
    if not isinstance(leaf, str):
        parsing.problem(at, f"is no variable; write one of ${'$, $'.join(given)}$ in quotes, or take the key away")
        return ""
    text = parsing.tried(at, lambda: Text.parse(leaf, given), None)
    if text is None:
        return ""
    if text.only is None or text.only.form or text.only.is_optional:
        parsing.problem(at, f'is one variable alone, such as "${given[0]}$"; what is made of several stands in set')
        return ""
    return text.only.name


def _paths(steps: Steps) -> dict[str, JsonPath]:
    """Of the keys that can be read as paths, the paths."""
    found = {}
    for key in steps:
        if not isinstance(key, str):
            continue
        try:
            path = JsonPath.parse(key)
        except ValueError:
            continue
        if list(path.pointer.parts) != [key]:
            found[key] = path
    return found


def _fixed(parsing: Parsing, at: At, given: Mapping[str, str], names: Names) -> dict[str, Text]:
    for name in given:
        if name not in names.given:
            parsing.problem((*at, name), unknown(name, names.given))
    return {name: parsing.text((*at, name), text, (*names.given, *names.taken)) for name, text in given.items()}
