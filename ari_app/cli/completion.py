"""What the shell offers while a command is typed. Nothing here may fail: a shell would print it into the line."""

import asyncio
from pathlib import Path
from typing import Any, get_args

import typer

_MOST_CALLS = 50


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


def user_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The users of the directory, by id alone."""
    return _ids(_listed(context, "directory", "users"), incomplete)


def team_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The teams of the directory."""
    return _ids(_listed(context, "directory", "teams"), incomplete)


def queue_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The queues of the directory."""
    return _ids(_listed(context, "directory", "queues"), incomplete)


def campaign_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The campaigns of the configuration by which calls are placed."""
    listed = [one for one in _listed(context, "campaigns") if one.get("direction", "outbound") == "outbound"]
    return _ids(listed, incomplete)


def _ids(listed: list[dict[str, Any]], incomplete: str) -> list[tuple[str, str]]:
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


def recording_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The newest recordings that can be heard: their ids, and when they began."""
    try:
        from ari_app.domain.history import LONGEST_PAGE, Paging
        from ari_app.domain.recordings import RecordingFilter, RecordingState, StoredRecording
        from ari_app.settings import load_settings
        from ari_app.storage.call_reader import reading
        from ari_app.storage.recording_reader import RecordingPages

        async def newest() -> list[StoredRecording]:
            async with reading(load_settings(_config(context)).storage) as engine:
                stored = RecordingFilter(states=(RecordingState.STORED,))
                page = await RecordingPages(engine).page(stored, Paging(limit=LONGEST_PAGE))
            return [each for each in page.items if each.id.startswith(incomplete)][:_MOST_CALLS]

        return [
            (each.id, f"{each.kind} {each.started_at.astimezone():%Y-%m-%d %H:%M}") for each in asyncio.run(newest())
        ]
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


def key_names(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The API keys that are not revoked: their names, and what they may do."""
    try:
        from ari_app.cli.keys import known_keys

        keys = [key for key in known_keys(_config(context)) if key["state"] != "revoked"]
        return [(key["name"], " ".join(key["scopes"])) for key in keys if key["name"].startswith(incomplete)]
    except Exception:
        return []


def scopes(incomplete: str) -> list[str]:
    """What a key may be made for."""
    from ari_app.access.scopes import Scope

    return [scope for scope in ("*", *Scope) if scope.startswith(incomplete)]


def webhook_names(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The webhooks: their names, and where they lead."""
    try:
        from ari_app.cli.webhooks import done

        known = done(_config(context), "webhooks")["webhooks"]
        return [(each["name"], each["url"]) for each in known if each["name"].startswith(incomplete)]
    except Exception:
        return []


def event_types(incomplete: str) -> list[str]:
    """What webhooks may be told of."""
    from ari_app.domain.notices import NoticeType

    families = sorted({f"{each.partition('.')[0]}.*" for each in NoticeType})
    return [word for word in (*families, *NoticeType) if word.startswith(incomplete)]


def template_names(context: typer.Context, incomplete: str) -> list[str]:
    """The shapes in which events can be sent."""
    try:
        from ari_app.live.webhook_forms import Rules
        from ari_app.settings import load_settings

        names = Rules.of(load_settings(_config(context))).templates
        return sorted(name for name in names if name.startswith(incomplete))
    except Exception:
        return []


def crm_names(context: typer.Context, incomplete: str) -> list[str]:
    """The CRMs of the configuration."""
    try:
        from agi_router.document import load_document

        names = load_document(_config(context)).tree.get("crm")
        return sorted(name for name in names or () if name.startswith(incomplete))
    except Exception:
        return []


def crm_hooks(incomplete: str) -> list[str]:
    """What a document can tell how to do."""
    from ari_app.domain.crm import HookName

    return [name.value for name in HookName if name.value.lower().startswith(incomplete.lower())]


def crm_documents(incomplete: str) -> list[str]:
    """The CRM documents that come with the router."""
    try:
        from ari_app.crm.document import shipped_names

        return [name for name in shipped_names() if name.startswith(incomplete)]
    except Exception:
        return []


def directions(incomplete: str) -> list[str]:
    """Which way calls go."""
    from ari_app.domain.record import Direction

    return [direction for direction in Direction if direction.startswith(incomplete)]


def delivery_states(incomplete: str) -> list[str]:
    """How far deliveries have come."""
    from ari_app.domain.webhooks import DeliveryState

    return [state for state in DeliveryState if state.startswith(incomplete)]


def activity_states(incomplete: str) -> list[str]:
    """How far a CRM was told of a call."""
    from ari_app.domain.activities import ActivityState

    return [state for state in ActivityState if state.startswith(incomplete)]


def steering_actions(incomplete: str) -> list[str]:
    """What can be done to a live call."""
    from ari_app.live.steering import ActionName

    return [action for action in get_args(ActionName) if action.startswith(incomplete)]


def steering_values(context: typer.Context, incomplete: str) -> list[str]:
    """What the action on the line needs, where that is a word of ours."""
    from ari_app.calls.steering_request import RecordingChange

    words = [change.value for change in RecordingChange] if context.params.get("action") == "record" else []
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
