"""What somebody gave to connect a CRM, beyond what the configuration says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """`connector` is a name of the configuration, `properties` those of its document that were asked for.

    After OAuth's authorization code there is a `refresh_token`, or an `access_token` where the server gave no more.
    """

    connector: str
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    refresh_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    at: datetime


class Logins(Protocol):
    """Keeps logins, sealed."""

    async def all(self) -> Sequence[Login]:
        """Those that can be opened. Raises UnavailableError."""

    async def keep(self, login: Login) -> None:
        """In place of an earlier one of this connector. Raises UnavailableError."""

    async def forget(self, connector: str) -> None:
        """Keep none of this connector. Raises UnavailableError."""
