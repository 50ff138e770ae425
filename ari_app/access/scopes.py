"""What a program may do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ari_app.access.networks import Address


class Scope(StrEnum):
    """One right. A key has those that it was given, and no other."""

    CALLS_PLACE = "calls:place"
    CALLS_READ = "calls:read"
    CALLS_STEER = "calls:steer"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    MESSAGES_SEND = "messages:send"
    MESSAGES_READ = "messages:read"
    HISTORY_ERASE = "history:erase"
    DIRECTORY_READ = "directory:read"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    ROUTES_READ = "routes:read"
    ROUTES_TEST = "routes:test"
    POLICY_READ = "policy:read"
    EVENTS_READ = "events:read"
    RECORDINGS_READ = "recordings:read"
    RECORDINGS_LISTEN = "recordings:listen"
    RECORDINGS_DELETE = "recordings:delete"
    METRICS_READ = "metrics:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    CRM_READ = "crm:read"
    CRM_WRITE = "crm:write"
    FACE_VOIPLINE = "face:voipline"
    FACE_AMEYO = "face:ameyo"
    FACE_AIRCALL = "face:aircall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who asks: the id and the name of his key, what it allows, and until when (None: for ever).

    `address` is where he asks from, `digest` that of the secret which was shown.
    """

    key_id: str
    key: str
    scopes: frozenset[Scope]
    address: Address
    expires_at: datetime | None = None
    digest: str = field(default="", repr=False)


def scopes_of(words: Iterable[str]) -> frozenset[Scope]:
    """What these words name: scopes, or all of them (`*`), of a resource (`calls:*`) or of an action (`*:read`).

    Raises ValueError for a word that names none. A word is read now: what a later version adds is not in it.
    """
    return frozenset(scope for word in words for scope in _named(word))


def _named(word: str) -> list[Scope]:
    resource, _, action = word.partition(":")
    named = [scope for scope in Scope if _fits(resource, scope, 0) and (word == "*" or _fits(action, scope, 1))]
    if not named:
        raise ValueError(f'"{word}" is no scope')
    return named


def _fits(part: str, scope: Scope, index: int) -> bool:
    return part in {"*", scope.value.split(":")[index]}
