"""Webhooks as programs get them, from the control socket and by REST: times in ISO 8601, and no secret."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ari_app.domain.deliveries import DeliveryEntry
from ari_app.domain.webhooks import NoticeFilter
from ari_app.live.webhooks import DeliveryShown, Done, Shown
from ari_app.webhooks.rendering import Rendered

_FILTER: Final = ("types", "users", "teams", "queues", "numbers", "routes", "directions")


def webhook_as_json(shown: Shown) -> Mapping[str, Any]:
    """A subscription; of its headers the names, null for who may not open their seal."""
    webhook, standing = shown.subscription, shown.standing
    is_lost = shown.knows_secrets and not webhook.secrets
    state = "secret_lost" if is_lost else "active" if webhook.is_enabled else "disabled"
    return {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "enabled": webhook.is_enabled,
        "state": state,
        "disabled_reason": webhook.disabled_reason,
        **filter_as_json(webhook.wanted),
        "template": webhook.template,
        "headers": sorted(webhook.headers) if shown.knows_secrets else None,
        "created_at": _moment(webhook.created_at),
        "changed_at": _moment(webhook.changed_at),
        "old_secret_until": _moment(webhook.old_secret_until),
        "pending": standing.pending,
        "failed": standing.failed,
        "oldest_pending_at": _moment(standing.oldest_pending_at),
        "last_success_at": _moment(standing.last_success_at),
        "failing_since": _moment(standing.failing_since),
    }


def filter_as_json(wanted: NoticeFilter) -> Mapping[str, list[str]]:
    """What it takes; an empty list of what is not asked about."""
    return {name: sorted(map(str, getattr(wanted, name))) for name in _FILTER}


def done_as_json(done: Done) -> Mapping[str, Any]:
    """What became of a subscription, and what is to be known of it."""
    secret = {"secret": done.secret} if done.secret else {}
    return {**secret, "warnings": list(done.warnings), "webhook": webhook_as_json(done.shown)}


def entry_as_json(entry: DeliveryEntry) -> Mapping[str, Any]:
    """A delivery as lists have it."""
    return {
        "id": entry.id,
        "event_id": entry.notice_id,
        "type": entry.type,
        "subject": entry.subject,
        "call_id": entry.call_id,
        "at": _moment(entry.at),
        "state": entry.state.value,
        "attempts": entry.attempts,
        "due_at": _moment(entry.due_at),
        "finished_at": _moment(entry.finished_at),
        "is_replay": entry.is_replay,
    }


def delivery_as_json(shown: DeliveryShown) -> Mapping[str, Any]:
    """A delivery with what is sent, and every attempt."""
    attempts = [
        {
            "number": attempt.number,
            "at": _moment(attempt.at),
            "url": attempt.url,
            "elapsed_ms": round(attempt.elapsed_ms, 1),
            "status": attempt.status,
            "error": attempt.error,
            "answer": attempt.answer,
        }
        for attempt in shown.attempts
    ]
    return {**entry_as_json(shown.entry), "request": _request(shown.rendered), "tried": attempts}


def _request(rendered: Rendered | None) -> Mapping[str, Any] | None:
    if rendered is None:
        return None
    return {
        "method": rendered.method,
        "content_type": rendered.content_type,
        "body": rendered.body.decode(errors="replace"),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
