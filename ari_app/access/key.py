"""An API key: who has it may do what its scopes say, from its networks.

The secret is 256 random bits, shown once. What is kept is its SHA-256: a slow hash is for what people think up.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Self

from ari_app.access.networks import LOOPBACK, Network
from ari_app.access.scopes import Scope

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
"""A key's name, as it stands in logs, in the log of calls and in the counters of the dial policy."""

_TOKEN: Final = re.compile(r"agr_(?P<id>[0-9a-f]{12})_(?P<secret>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Token:
    """A key as programs send it: `agr_ID_SECRET`. Not to be logged, nor kept."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, given: str) -> Self | None:
        """None for what is no key of ours."""
        parts = _TOKEN.fullmatch(given)
        return None if parts is None else cls(parts["id"], parts["secret"])

    @property
    def text(self) -> str:
        """What is sent."""
        return f"agr_{self.key_id}_{self.secret}"

    @property
    def digest(self) -> str:
        """What is kept of the secret."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """A key's own limits; None is what is configured for all keys (requests), or none (calls that it places)."""

    requests_per_minute: int | None = None
    calls_per_second: int | None = None
    concurrent_calls: int | None = None


@dataclass(frozen=True, slots=True)
class OldSecret:
    """What was replaced, and is taken until then."""

    digest: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key without its secret; `digest` is that of the secret. Moments are aware.

    `name` is unique among the keys that are not revoked. Without `networks` nobody is let in.
    """

    id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    created_at: datetime
    networks: tuple[Network, ...] = LOOPBACK
    limits: KeyLimits = KeyLimits()
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    old: OldSecret | None = None

    def is_expired(self, at: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and at >= self.expires_at

    def rotated(self, *, old_until: datetime | None, expires_at: datetime | None) -> tuple[Self, Token]:
        """The same key with a new secret; the one until now is taken until `old_until`, or never again."""
        token = Token(self.id, secrets.token_hex(32))
        old = None if old_until is None else OldSecret(self.digest, old_until)
        return replace(self, digest=token.digest, old=old, expires_at=expires_at), token


def new_key(
    name: str,
    scopes: frozenset[Scope],
    at: datetime,
    *,
    networks: tuple[Network, ...] = LOOPBACK,
    limits: KeyLimits = KeyLimits(),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, Token]:
    """A key, and what its owner sends. Unless others are named, its networks are the machine of the router alone."""
    token = Token(secrets.token_hex(6), secrets.token_hex(32))
    key = ApiKey(
        id=token.key_id,
        name=name,
        digest=token.digest,
        scopes=scopes,
        networks=networks,
        limits=limits,
        created_at=at,
        expires_at=expires_at,
    )
    return key, token
