"""The phone book as JSON, for commands and for the REST API."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from ari_app.domain.phone_book import BookEntry, SyncRun


def entry_as_json(entry: BookEntry) -> dict[str, Any]:
    """A contact and its numbers."""
    contact = entry.contact
    return {
        **asdict(contact),
        "kind": contact.kind.value,
        "phones": list(contact.phones),
        "numbers": list(entry.numbers),
        "changed_at": _moment(contact.changed_at),
    }


def sync_as_json(connector: str, run: SyncRun | None) -> dict[str, Any]:
    """A run of the synchronisation; without values where there was none yet."""
    if run is None:
        return {"connector": connector, "state": None, **_NONE}
    told = {name: getattr(run, name) for name in ("run", "hook", "page", "seen", "changed", "unusable", "deleted")}
    return {
        "connector": connector,
        "state": run.state.value,
        **told,
        "full": run.is_full,
        **{name: _moment(getattr(run, name)) for name in _MOMENTS},
        "trouble": None if run.failure is None else asdict(run.failure),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


_MOMENTS: Final = ("started_at", "ended_at", "whole_at", "full_at")
_NONE: Final[Mapping[str, Any]] = {
    **dict.fromkeys((*_MOMENTS, "full", "trouble")),
    **dict.fromkeys(("run", "page", "seen", "changed", "unusable", "deleted"), 0),
    "hook": "",
}
