"""How a document's requests show who asks: its texts of credentials, filled in with the properties."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from agi_router.routing.errors import RoutingError
from agi_router.routing.template import as_is
from ari_app.crm.document.model import (
    AuthTexts,
    BasicTexts,
    BearerTexts,
    Flow,
    KeyTexts,
    NoAuthTexts,
    OAuth2Texts,
)
from ari_app.crm.document.text import Text

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Login:
    """What a login by OAuth 2.0 needs. `scope` is a list with blanks between, "" for the server's default.

    The endpoints are as they were written: whoever uses them checks that they are URLs.
    """

    flow: Flow
    client_id: str
    client_secret: str = field(default="", repr=False)
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    scope: str = ""
    authorization_parameters: tuple[tuple[str, str], ...] = ()
    token_parameters: tuple[tuple[str, str], ...] = ()
    is_basic: bool = False
    scheme: str = "Bearer"


def oauth2_login(auth: AuthTexts, properties: Mapping[str, str]) -> OAuth2Login | None:
    """The login of a document with `OAuth2`; None of any other. `properties` have their defaults already."""
    if not isinstance(auth, OAuth2Texts):
        return None

    def filled(pairs: tuple[tuple[str, Text], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((name, text.render(properties, as_is)) for name, text in pairs)

    return OAuth2Login(
        flow=auth.flow,
        client_id=auth.client_id.render(properties, as_is),
        client_secret=auth.client_secret.render(properties, as_is),
        authorization_endpoint=auth.authorization_endpoint.render(properties, as_is),
        token_endpoint=auth.token_endpoint.render(properties, as_is),
        scope=auth.scope.render(properties, as_is),
        authorization_parameters=filled(auth.authorization_parameters),
        token_parameters=filled(auth.token_parameters),
        is_basic=auth.is_basic,
        scheme=auth.scheme,
    )


def credentials(auth: AuthTexts, properties: Mapping[str, str], access_token: str) -> tuple[dict[str, str], Pairs]:
    """The headers and the query fields that tell who asks. Raises RoutingError for what no header can carry."""
    match auth:
        case NoAuthTexts():
            return {}, []
        case BasicTexts():
            pair = f"{auth.username.render(properties, as_is)}:{auth.password.render(properties, as_is)}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}, []  # RFC 7617, UTF-8
        case BearerTexts():
            return {"Authorization": f"Bearer {auth.token.render(properties, _one_line)}"}, []
        case KeyTexts():
            if auth.is_header:
                return {auth.name: auth.value.render(properties, _one_line)}, []
            return {}, [(auth.name, auth.value.render(properties, as_is))]
        case OAuth2Texts():
            return {"Authorization": f"{auth.scheme} {_one_line(access_token)}"}, []
        case _:
            assert_never(auth)


def _one_line(value: str) -> str:
    """A credential is sent as it is or not at all: encoded, it would be another one."""
    if not value.isascii() or not value.isprintable():
        raise RoutingError(
            "crm_credentials",
            "a credential holds characters that no header can carry",
            "give it again, without line breaks and quotation marks: agi-router crm login",
        )
    return value
