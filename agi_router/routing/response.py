"""From the bytes of an answer to what it says; `meaning` then finds the destination.

Whatever the bytes are, the outcome is an Understood or a RoutingError.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from agi_router.routing.answer import document
from agi_router.routing.carried import carried
from agi_router.routing.destination import DestinationType
from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.path import find_first
from agi_router.routing.route import AnswerFormat, Response
from agi_router.routing.understood import Understood

LONGEST_VALUE = 254  # the longest e-mail address
SHOWN_WORDS = 8
_MAY_LEAD_OUTSIDE = frozenset({DestinationType.EXTERNAL, DestinationType.AUTO})
_NO_VALUE = frozenset({"path_missing", "value_empty"})


def understand(response: Response, body: bytes, charset: str | None = None) -> Understood:
    """What the answer says. `charset` is the one of its Content-Type.

    Raises RoutingError: api_not_json, api_not_text, api_not_json_rpc, rpc_error, path_missing, value_empty,
    value_not_scalar, value_too_long, value_not_in_table, type_missing, type_unknown.
    """
    answer = None if _is_nothing(response, body) else document(response.format, body, charset)
    return replace(_meant(response, answer), **carried(response.carries, answer))


def _is_nothing(response: Response, body: bytes) -> bool:
    """Whether an empty answer, such as a 204, has a meaning in the table."""
    return response.format is AnswerFormat.JSON and "" in response.values and not body.strip()


def _meant(response: Response, answer: Any) -> Understood:
    said = _said(response, answer)
    known = response.values.get(said.casefold())
    if known is not None:
        return replace(known, said=said)
    type_ = _type(response, said, answer)
    crm = response.crm if type_ is DestinationType.USER else None
    return Understood(value=said, type=type_, crm=crm, confirm=response.confirm and type_ in _MAY_LEAD_OUTSIDE)


def _said(response: Response, answer: Any) -> str:
    """The value as text; "" for none, if the table has a meaning for that."""
    try:
        value = _text_value(answer) if response.format is AnswerFormat.TEXT else _json_value(response, answer)
    except RoutingError as error:
        if "" in response.values and error.failure.code in _NO_VALUE:
            return ""
        raise
    if len(value) > LONGEST_VALUE:
        raise RoutingError(
            "value_too_long",
            f"the value has {len(value)} characters, and no destination has so many: {shown(value)}",
            "check that response.format and response.path fit the answer; an HTML page is not a destination",
        )
    return value


def _json_value(response: Response, answer: Any) -> str:
    # A table may give true and false a meaning; without one they name nobody.
    return find_first(response.paths, answer, switches=bool(response.values))


def _text_value(answer: str) -> str:
    if not answer:
        raise RoutingError(
            "value_empty",
            "the answer is empty",
            "nothing is wrong if the API knows nobody for this caller; add a fallback to the route",
        )
    return answer


def _type(response: Response, said: str, answer: Any) -> DestinationType:
    if response.type is not None:
        return response.type
    if not response.type_paths:
        raise RoutingError(
            "value_not_in_table",
            f"{shown(said)} is none of the values that the route knows: {_some(response.values)}",
            "add it to response.values, or set response.type for the values that are not there",
        )
    try:
        word = find_first(response.type_paths, answer)
    except RoutingError as error:
        raise RoutingError(
            "type_missing",
            f"the answer does not tell the type: {error.failure.message}",
            "compare the path with the answer, and correct response.type_path, or set response.type",
        ) from None
    type_ = response.types.get(word.casefold())
    if type_ is None:
        raise RoutingError(
            "type_unknown",
            f"the answer says the type {shown(word)}, and the route knows {_some(response.types)}",
            "add the word to response.types with the type that it means",
        )
    return type_


def _some(words: Iterable[str]) -> str:
    known = [shown(word) for word in words]
    more = f" and {len(known) - SHOWN_WORDS} more" if len(known) > SHOWN_WORDS else ""
    return ", ".join(known[:SHOWN_WORDS]) + more
