"""`auth` and `OAuth2`: how requests show who asks."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from agi_router.settings.request_headers import NAME, OWN_HEADERS, header_name
from ari_app.crm.document.model import (
    AuthTexts,
    BasicTexts,
    BearerTexts,
    Flow,
    KeyTexts,
    NoAuthTexts,
    OAuth2Texts,
)
from ari_app.crm.document.parsing import At, Parsing
from ari_app.crm.document.sections import AuthSection, DocumentSection, OAuth2Section
from ari_app.crm.document.text import Text

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "none": (),
    "basic": ("username", "password"),
    "bearer": ("token",),
    "header": ("name", "value"),
    "query": ("name", "value"),
    "oauth2": (),
}
_FLOWS: Final[Mapping[str, Flow]] = {
    "0": Flow.AUTHORIZATION_CODE,  # Ringotel's "Web Server Flow"
    "code": Flow.AUTHORIZATION_CODE,
    "authorization_code": Flow.AUTHORIZATION_CODE,
    "client_credentials": Flow.CLIENT_CREDENTIALS,
}
_OWN_PARAMETERS: Final = frozenset(
    {
        *("client_id", "client_secret", "grant_type", "refresh_token", "code", "redirect_uri", "response_type"),
        *("state", "code_challenge", "code_challenge_method"),
    }
)
_FORM: Final = "application/x-www-form-urlencoded"


def parse_auth(parsing: Parsing, section: DocumentSection) -> AuthTexts:
    """What the document says of credentials. Mistakes go to `parsing`."""
    auth, oauth2 = section.auth, section.oauth2
    if oauth2 is not None:
        if auth is not None and auth.type != "oauth2":
            parsing.problem(("auth",), "stands beside OAuth2; keep one of them")
        return _oauth2(parsing, oauth2)
    if auth is None:
        return NoAuthTexts()
    if auth.type == "oauth2":
        parsing.problem(("auth", "type"), "is OAuth2: write its endpoints under the key OAuth2 at the top")
        return NoAuthTexts()
    return _auth(parsing, auth)


def _auth(parsing: Parsing, section: AuthSection) -> AuthTexts:
    needed = _NEEDED[section.type]
    for key in ("username", "password", "token", "name", "value"):
        given = getattr(section, key)
        if given is None and key in needed:
            parsing.problem(("auth", key), f"is missing; auth of type {section.type} needs {' and '.join(needed)}")
        if given is not None and key not in needed:
            parsing.problem(("auth", key), f"has no meaning with type {section.type}; take it away")

    def text(key: str) -> Text:
        return parsing.text(("auth", key), getattr(section, key) or "")

    match section.type:
        case "basic":
            return BasicTexts(text("username"), text("password"))
        case "bearer":
            return BearerTexts(text("token"))
        case "header":
            name = parsing.tried(("auth", "name"), lambda: _free_header(section.name or "X"), "")
            return KeyTexts(True, name, text("value"))
        case "query":
            return KeyTexts(False, section.name or "", text("value"))
        case _:
            return NoAuthTexts()


def _free_header(name: str) -> str:
    """A header that may hold a key. Raises ValueError."""
    if name.lower() in OWN_HEADERS:
        raise ValueError("is a header of the router's own; look up in which one the CRM wants its key")
    return header_name(name)


def _oauth2(parsing: Parsing, section: OAuth2Section) -> OAuth2Texts:
    at: At = ("OAuth2",)
    flow = _flow(parsing, section)
    of_login = _parameters(parsing, (*at, "authorization_parameters"), section.authorization_parameters)
    of_token = _parameters(parsing, (*at, "token_parameters"), section.token_parameters)
    content_type = of_token.pop("content_type", _FORM)
    if not content_type.lower().startswith(_FORM):
        parsing.problem((*at, "token_parameters"), f"content_type is always {_FORM} (RFC 6749); take it away")
    scope = section.scope or of_login.pop("scope", "") or of_token.pop("scope", "")
    if not NAME.fullmatch(section.request_auth):
        parsing.problem((*at, "request_auth"), "is one word, such as Bearer")
    for key in ("client_id", "token_endpoint"):
        if not getattr(section, key).strip():
            parsing.problem((*at, key), "has no value; give one")
    return OAuth2Texts(
        flow=flow,
        client_id=parsing.text((*at, "client_id"), section.client_id),
        client_secret=parsing.text((*at, "client_secret"), section.client_secret),
        authorization_endpoint=parsing.text((*at, "authorization_endpoint"), section.authorization_endpoint),
        token_endpoint=parsing.text((*at, "token_endpoint"), section.token_endpoint),
        scope=parsing.text((*at, "scope"), scope),
        authorization_parameters=_texts(parsing, (*at, "authorization_parameters"), of_login),
        token_parameters=_texts(parsing, (*at, "token_parameters"), of_token),
        is_basic=section.client_auth == "basic",
        scheme=section.request_auth,
    )


def _flow(parsing: Parsing, section: OAuth2Section) -> Flow:
    written = section.flow_type.lower()
    otherwise = Flow.AUTHORIZATION_CODE if section.authorization_endpoint else Flow.CLIENT_CREDENTIALS
    flow = _FLOWS.get(written, otherwise)
    if written and written not in _FLOWS:
        parsing.problem(("OAuth2", "flow_type"), f'"{written}" does not exist; write one of {", ".join(_FLOWS)}')
    if flow is Flow.AUTHORIZATION_CODE and not section.authorization_endpoint:
        parsing.problem(("OAuth2", "authorization_endpoint"), "is missing; somebody logs in there")
    return flow


def _parameters(parsing: Parsing, at: At, given: str | dict[str, str]) -> dict[str, str]:
    """Parameters as Ringotel writes them, in the form of a query, or as a mapping."""
    found = dict(parse_qsl(given, keep_blank_values=True)) if isinstance(given, str) else dict(given)
    for name in found.keys() & _OWN_PARAMETERS:
        parsing.problem(at, f"{name} is sent by the router itself; take it away")
    return found


def _texts(parsing: Parsing, at: At, given: Mapping[str, str]) -> tuple[tuple[str, Text], ...]:
    return tuple((name, parsing.text(at, value)) for name, value in given.items())
