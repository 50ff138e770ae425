"""All keys, in memory: each request is let in, or not, without a database.

access = keyring.check("agr_0a1b2c3d4e5f_…", ip_address("192.0.2.7"), at)
"""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ari_app.access.key import ApiKey, KeyLimits, Token
from ari_app.access.networks import Address, contains
from ari_app.access.scopes import Access

USE_IS_TOLD_EVERY: Final = timedelta(minutes=1)
"""A key's last use is known no better: one that is busy is not written at each request."""

_NOBODY: Final = "0" * 64
"""Compared with where there is no secret: nothing hashes to it that anybody could find."""


class Why(StrEnum):
    """Why somebody is not let in. For the log; who asks is told nothing of it."""

    MALFORMED = "it is no key of agi-router"
    UNKNOWN = "there is no such key"
    WRONG_SECRET = "the secret is wrong, or was replaced"  # noqa: S105
    REVOKED = "the key was revoked"
    EXPIRED = "the key has expired"
    NETWORK = "the key is not for this network"


@dataclass(frozen=True, slots=True)
class Denied:
    """Not let in. `key` is the name of the key, where the right secret was shown."""

    why: Why
    key: str = ""


class Keyring:
    """Keys by their ids. `used` is told, at most once a minute for each key, when it was."""

    def __init__(self, keys: Iterable[ApiKey] = (), used: Callable[[str, datetime], None] | None = None) -> None:
        self._keys = {key.id: key for key in keys}
        self._used = used

    def put(self, key: ApiKey) -> None:
        """From now on this is the key of its id."""
        self._keys[key.id] = key

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """All, also the revoked ones, the oldest first."""
        return tuple(sorted(self._keys.values(), key=lambda key: (key.created_at, key.id)))

    def living(self, name: str) -> ApiKey | None:
        """The key of this name that is not revoked."""
        return next((key for key in self._keys.values() if key.name == name and key.revoked_at is None), None)

    def limits_of(self, name: str) -> KeyLimits:
        """The limits of the key of this name; none of an unknown one."""
        key = self.living(name)
        return KeyLimits() if key is None else key.limits

    def check(self, given: str, address: Address, at: datetime) -> Access | Denied:
        """Who asks with this token, from this address.

        The same is done for every well-formed token, and secrets are compared in constant time: how long it takes does
        not tell how much of one was right.
        """
        token = Token.parse(given)
        if token is None:
            return Denied(Why.MALFORMED)
        key = self._keys.get(token.key_id)
        digest = token.digest
        is_current = hmac.compare_digest(digest, _NOBODY if key is None else key.digest)
        is_old = hmac.compare_digest(digest, _NOBODY if key is None or key.old is None else key.old.digest)
        if key is None:
            return Denied(Why.UNKNOWN)
        if not is_current and not (is_old and _takes_old(key, at)):
            return Denied(Why.WRONG_SECRET)
        if key.revoked_at is not None:
            return Denied(Why.REVOKED, key.name)
        if key.is_expired(at):
            return Denied(Why.EXPIRED, key.name)
        if not contains(key.networks, address):
            return Denied(Why.NETWORK, key.name)
        self._note_use(key, at)
        return Access(
            key_id=key.id,
            key=key.name,
            scopes=key.scopes,
            address=address,
            expires_at=key.expires_at,
            digest=digest,
        )

    def is_good(self, access: Access, at: datetime) -> bool:
        """Whether who was let in would be again, and might do as much. For long answers.

        His key lives, with the secret that he has shown; no scope was taken from it, and it is still for his network.
        """
        key = self._keys.get(access.key_id)
        if key is None or key.revoked_at is not None or key.is_expired(at):
            return False
        if not access.scopes <= key.scopes or not contains(key.networks, access.address):
            return False
        return access.digest == key.digest or (
            key.old is not None and access.digest == key.old.digest and _takes_old(key, at)
        )

    def _note_use(self, key: ApiKey, at: datetime) -> None:
        if key.last_used_at is not None and abs(at - key.last_used_at) < USE_IS_TOLD_EVERY:
            return
        self._keys[key.id] = replace(key, last_used_at=at)
        if self._used is not None:
            self._used(key.id, at)


def _takes_old(key: ApiKey, at: datetime) -> bool:
    return key.old is not None and at < key.old.until
