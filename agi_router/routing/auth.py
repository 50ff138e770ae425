"""How a request shows who asks. Secrets never stand in a repr."""

from dataclasses import dataclass, field
from enum import StrEnum


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


Auth = NoAuth | BasicAuth | BearerAuth | ApiKeyAuth
