"""From the bytes of an answer to a destination, in two steps: the value that the answer names, and what it means.

Whatever the bytes are, the outcome is a value or a RoutingError.
"""

import codecs
import json
import re
from typing import Any, NoReturn, Protocol, assert_never

from agi_router.routing.destination import (
    Destination,
    EndpointDestination,
    ExternalDestination,
    HangupCause,
    HangupDestination,
    UserDestination,
)
from agi_router.routing.errors import RoutingError
from agi_router.routing.numbers import normalise
from agi_router.routing.path import find_first
from agi_router.routing.policy import DialPolicy
from agi_router.routing.route import AnswerFormat, DestinationType, Response

ENDPOINT = re.compile(r"[A-Za-z0-9_.+@-]{1,64}")
TECHNOLOGY = "PJSIP/"
LONGEST_VALUE = 254  # the longest e-mail address
SHOWN = 60
CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252", "cp1251", "koi8-r"})


class Names(Protocol):
    """What the meaning of a value depends on: the directory's names."""

    def user_id(self, id_or_email: str) -> str | None:
        """The id of the user with this id or e-mail address; None when there is none."""
        ...

    def has_endpoint(self, endpoint: str) -> bool:
        """Whether a device of some user is this endpoint."""
        ...


def read_value(response: Response, body: bytes, charset: str | None = None) -> str:
    """What the answer names, as text. `charset` is the one of its Content-Type.

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
    return value


def destination(value: str, type_: DestinationType, names: Names, policy: DialPolicy) -> Destination:
    """What the value means.

    Raises RoutingError: user_unknown, value_not_endpoint, value_not_number, value_not_cause, policy_emergency.
    """
    match type_:
        case DestinationType.USER:
            return _user(value, names)
        case DestinationType.ENDPOINT:
            return EndpointDestination(endpoint_name(value))
        case DestinationType.EXTERNAL:
            return ExternalDestination(_number(value, policy))
        case DestinationType.HANGUP:
            return HangupDestination(_cause(value))
        case DestinationType.AUTO:
            return _by_shape(value, names, policy)
        case _:
            assert_never(type_)


def endpoint_name(value: str) -> str:
    """The PJSIP endpoint's name, `PJSIP/` in front of it allowed; raises RoutingError value_not_endpoint."""
    name = value.removeprefix(TECHNOLOGY)
    if not ENDPOINT.fullmatch(name):
        raise RoutingError(
            "value_not_endpoint",
            f"{shown(value)} is not the name of a SIP endpoint",
            "name one endpoint by letters, digits and _ . + @ - (at most 64), for example ada or PJSIP/ada",
        )
    return name


def shown(value: str) -> str:
    """The value fit for a message: quoted, control characters escaped, cut."""
    return json.dumps(value[:SHOWN], ensure_ascii=True) + ("…" if len(value) > SHOWN else "")


def _user(value: str, names: Names) -> UserDestination:
    user = names.user_id(value)
    if user is None:
        raise RoutingError(
            "user_unknown",
            f"no user has the id or e-mail address {shown(value)}",
            "add the user to directory.users, or let the API answer with an id or e-mail address that stands there",
        )
    return UserDestination(user)


def _number(value: str, policy: DialPolicy) -> str:
    emergency = policy.emergency(value)
    if emergency is not None:
        raise RoutingError(emergency.code, emergency.message, emergency.remedy)
    number = normalise(value, policy.region)
    if number is None:
        raise RoutingError(
            "value_not_number",
            f"{shown(value)} is not a telephone number (read with the region {policy.region})",
            "let the API answer in E.164, for example +12025550123, or check defaults.region",
        )
    return number


def _cause(value: str) -> HangupCause:
    try:
        return HangupCause(value.lower())
    except ValueError:
        raise RoutingError(
            "value_not_cause",
            f"{shown(value)} is not a hangup cause",
            f"answer with one of {', '.join(HangupCause)}",
        ) from None


def _by_shape(value: str, names: Names, policy: DialPolicy) -> Destination:
    # A login of digits only may look like a number: what the directory knows comes first.
    name = value.removeprefix(TECHNOLOGY)
    if names.has_endpoint(name):
        return EndpointDestination(endpoint_name(name))
    try:
        return ExternalDestination(_number(value, policy))
    except RoutingError as not_a_number:
        if not_a_number.failure.code != "value_not_number":
            raise
    return EndpointDestination(endpoint_name(value))


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
