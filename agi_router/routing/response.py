"""From the bytes of an answer to what it says; `meaning` then finds the destination.

Whatever the bytes are, the outcome is an Understood or a RoutingError.
"""

import codecs
import json
from typing import Any, NoReturn, assert_never

from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.path import find_first
from agi_router.routing.route import AnswerFormat, Response
from agi_router.routing.understood import Understood

LONGEST_VALUE = 254  # the longest e-mail address
CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252", "cp1251", "koi8-r"})


def understand(response: Response, body: bytes, charset: str | None = None) -> Understood:
    """What the answer says. `charset` is the one of its Content-Type.

    Raises RoutingError: api_not_json, api_not_text, path_missing, value_empty, value_not_scalar, value_too_long.
    """
    match response.format:
        case AnswerFormat.JSON:
            value = find_first(response.paths, _json(body, charset))
        case AnswerFormat.TEXT:
            value = _text(body, charset, "api_not_text").strip()
            if not value:
                raise RoutingError(
                    "value_empty",
                    "the answer is empty",
                    "nothing is wrong if the API knows nobody for this caller; add a fallback to the route",
                )
        case _:
            assert_never(response.format)
    if len(value) > LONGEST_VALUE:
        raise RoutingError(
            "value_too_long",
            f"the value has {len(value)} characters, and no destination has so many: {shown(value)}",
            "check that response.format and response.path fit the answer; an HTML page is not a destination",
        )
    return Understood(value=value, type=response.type)


def _json(body: bytes, charset: str | None) -> Any:
    text = _text(body, charset, "api_not_json")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except ValueError as error:
        found = "it is empty" if not text.strip() else f"{error}; it starts with {shown(text.strip())}"
        raise _not_json(found) from None


def _not_json(reason: str) -> RoutingError:
    return RoutingError(
        "api_not_json",
        f"the answer is not JSON: {reason}",
        "check the URL and the Accept header; if the API answers in plain text, set response.format: text",
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _text(body: bytes, charset: str | None, code: str) -> str:
    try:
        known = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        known = ""
    encoding = known if known in CHARSETS - {"utf-8"} else "utf-8-sig"
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise RoutingError(
            code,
            f"the answer is not {encoding.removesuffix('-sig')} text (byte {error.start + 1})",
            "let the API answer in UTF-8, or name its charset in Content-Type",
        ) from None
