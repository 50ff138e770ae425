"""Where resources stand, for those that lead to others."""

from typing import Final
from urllib.parse import quote

PREFIX: Final = "/api/v1"
RECORDINGS: Final = "/recordings"
"""Below it recordings are opened by links, without a key."""


def call_path(call_id: str) -> str:
    """The record of a call."""
    return f"{PREFIX}/calls/{call_id}"


def live_call_path(call_id: str) -> str:
    """A call while it goes on."""
    return f"{PREFIX}/live/{call_id}"


def recording_path(recording_id: str) -> str:
    """A recording, for programs."""
    return f"{PREFIX}/recordings/{recording_id}"


def webhook_path(webhook_id: str) -> str:
    """A subscription."""
    return f"{PREFIX}/webhooks/{webhook_id}"


def message_path(message_id: str) -> str:
    """A text message on record."""
    return f"{PREFIX}/messages/{message_id}"


def contact_path(connector: str, contact_id: str) -> str:
    """A contact of the phone book, by the CRM's id."""
    return f"{PREFIX}/contacts/{quote(connector, safe='')}/{quote(contact_id, safe='')}"


def sync_path(connector: str) -> str:
    """How the phone book's copy of a CRM is brought up to date."""
    return f"{PREFIX}/crm/{quote(connector, safe='')}/sync"
