"""Text messages of phones (SIP MESSAGE, RFC 3428): sent to users, and received from them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from ari_app.domain.history import Page, Paging, Period

LONGEST_TEXT: Final = 4096
"""Bytes of UTF-8. Beyond some 1300 a message over UDP is cut into fragments, which not every network lets through."""


class MessageDirection(StrEnum):
    """Which way it went."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class MessageStatus(StrEnum):
    """What came of it. What a phone finally answers never comes back from Asterisk."""

    RECEIVED = "received"
    SENT = "sent"  # Asterisk has taken it for at least one contact
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactResult:
    """What came of a message at one contact (a SIP URI) of an endpoint; `reason` says why it failed."""

    endpoint: str
    contact: str
    status: MessageStatus
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessage:
    """One message. `user` is the id of the user who sent it, or for whom it is; "" for nobody of the directory.

    `endpoint` is the one from which Asterisk has it, by password or address (PJSIP/ada); of one that was sent the only
    device for which it was, "" for all of the user. Against it `sender` of a received one is what the phone claims.
    `contacts` are those that it was sent to; `reason` says why it failed or is not whole; `key` is the API key's name.
    """

    id: str
    at: datetime
    direction: MessageDirection
    status: MessageStatus
    sender: str
    recipient: str
    text: str
    user: str = ""
    endpoint: str = ""
    contacts: tuple[ContactResult, ...] = ()
    reason: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedText:
    """A message as Asterisk tells it. `lost_bytes` is how long its text was when it is too long to be handed over."""

    endpoint: str
    sender: str
    recipient: str
    text: str
    lost_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """What a message must be: all that is given holds, of several values one."""

    period: Period = field(default_factory=Period)
    users: tuple[str, ...] = ()
    directions: tuple[MessageDirection, ...] = ()


class MessageArchive(Protocol):
    """The messages on record. Its methods raise StorageError's kin when the database fails."""

    async def message(self, message_id: str) -> TextMessage | None:
        """One of them; None when it is unknown."""
        ...

    async def messages(self, wanted: MessageFilter, paging: Paging) -> Page[TextMessage]:
        """One page of them. Raises HistoryError for a cursor that is none of this question's."""
        ...


class MessageWriter(Protocol):
    """Who keeps messages."""

    def put(self, message: TextMessage) -> None:
        """Write it. Returns at once."""
        ...

    async def flush(self) -> None:
        """Wait until all is committed."""
        ...


def readable(text: str) -> str:
    """The text as phones show it: its lines end with LF, and there is no other control character but the tab."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(each for each in lines if each in _KEPT or unicodedata.category(each) not in _UNWANTED)


def cut(text: str, most: int) -> str:
    """As much of its begin as `most` bytes of UTF-8 hold."""
    return text.encode(errors="ignore")[:most].decode(errors="ignore")


_KEPT: Final = frozenset("\n\t")
_UNWANTED: Final[Sequence[str]] = ("Cc", "Cs")
"""Control characters, which steer a terminal, and lone surrogates, which no encoding holds."""
