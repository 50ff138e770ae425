"""How a request shows who asks. Secrets never stand in a repr."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NoAuth:
    """The API asks for no credentials."""


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User name and password, RFC 7617."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BearerAuth:
    """A token in the Authorization header, RFC 6750."""

    token: str = field(repr=False)


class KeyPlace(StrEnum):
    """Where an API key travels."""

    HEADER = "header"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class ApiKeyAuth:
    """A key in a header or a query field of this name."""

    place: KeyPlace
    name: str
    value: str = field(repr=False)


class ClientAuth(StrEnum):
    """Where the client's id and secret travel to the token endpoint, RFC 6749 section 2.3.1."""

    BASIC = "basic"
    BODY = "body"


class Grant(StrEnum):
    """What an access token is asked for with, RFC 6749 sections 4.4 and 6."""

    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a grant


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Auth:
    """An access token of an OAuth 2.0 server, RFC 6749. Requests of equal settings share one token.

    `scope` is a list with blanks between, "" for the server's default. `parameters` are sent to the token endpoint as
    well, for instance an audience. `client_secret` is "" for a public client, which then has a refresh token.
    """

    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    client_auth: ClientAuth = ClientAuth.BASIC
    parameters: tuple[tuple[str, str], ...] = ()
    ca_file: Path | None = None

    @property
    def grant(self) -> Grant:
        """A refresh token is what it was given for; without one the client speaks for itself."""
        return Grant.REFRESH_TOKEN if self.refresh_token else Grant.CLIENT_CREDENTIALS


Auth = NoAuth | BasicAuth | BearerAuth | ApiKeyAuth | OAuth2Auth
