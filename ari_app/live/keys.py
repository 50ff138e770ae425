"""What is done with API keys by command: made, shown, changed, replaced, revoked. Each change counts at once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from pydantic import BaseModel, ConfigDict, Field

from agi_router.document.problems import suggestion
from ari_app.access.key import NAME, ApiKey, KeyLimits, Token, new_key
from ari_app.access.keyring import Keyring
from ari_app.access.networks import EVERYWHERE, LOOPBACK, Network, network
from ari_app.access.scopes import Scope, scopes_of
from ari_app.calls.clock import now
from ari_app.control.settings import ControlError
from ari_app.live.forms import Command, read_form
from ari_app.storage.api_keys import StoredKeys, open_api_keys
from ari_app.storage.errors import StorageError
from ari_app.storage.serving import Database

ANY: Final = "any"
"""Instead of networks: everybody."""

LONGEST_LIFE_S: Final = 100 * 366 * 86_400
LONGEST_OVERLAP_S: Final = 90 * 86_400

log = structlog.get_logger("agi_router.access")


class NewKeyForm(BaseModel):
    """`scopes` and `networks` as people write them; no networks: those of this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)
    scopes: list[str] = Field(max_length=100)
    networks: list[str] = Field(default_factory=list, max_length=100)
    expires_s: int | None = Field(default=None, ge=1, le=LONGEST_LIFE_S)
    requests_per_minute: int | None = Field(default=None, ge=1, le=100_000)
    calls_per_second: int | None = Field(default=None, ge=1, le=10_000)
    concurrent_calls: int | None = Field(default=None, ge=1, le=100_000)


class NamedKeyForm(BaseModel):
    """A key that is not revoked, by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)


class ChangeForm(NamedKeyForm):
    """What is None stays; what is given replaces what was there. No networks: those of this machine."""

    scopes: list[str] | None = Field(default=None, max_length=100)
    networks: list[str] | None = Field(default=None, max_length=100)


class RotateForm(NamedKeyForm):
    """The secret until now is taken for `keep_old_s` more; `expires_s` from now is a new end."""

    keep_old_s: int = Field(default=0, ge=0, le=LONGEST_OVERLAP_S)
    expires_s: int | None = Field(default=None, ge=1, le=LONGEST_LIFE_S)


class KeyDesk:
    """Changes keys: first in the database, then in the keyring that lets programs in."""

    def __init__(self, keyring: Keyring, stored: StoredKeys) -> None:
        self.keyring = keyring
        self._stored = stored
        self._one_at_a_time = asyncio.Lock()

    @property
    def commands(self) -> Mapping[str, Command]:
        """Those of the control socket. They raise ControlError with what is wrong."""
        return {
            "keys": self._list,
            "create_key": self._create,
            "change_key": self._change,
            "rotate_key": self._rotate,
            "revoke_key": self._revoke,
        }

    async def _list(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        return keys_as_json(self.keyring.keys)

    async def _create(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        form, at = read_form(NewKeyForm, arguments), now()
        if not NAME.fullmatch(form.name):
            raise _wrong(f"the name {form.name!r} holds more than letters, digits and . _ - @")
        async with self._one_at_a_time:
            if self.keyring.living(form.name) is not None:
                raise ControlError(
                    f"there is a key {form.name} already [key_exists]",
                    f"Replace its secret: agi-router keys rotate {form.name}; or revoke it, or take another name.",
                )
            key, token = new_key(
                form.name,
                _scopes(form.scopes),
                at,
                networks=_networks(form.networks),
                limits=KeyLimits(
                    requests_per_minute=form.requests_per_minute,
                    calls_per_second=form.calls_per_second,
                    concurrent_calls=form.concurrent_calls,
                ),
                expires_at=_after(form.expires_s, at),
            )
            await self._put(key)
        log.info("an API key was made", key=key.name, id=key.id, scopes=" ".join(sorted(key.scopes)))
        return _with_token(key, token, at)

    async def _change(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        form, at = read_form(ChangeForm, arguments), now()
        async with self._one_at_a_time:
            before = self._living(form.name)
            key = replace(
                before,
                scopes=before.scopes if form.scopes is None else _scopes(form.scopes),
                networks=before.networks if form.networks is None else _networks(form.networks),
            )
            await self._put(key)
        told = key_as_json(key, at)
        log.info(
            "an API key was changed",
            key=key.name,
            id=key.id,
            scopes=" ".join(told["scopes"]),
            networks=" ".join(told["networks"]),
        )
        return {"key": told}

    async def _rotate(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        form, at = read_form(RotateForm, arguments), now()
        async with self._one_at_a_time:
            before = self._living(form.name)
            expires_at = _after(form.expires_s, at) or before.expires_at
            if expires_at is not None and expires_at <= at:
                raise ControlError(
                    f"the key {form.name} has expired, and so would its new secret [key_expired]",
                    "Give it a new end: --expires 90d",
                )
            key, token = before.rotated(old_until=_after(form.keep_old_s or None, at), expires_at=expires_at)
            await self._put(key)
        log.info("the secret of an API key was replaced", key=key.name, id=key.id, old_taken_for_s=form.keep_old_s)
        return _with_token(key, token, at)

    async def _revoke(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        form, at = read_form(NamedKeyForm, arguments), now()
        async with self._one_at_a_time:
            key = replace(self._living(form.name), revoked_at=at, old=None)
            await self._put(key)
        log.info("an API key was revoked", key=key.name, id=key.id)
        return {"key": key_as_json(key, at)}

    async def _put(self, key: ApiKey) -> None:
        try:
            await self._stored.put(key)
        except StorageError as error:
            raise ControlError(f"{error} [storage]", error.remedy) from None
        self.keyring.put(key)

    def _living(self, name: str) -> ApiKey:
        key = self.keyring.living(name)
        if key is None:
            raise unknown_key(name, [key.name for key in self.keyring.keys if key.revoked_at is None])
        return key


@asynccontextmanager
async def open_keys(database: Database) -> AsyncIterator[KeyDesk]:
    """The keys of this database, until the block ends. Raises StorageError."""
    async with open_api_keys(database) as stored:
        yield KeyDesk(Keyring(await stored.all(), stored.note_use), stored)


def unknown_key(name: str, known: list[str]) -> ControlError:
    """No key has this name; one of those that there are may be meant."""
    return ControlError(
        f"there is no key {name}{suggestion(name, known)} [key_unknown]", "agi-router keys list shows those there are."
    )


def keys_as_json(keys: tuple[ApiKey, ...]) -> Mapping[str, Any]:
    """All of them, without anything by which one could be used."""
    at = now()
    return {"keys": [key_as_json(key, at) for key in keys]}


def key_as_json(key: ApiKey, at: datetime) -> Mapping[str, Any]:
    """A key as programs get it: moments in ISO 8601; no hash."""
    state = "revoked" if key.revoked_at else "expired" if key.is_expired(at) else "active"
    moments = {
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "old_secret_until": None if key.old is None or key.old.until <= at else key.old.until,
    }
    return {
        "id": key.id,
        "name": key.name,
        "state": state,
        "scopes": sorted(key.scopes),
        "networks": list(map(str, key.networks)),
        "requests_per_minute": key.limits.requests_per_minute,
        "calls_per_second": key.limits.calls_per_second,
        "concurrent_calls": key.limits.concurrent_calls,
        **{name: moment and moment.isoformat() for name, moment in moments.items()},
    }


def _with_token(key: ApiKey, token: Token, at: datetime) -> Mapping[str, Any]:
    return {"token": token.text, "key": key_as_json(key, at)}


def _after(seconds: int | None, at: datetime) -> datetime | None:
    return None if seconds is None else at + timedelta(seconds=seconds)


def _scopes(words: list[str]) -> frozenset[Scope]:
    if not words:
        raise _wrong("a key without scopes may do nothing")
    for word in words:
        try:
            scopes_of([word])
        except ValueError as error:
            known = [scope.value for scope in Scope]
            raise ControlError(
                f"{error}{suggestion(word, known)} [scope_unknown]",
                f"Scopes are {', '.join(known)}; and calls:* or *:read for several, * for all.",
            ) from None
    return scopes_of(words)


def _networks(words: list[str]) -> tuple[Network, ...]:
    if ANY in words:
        return EVERYWHERE
    try:
        return tuple(dict.fromkeys(map(network, words))) or LOOPBACK
    except ValueError as error:
        raise ControlError(f"{error} [network_malformed]", f"Or let it in from everywhere: {ANY}") from None


def _wrong(message: str) -> ControlError:
    return ControlError(f"{message} [bad_request]", "Correct it, and ask again.")
