"""From the bytes of an answer to the document in which its paths lead, by the format of the route."""

import codecs
import json
from typing import Any, NoReturn, assert_never

from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.route import AnswerFormat

CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252", "cp1251", "koi8-r"})
_MISSING = object()


def document(format_: AnswerFormat, body: bytes, charset: str | None) -> Any:
    """The answer as JSON values; of a text the text itself, without the white space around it.

    `charset` is the one of its Content-Type. Raises RoutingError: api_not_json, api_not_text, api_not_json_rpc,
    rpc_error.
    """
    match format_:
        case AnswerFormat.JSON:
            return _json(body, charset)
        case AnswerFormat.JSON_RPC:
            return _result(_json(body, charset))
        case AnswerFormat.TEXT:
            return _text(body, charset, "api_not_text").strip()
        case _:
            assert_never(format_)


def rpc_error(body: bytes, charset: str | None) -> RoutingError | None:
    """The error that a JSON-RPC answer tells, None when it tells none: servers send it with any HTTP status."""
    try:
        _result(_json(body, charset))
    except RoutingError as error:
        return error if error.failure.code == "rpc_error" else None
    return None


def _result(answer: Any) -> Any:
    """The result of a response object of JSON-RPC 2.0 (its section 5).

    `jsonrpc` and `id` are not compared: over HTTP an answer belongs to the request that it answers, and servers of
    version 1.0, and some that send the id back as a number or as null, answer well otherwise. A null error is none.
    """
    if isinstance(answer, list):
        raise _not_json_rpc(f"it is a batch (a list of {len(answer)}), and one call was sent")
    if not isinstance(answer, dict):
        raise _not_json_rpc("it is no object")
    if (error := answer.get("error")) is not None:
        raise RoutingError(
            "rpc_error",
            f"the API answered with {_told(error)}",
            "look the error up in the API's manual; check request.rpc_method and the fields that are sent",
        )
    result = answer.get("result", _MISSING)
    if result is _MISSING:
        raise _not_json_rpc(f"it has neither result nor error, but {_keys(answer)}")
    return result


def _told(error: Any) -> str:
    """The code and the message of an error object, cut; of anything else what is there."""
    if not isinstance(error, dict):
        return f"the error {shown(json.dumps(error))}"
    code, message = error.get("code"), error.get("message")
    number = f" {shown(str(code)).strip(chr(34))}" if isinstance(code, int | str) else ""
    return f"the error{number}: {shown(message) if isinstance(message, str) else 'without a message'}"


def _keys(answer: dict[str, Any]) -> str:
    return f"the keys {shown(', '.join(answer))}" if answer else "no keys"


def _not_json_rpc(reason: str) -> RoutingError:
    return RoutingError(
        "api_not_json_rpc",
        f"the answer is not one of JSON-RPC 2.0: {reason}",
        "check the URL; if the API answers in plain JSON, set response.format: json",
    )


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
