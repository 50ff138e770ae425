"""Recordings of calls, and messages that callers left: from Asterisk's spool into a store of our own."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from ari_app.domain.history import Page, Paging, Period
from ari_app.domain.unavailable import UnavailableError


class RecordingState(StrEnum):
    """Where a recording is."""

    RUNNING = "running"
    ENDED = "ended"  # in Asterisk's spool, to be fetched
    STORED = "stored"
    LOST = "lost"  # Asterisk has none of this name, or what was fetched is not whole
    DELETED = "deleted"  # for its age, or on request: only its row is left


class RecordingKind(StrEnum):
    """Whose voice it is."""

    CALL = "call"
    VOICEMAIL = "voicemail"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecording:
    """One file. `id` is its name in Asterisk; `place` where the store has it. `seconds` is the length of the sound."""

    id: str
    call_id: str
    kind: RecordingKind
    state: RecordingState
    started_at: datetime
    ended_at: datetime | None = None
    media_type: str = "audio/wav"
    place: str = ""
    size: int = 0
    sha256: str = ""
    seconds: float | None = None
    mailbox: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Somebody was sent a recording, or a part of it: by a signed link (`link` names it) or with a key."""

    recording_id: str
    at: datetime
    key: str = ""
    link: str = ""
    address: str = ""
    first_byte: int = 0
    sent: int = 0


ALWAYS: Final = Period()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter:
    """What a recording must be: all that is given holds, of several values one. `users` took part in its call."""

    period: Period = ALWAYS
    call_ids: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    kinds: tuple[RecordingKind, ...] = ()
    states: tuple[RecordingState, ...] = ()


class RecordingArchive(Protocol):
    """Which recordings there are, and who has heard them. Everything raises StorageError's kin."""

    async def page(self, wanted: RecordingFilter, paging: Paging) -> Page[StoredRecording]:
        """By the moment at which they began. Raises HistoryError for a cursor that is none of this question's."""
        ...

    async def get(self, recording_id: str) -> StoredRecording | None:
        """None when it is unknown."""
        ...

    async def of_call(self, call_id: str) -> Sequence[StoredRecording]:
        """In the order in which they began."""
        ...

    async def listenings(self, recording_id: str, offset: int, limit: int) -> tuple[Sequence[Listening], int]:
        """Some of them, the newest first, and how many there are."""
        ...


class RecordingStore(Protocol):
    """Keeps files by their place, a relative path such as `2026/11/21/NAME.wav`. Everything raises StoreError."""

    async def put(self, place: str, content: AsyncIterator[bytes]) -> tuple[int, str]:
        """Keep this whole or not at all, in the place of what is there; how many bytes, and their SHA-256 in hex.

        What `content` raises comes out as it is.
        """
        ...

    def read(self, place: str, first: int = 0, last: int | None = None) -> AsyncGenerator[bytes]:
        """The bytes from number `first` to number `last`, both counted from 0, `last` included; None: to the end.

        Raises NotStoredError before the first piece when there is no such file, StoreError when it ends before `last`.
        """
        ...

    async def delete(self, place: str) -> None:
        """Let go of it; nothing when it is gone already."""
        ...


class StoreError(UnavailableError):
    """The store can't do it."""


class NotStoredError(StoreError):
    """The store has no such file."""
