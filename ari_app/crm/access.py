"""With what a connector asks: its properties, from the configuration and from a login, and the tokens of OAuth."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, quote_plus

from agi_router.document import Substituted
from agi_router.lookup.masking import MASK
from agi_router.routing.auth import ClientAuth, OAuth2Auth
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.url_template import UrlTemplate
from ari_app.crm.document.credentials import OAuth2Login, credentials, oauth2_login
from ari_app.crm.document.model import BasicTexts, Document, Flow
from ari_app.crm.document.request import with_defaults
from ari_app.crm.settings import ConnectorSettings
from ari_app.domain.crm_login import Login

SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`missing` are required properties without a value; with `lacks_grant` nobody has logged in by OAuth yet.

    `auth` is what tokens are asked for with; without it and with OAuth, `token` is one that is used as it is.
    `unusable` is why nothing can be asked with what was given. `secrets` are the texts that must not be told, in each
    way in which they may be written, the longest first.
    """

    properties: Mapping[str, str] = field(repr=False)
    missing: tuple[str, ...]
    lacks_grant: bool
    auth: OAuth2Auth | None
    token: str = field(default="", repr=False)
    unusable: Failure | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def masked(self, text: str) -> str:
        """The text without secrets: as they are, and as they stand in a URL, a form or JSON."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text

    def knowing(self, token: str) -> "Access":
        """The same, to which this access token is a secret, too: a CRM may repeat what it was sent."""
        return replace(self, secrets=_in_order({*self.secrets, *_ways(token)}))


def access_of(settings: ConnectorSettings, login: Login | None) -> Access:
    """The configuration goes before what was typed in at a login."""
    document = settings.document
    typed = {} if login is None else dict(login.properties)
    given = {**typed, **{name: value for name, value in settings.properties.items() if value}}
    properties = with_defaults(document, given)
    oauth = oauth2_login(document.auth, properties)
    refresh_token = "" if login is None else login.refresh_token
    access_token = "" if login is None else login.access_token
    by_code = oauth is not None and oauth.flow is Flow.AUTHORIZATION_CODE
    auth: OAuth2Auth | None = None
    unusable: Failure | None = None
    if oauth is not None and (refresh_token or not by_code):
        try:
            auth = oauth2_auth(oauth, refresh_token, settings.ca_file)
        except RoutingError as error:
            unusable = error.failure
    return Access(
        properties=properties,
        missing=missing_properties(document, properties),
        lacks_grant=by_code and not (refresh_token or access_token),
        auth=auth,
        unusable=unusable,
        token=access_token if by_code and not refresh_token else "",
        secrets=_in_order({way for each in _secrets(document, given, properties, access_token) for way in _ways(each)}),
    )


def missing_properties(document: Document, properties: Mapping[str, str]) -> tuple[str, ...]:
    """Those that are required and have no value; `properties` have their defaults already."""
    return tuple(each.name for each in document.properties if each.is_required and not properties.get(each.name))


def oauth2_auth(oauth: OAuth2Login, refresh_token: str, ca_file: Path | None) -> OAuth2Auth:
    """As what the client asks for tokens.

    A refresh token brings the scope that was consented to; asking for one again is refused by some servers. Raises
    RoutingError `crm_address` when the endpoint is none.
    """
    try:
        UrlTemplate.parse(oauth.token_endpoint)
    except ValueError as error:
        raise RoutingError(
            "crm_address",
            f"the token endpoint {error}",
            "correct the property that holds it, or token_endpoint of the document",
        ) from None
    return OAuth2Auth(
        token_url=oauth.token_endpoint,
        client_id=oauth.client_id,
        client_secret=oauth.client_secret,
        refresh_token=refresh_token,
        scope="" if refresh_token else oauth.scope,
        client_auth=ClientAuth.BASIC if oauth.is_basic else ClientAuth.BODY,
        parameters=oauth.token_parameters,
        ca_file=ca_file,
    )


def _secrets(
    document: Document, given: Mapping[str, str], properties: Mapping[str, str], access_token: str
) -> set[str]:
    """Passwords, what the environment brought, the pair of Basic, and the token."""
    found = {value for name, value in properties.items() if name in document.secret_names}
    for value in given.values():
        if isinstance(value, Substituted):
            found |= {value[start:end] for start, end in value.spans}
    if isinstance(document.auth, BasicTexts):
        headers, _ = credentials(document.auth, properties, "")
        found.add(headers["Authorization"].removeprefix("Basic "))
    return {*found, access_token}


def _in_order(texts: set[str]) -> tuple[str, ...]:
    """The longest first: what is left of a secret when a shorter one inside it is masked could be read."""
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def _ways(secret: str) -> Iterator[str]:
    """All ways in which it may be written. One that is too short is left out: it would mask half of an answer."""
    if len(secret) < SHORTEST_SECRET:
        return
    plain = secret.encode("utf-8", "replace").decode()
    yield from (plain, quote(plain, safe=""), quote_plus(plain))
    for text in (json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]):
        yield from (text, text.replace("/", "\\/"))
