"""Strict reading of JSON answers: an unknown, missing, doubled or mistyped field raises."""

import json
from collections.abc import Collection


class WrongShapeError(Exception):
    """The answer is not of the shape that the vendor's pages show."""


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise WrongShapeError(f"a field occurs twice: {[name for name, _ in pairs]}")
    return fields


def _no_constant(name: str) -> object:
    raise WrongShapeError(f"{name} is not JSON")


def document(text: str) -> object:
    """Read one JSON document and nothing beside it."""
    try:
        parsed: object = json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise WrongShapeError(f"not JSON ({error}): {text[:300]!r}") from error
    return parsed


def fields(value: object, where: str, required: Collection[str], optional: Collection[str] = ()) -> dict[str, object]:
    """Return the fields of an object that has all required ones and none beyond the optional ones."""
    found = any_fields(value, where, required)
    unknown = set(found) - set(required) - set(optional)
    if unknown:
        raise WrongShapeError(f"{where}: unknown {sorted(unknown)}")
    return found


def any_fields(value: object, where: str, required: Collection[str]) -> dict[str, object]:
    """Return the fields of an object that has at least the required ones."""
    if not isinstance(value, dict):
        raise WrongShapeError(f"{where}: an object was expected, got {value!r}")
    missing = set(required) - set(value)
    if missing:
        raise WrongShapeError(f"{where}: missing {sorted(missing)}")
    return value


def array(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise WrongShapeError(f"{where}: an array was expected, got {value!r}")
    return value


def string(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise WrongShapeError(f"{where}: a string was expected, got {value!r}")
    return value


def filled_string(value: object, where: str) -> str:
    text = string(value, where)
    if not text:
        raise WrongShapeError(f"{where}: is empty")
    return text


def string_or_null(value: object, where: str) -> str | None:
    return None if value is None else string(value, where)


def integer(value: object, where: str) -> int:
    # bool is an int in Python, never in JSON
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongShapeError(f"{where}: an integer was expected, got {value!r}")
    return value


def seconds(value: object, where: str) -> int:
    amount = integer(value, where)
    if amount < 0:
        raise WrongShapeError(f"{where}: {amount} seconds")
    return amount
