"""The kinds of values that the sections are made of: each parsed on reading, each mistake told with its remedy."""

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr

from agi_router.document import Substituted
from agi_router.lookup.guard import Network
from agi_router.lookup.upstream import same_origin
from agi_router.routing.carried import CARRIED_HEADER, CARRIED_VARIABLE
from agi_router.routing.dialplan_place import CONTEXT, DialplanPlace
from agi_router.routing.errors import RoutingError
from agi_router.routing.mailbox import parse_mailbox
from agi_router.routing.meaning import endpoint_name
from agi_router.routing.numbers import EXAMPLE, is_e164, is_region
from agi_router.routing.path import JsonPath
from agi_router.routing.route import LONGEST_RING_S, SHORTEST_RING_S, VARIABLE_PREFIX, JsonTemplate, Scalar
from agi_router.routing.sounds import parse_sounds
from agi_router.routing.template import Spans, Template
from agi_router.routing.treatment import SOUND
from agi_router.routing.url_template import UrlTemplate
from agi_router.settings.placeholders import is_placeholder
from agi_router.settings.request_headers import header_name, is_header_text

T = TypeVar("T")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
TOKEN_KEYS = frozenset({"client_id", "client_secret", "grant_type", "refresh_token", "scope"})
STATE_DEVICE = re.compile(r"[A-Za-z0-9]+[:/][A-Za-z0-9_.+*#@-]{1,64}")  # one of them, and no list
OTHER_NAMES = {"UK": "GB", "EN": "GB"}


def _text(parse: Callable[[str], T]) -> Callable[[Any], T]:
    def from_yaml(given: Any) -> T:
        if isinstance(given, int | float) and not isinstance(given, bool):
            given = str(given)
        if not isinstance(given, str):
            raise ValueError("is a text; give one in quotes")  # noqa: TRY004 - pydantic reports ValueError
        return parse(given)

    return from_yaml


def _name(given: str) -> str:
    if not NAME.fullmatch(given):
        raise ValueError("must be a name of letters, digits and _ . - (at most 64)")
    return given


def _endpoint(given: str) -> str:
    if is_e164(given):
        raise ValueError(f'is a number outside; write {{external: "{given}"}}')
    try:
        return endpoint_name(given)
    except RoutingError as error:
        raise ValueError(f"{error.failure.message}; {error.failure.remedy}") from None


def _place(given: str) -> DialplanPlace:
    try:
        return DialplanPlace.parse(given)
    except RoutingError as error:
        raise ValueError(f"{error.failure.message}; {error.failure.remedy}") from None


def _sounds(given: Any) -> tuple[str, ...]:
    written = given if isinstance(given, list) else [given]
    try:
        return parse_sounds(",".join(map(_text(str), written)))
    except RoutingError as error:
        raise ValueError(f"{error.failure.message}; {error.failure.remedy}") from None


def _internal_number(given: str) -> str:
    if not (is_e164(given) or re.fullmatch(r"[0-9*#]{1,20}", given)):
        raise ValueError(f'is neither an extension of digits, * and #, nor a number in E.164 such as "{EXAMPLE}"')
    return given


def _mailbox(given: str) -> str:
    try:
        return parse_mailbox(given)
    except RoutingError as error:
        raise ValueError(f"{error.failure.message}; {error.failure.remedy}") from None


def _context(given: str) -> str:
    if not CONTEXT.fullmatch(given):
        raise ValueError("is not the name of a context; write letters, digits and _ . - (at most 79), such as ivr")
    return given


def _state_device(given: str) -> str:
    if not STATE_DEVICE.fullmatch(given):
        raise ValueError('must be a device whose state Asterisk keeps, for example "Custom:DND101"')
    return given


def _region(given: str) -> str:
    if is_region(given):
        return given
    meant = OTHER_NAMES.get(given.upper(), given.upper())
    hint = f'did you mean "{meant}"?' if is_region(meant) else "write an ISO 3166 code such as US or GB"
    raise ValueError(f'"{given}" is not a region; {hint}')


def _email(given: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", given):
        raise ValueError(f'"{given}" is not an e-mail address')
    return given


def _network(given: Any) -> Network:
    try:
        return ip_network(given if isinstance(given, str) else "")
    except ValueError as error:
        raise ValueError(
            f'"{given}" is not a network ({error}); write for example 10.0.0.0/8, or one address'
        ) from None


def _rpc_method(given: str) -> str:
    if "{{" in given:
        raise ValueError("is the same for every call; variables belong into fields or body")
    return given


def _carried_header(given: str) -> str:
    if not CARRIED_HEADER.fullmatch(given):
        raise ValueError(
            "is not the name of a header for the phones; write X- and letters, digits and -, such as X-Contact"
        )
    return given


def _carried_variable(given: str) -> str:
    if given.startswith(VARIABLE_PREFIX):
        raise ValueError(f"gets {VARIABLE_PREFIX} put in front by itself; write {given.removeprefix(VARIABLE_PREFIX)}")
    if not CARRIED_VARIABLE.fullmatch(given):
        raise ValueError("is not the name of a variable; write letters, digits and _, such as CONTACT_ID")
    return given


def _sound(given: str) -> str:
    if not SOUND.fullmatch(given):
        raise ValueError(
            "is not the name of a sound; write it without sound: and without its ending, such as custom/welcome"
        )
    return given


def header_text(template: Template) -> Template:
    """The same, whose fixed texts can stand in a header. Raises ValueError."""
    if not is_header_text(template):
        raise ValueError("a header holds printable ASCII characters on one line")
    return template


def _printable(given: str) -> str:
    if not given.isprintable():
        raise ValueError("holds characters that no phone shows; check the quotes around it")
    return given


def _one_line(given: str) -> str:
    if not given or not given.isascii() or not given.isprintable():
        raise ValueError("is empty or holds characters that no header can carry; check the quotes around it")
    return given


def _given_secret(secret: SecretStr) -> SecretStr:
    if is_placeholder(given := secret.get_secret_value()):
        raise ValueError(f'is the placeholder "{given}"; put in the one that the API has given you')
    return secret


def _one_line_secret(secret: SecretStr) -> SecretStr:
    _one_line(secret.get_secret_value())
    return _given_secret(secret)


def _template(given: str) -> Template:
    return Template.parse(given, from_environment(given))


def _url(given: str) -> UrlTemplate:
    return UrlTemplate.parse(given, from_environment(given))


def _header(given: str) -> Template:
    return header_text(_template(given))


def from_environment(given: str) -> Spans:
    """Where a text of the configuration holds what `${NAME}` brought."""
    # Only ${NAME} brings secrets into a request: what is written out is in the open already.
    return given.spans if isinstance(given, Substituted) else ()


def _optional_one_line_secret(secret: SecretStr | None) -> SecretStr | None:
    return None if secret is None else _one_line_secret(secret)


def _token_url(given: str) -> str:
    url = UrlTemplate.parse(given)
    if url.variables:
        raise ValueError("holds variables, but a token is asked for before there is a caller; take them away")
    return url.render({}, [])


def _token_parameter(given: str) -> str:
    if given in TOKEN_KEYS:
        raise ValueError("is sent by the router itself; use the key of its name in auth, or take it away")
    return given


def _field(given: Any) -> Template | Scalar:
    return _leaf(given, _template)


def _body(given: Any) -> JsonTemplate:
    return json_template(given, _template)


def _leaf(given: Any, parse: Callable[[str], Template]) -> Template | Scalar:
    match given:
        case str():
            return parse(given)
        case None | bool() | int() | float():
            return given
        case _:
            raise ValueError("is a single value; for a nested one use body")


def json_template(given: Any, parse: Callable[[str], Template]) -> JsonTemplate:
    """A document whose texts are templates. Raises ValueError, with the place in the document."""
    match given:
        case dict():
            return {key: _placed(f".{key}", item, parse) for key, item in given.items()}
        case list():
            return [_placed(f"[{index}]", item, parse) for index, item in enumerate(given)]
        case _:
            return _leaf(given, parse)


def _placed(step: str, item: Any, parse: Callable[[str], Template]) -> JsonTemplate:
    try:
        return json_template(item, parse)
    except ValueError as error:
        where, separator, what = str(error).partition(": ")
        inner = where if separator and where.startswith((".", "[")) else ""
        raise ValueError(f"{step}{inner}: {what if inner else error}") from None


def _paths(given: Any) -> tuple[JsonPath, ...]:
    written = given if isinstance(given, list) else [given]
    if not written:
        raise ValueError("is an empty list; give at least one path")
    return tuple(_text(JsonPath.parse)(path) for path in written)


def _trunk_names(given: Any) -> tuple[str, ...]:
    written = given if isinstance(given, list) else [given]
    if not written or not all(isinstance(name, str) for name in written):
        raise ValueError("is the name of a trunk, or a list of names in the order in which they are tried")
    if len(set(written)) < len(written):
        raise ValueError("names a trunk twice; each is tried once")
    return tuple(written)


def _origin(given: str) -> str:
    url = UrlTemplate.parse(given)
    if url != UrlTemplate.parse(url.origin):
        raise ValueError(f"is more than an origin; write scheme, host and port only: {url.origin}")
    return same_origin(url.origin)


Name = Annotated[str, AfterValidator(_name)]
UserId = Annotated[str, Field(min_length=1, max_length=64)]
Email = Annotated[str, AfterValidator(_email)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Place = Annotated[DialplanPlace, PlainValidator(_text(_place))]
Sounds = Annotated[tuple[str, ...], PlainValidator(_sounds)]
InternalNumberKey = Annotated[str, AfterValidator(_internal_number)]
Mailbox = Annotated[str, PlainValidator(_text(_mailbox))]
Context = Annotated[str, AfterValidator(_context)]
StateDevice = Annotated[str, AfterValidator(_state_device)]
Region = Annotated[str, AfterValidator(_region)]
AllowedNetwork = Annotated[Network, PlainValidator(_network)]
HeaderName = Annotated[str, AfterValidator(header_name)]
CarriedHeader = Annotated[str, AfterValidator(_carried_header)]
CarriedVariable = Annotated[str, AfterValidator(_carried_variable)]
Printable = Annotated[str, AfterValidator(_printable)]
Sound = Annotated[str, AfterValidator(_sound)]
HeaderTemplate = Annotated[Template, PlainValidator(_text(_header))]
RpcMethod = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_rpc_method)]
Origin = Annotated[str, AfterValidator(_origin)]
Url = Annotated[UrlTemplate, PlainValidator(_text(_url))]
FieldTemplate = Annotated[Template | Scalar, PlainValidator(_field)]
BodyTemplate = Annotated[Any, PlainValidator(_body)]
Paths = Annotated[tuple[JsonPath, ...], PlainValidator(_paths)]
TrunkNames = Annotated[tuple[str, ...], PlainValidator(_trunk_names)]
OneLine = Annotated[str, AfterValidator(_one_line)]
GivenSecret = Annotated[SecretStr, AfterValidator(_given_secret)]
OneLineSecret = Annotated[SecretStr, AfterValidator(_one_line_secret)]
OptionalOneLineSecret = Annotated[SecretStr | None, AfterValidator(_optional_one_line_secret)]
TokenUrl = Annotated[str, AfterValidator(_token_url)]
TokenParameter = Annotated[str, AfterValidator(_token_parameter)]
RingSeconds = Annotated[float, Field(ge=SHORTEST_RING_S, le=LONGEST_RING_S)]
UpperCase = BeforeValidator(lambda given: given.upper() if isinstance(given, str) else given)
