"""What of OAuth must outlive the router: a refresh token that the server has replaced is worth nothing any more.

Such a grant is kept sealed, so that whoever reads the database, or a copy of it, holds no key to the CRM: the seal is
made from the refresh token of the configuration, by which also the grant's name changes when the operator brings a new
one. Keys by HKDF (RFC 5869), the seal by Fernet of the package cryptography.
"""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agi_router.routing.auth import OAuth2Auth


class GrantMemory(Protocol):
    """Remembers sealed grants by their ids; shared by all that ask tokens in this process."""

    def turn(self, grant_id: str) -> AbstractAsyncContextManager[None]:
        """Only one at a time, in here, may use a refresh token: the second use of one is taken for a theft.

        Raises RoutingError when another process holds the grants.
        """
        ...

    async def recall(self, grant_id: str) -> str | None:
        """The newest, also when it is not written yet; None when there is none. Raises RoutingError."""
        ...

    def remember(self, grant_id: str, sealed: str) -> None:
        """Keep this one. Never waits and never raises: the token is wanted by a caller."""
        ...


class ShortMemory:
    """Remembers as long as the process lives."""

    def __init__(self) -> None:
        self._sealed: dict[str, str] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def turn(self, grant_id: str) -> AsyncIterator[None]:
        """See GrantMemory."""
        async with self._turns[grant_id]:
            yield

    async def recall(self, grant_id: str) -> str | None:
        """See GrantMemory."""
        return self._sealed.get(grant_id)

    def remember(self, grant_id: str, sealed: str) -> None:
        """See GrantMemory."""
        self._sealed[grant_id] = sealed


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """The newest refresh token, and what was issued with it. Times are seconds since 1970; `ends_at` None: unknown."""

    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    obtained_at: float
    ends_at: float | None


class GrantSeal:
    """Names, seals and opens what is remembered for one refresh token of the configuration."""

    def __init__(self, auth: OAuth2Auth) -> None:
        whose = f"{auth.token_url}\n{auth.client_id}"
        self.grant_id = _derived(auth.refresh_token, f"agi-router oauth2 id\n{whose}").hex()
        key = _derived(auth.refresh_token, f"agi-router oauth2 seal\n{whose}")
        self._seal = Fernet(urlsafe_b64encode(key))

    def seal(self, grant: HeldGrant) -> str:
        """Printable ASCII."""
        written = [grant.refresh_token, grant.access_token, grant.obtained_at, grant.ends_at]
        return self._seal.encrypt(json.dumps(written).encode()).decode()

    def open(self, sealed: str) -> HeldGrant | None:
        """None for what this refresh token has not sealed."""
        try:
            return HeldGrant(*json.loads(self._seal.decrypt(sealed.encode())))
        except (InvalidToken, ValueError, TypeError):
            return None


def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
