"""What the shell offers while a command is typed. Nothing here may fail: a shell would print it into the line."""

import asyncio
from pathlib import Path
from typing import Any

import typer

_MOST_CALLS = 50
_ACTIONS = ("hangup", "hold", "resume", "mute", "unmute", "dtmf", "transfer", "consult", "complete", "cancel", "record")
_RECORDING = ("start", "stop", "pause", "resume")


def route_names(context: typer.Context, incomplete: str) -> list[str]:
    """The routes of the configuration."""
    try:
        from agi_router.document import load_document

        # The document, not the settings: one mistake elsewhere in it must not hide the names.
        routes = load_document(_config(context)).tree.get("routes")
        return sorted(name for name in routes or () if name.startswith(incomplete))
    except Exception:
        return []


def user_names(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The users of the directory, by id and by extension."""
    return [
        (str(user[key]), str(user.get("name", "")))
        for user in _listed(context, "directory", "users")
        for key in ("id", "extension")
        if str(user.get(key, "")).startswith(incomplete) and user.get(key)
    ]


def campaign_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The campaigns of the configuration by which calls are placed."""
    listed = [one for one in _listed(context, "campaigns") if one.get("direction", "outbound") == "outbound"]
    return [(str(one["id"]), str(one.get("name", ""))) for one in listed if str(one["id"]).startswith(incomplete)]


def _listed(context: typer.Context, *keys: str) -> list[dict[str, Any]]:
    """The mappings of the list at this place of the document; none when it can't be read."""
    try:
        from agi_router.document import load_document

        value: Any = load_document(_config(context)).tree
        for key in keys:
            value = value[key]
        return [one for one in value if isinstance(one, dict) and "id" in one]
    except Exception:
        return []


def call_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The newest calls: their ids, and who called."""
    try:
        from ari_app.domain.record import CallRecord
        from ari_app.settings import load_settings
        from ari_app.storage.call_reader import read_calls

        async def newest() -> list[CallRecord]:
            async with read_calls(load_settings(_config(context)).storage) as log:
                return list(await log.matching(incomplete, _MOST_CALLS))

        return [(record.call_id, f"{record.caller_number} {record.disposition}") for record in asyncio.run(newest())]
    except Exception:
        return []


def live_call_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The calls that go on: their ids, and who speaks with whom."""
    try:
        from ari_app.control.client import ask
        from ari_app.settings import load_control

        calls = ask(load_control(_config(context)), "live")["calls"]
        told = [(call["call_id"], f"{call['caller_number']} {call['called_number']}") for call in calls]
        return [(call_id, who) for call_id, who in told if call_id.startswith(incomplete)]
    except Exception:
        return []


def steering_actions(incomplete: str) -> list[str]:
    """What can be done to a live call."""
    return [action for action in _ACTIONS if action.startswith(incomplete)]


def steering_values(context: typer.Context, incomplete: str) -> list[str]:
    """What the action on the line needs, where that is a word of ours."""
    words = _RECORDING if context.params.get("action") == "record" else ()
    return [word for word in words if word.startswith(incomplete)]


def dialplan_files(incomplete: str) -> list[str]:
    """The files that `agi-router dialplan` prints."""
    try:
        from dialplan import FILES

        return [name for name in FILES if name.startswith(incomplete)]
    except Exception:
        return []


def _config(context: typer.Context) -> Path:
    return Path(context.find_root().params["config"])
