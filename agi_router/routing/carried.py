"""What an answer carries for the phones besides the destination: sanitised here, and never a reason to fail a call."""

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.path import JsonPath
from agi_router.routing.printable import one_line
from agi_router.routing.route import LONGEST_RING_S, SHORTEST_RING_S, Carries

LONGEST_NAME = 80
LONGEST_VALUE = 256
CARRIED_HEADER = re.compile(r"X-[A-Za-z0-9-]{1,62}")
CARRIED_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")  # without ( no function can be named

Carried = dict[str, Any]


def carried(carries: Carries, answer: Any) -> Carried:
    """The fields of an Understood that the answer carries; what is odd becomes a sentence of its `notes`.

    A path that leads nowhere, null and "" mean that the answer carries nothing there. A field is absent then, so that
    what the table of values says stands.
    """
    notes: list[str] = []
    fields: Carried = {}
    if name := _text(carries.caller_name, answer, "caller_name", LONGEST_NAME, notes):
        fields["caller_name"] = name
    if ring_s := _seconds(_first(carries.ring_s, answer), notes):
        fields["ring_s"] = ring_s
    if (record := _switch(_first(carries.record, answer), notes)) is not None:
        fields["record"] = record
    for key, named in (("headers", carries.headers), ("variables", carries.variables)):
        if texts := _texts(named, answer, notes):
            fields[key] = texts
    if notes:
        fields["notes"] = tuple(notes)
    return fields


def _texts(named: Mapping[str, tuple[JsonPath, ...]], answer: Any, notes: list[str]) -> dict[str, str]:
    texts = {name: _text(paths, answer, name, LONGEST_VALUE, notes) for name, paths in named.items()}
    return {name: text for name, text in texts.items() if text}


def _text(paths: tuple[JsonPath, ...], answer: Any, name: str, longest: int, notes: list[str]) -> str:
    match _first(paths, answer):
        case None:
            return ""
        case str() as given:
            text = one_line(given)
        case bool() | int() | float() as given:
            text = json.dumps(given)
        case given:
            notes.append(f"{name}: the answer has {_kind(given)} there, and only a text, a number or a switch fits")
            return ""
    if len(text) > longest:
        notes.append(f"{name}: cut to {longest} of its {len(text)} characters")
    return text[:longest].rstrip()


_SWITCH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _switch(given: Any, notes: list[str]) -> bool | None:
    """Whether the talk is to be recorded."""
    if given is None or isinstance(given, bool):
        return given
    if isinstance(given, str | int) and (switch := _SWITCH.get(str(given).strip().casefold())) is not None:
        return switch
    what = shown(str(given)) if isinstance(given, str | int | float) else _kind(given)
    notes.append(f"record: {what} is neither true nor false; it was left aside")
    return None


def _seconds(given: Any, notes: list[str]) -> float | None:
    """A time to ring, inside its bounds."""
    if given is None:
        return None
    seconds = _number(given)
    if seconds is None or seconds <= 0:
        what = shown(given) if isinstance(given, str) else json.dumps(given) if _is_number(given) else _kind(given)
        notes.append(f"ring_timeout: {what} is no number of seconds; it was left aside")
        return None
    within = min(max(seconds, SHORTEST_RING_S), LONGEST_RING_S)
    if within != seconds:
        notes.append(f"ring_timeout: {seconds:g} s became {within:g} s")
    return within


def _number(given: Any) -> float | None:
    if not (_is_number(given) or isinstance(given, str)):
        return None
    try:
        number = float(given)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def _first(paths: tuple[JsonPath, ...], answer: Any) -> Any:
    """What the first path has that leads to anything; None for null, an empty text and nothing at all."""
    for path in paths:
        try:
            found = path.node(answer)
        except RoutingError:
            continue
        if found is not None and not (isinstance(found, str) and not one_line(found)):
            return found
    return None


def _kind(given: Any) -> str:
    match given:
        case bool():
            return json.dumps(given)
        case dict():
            return "an object"
        case _:
            return "a list"
