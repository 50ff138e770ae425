"""The outcome of a dry run as programs get it, by `agi-router test-route --json` and over REST."""

from dataclasses import asdict
from typing import Any

from agi_router.routing.decision import Decision
from agi_router.routing.hours import Closed
from agi_router.routing.understood import Understood
from ari_app.calls.asking import outside_hours
from ari_app.live.dry_run import Outcome


def as_object(outcome: Outcome) -> dict[str, Any]:
    """The outcome as programs get it; the keys are always the same ones."""
    decision = outcome.decision or Decision(route=outcome.route)
    destination = decision.destination
    understood = decision.understood
    return {
        "route": outcome.route,
        "closed": _closed(decision.closed) if decision.closed else None,
        "failed_attempts": [asdict(attempt) for attempt in decision.failed_attempts],
        "request": asdict(decision.request) if decision.request else None,
        "answer": asdict(decision.answer) if decision.answer else None,
        "value": decision.value,
        "source": decision.source.value,
        "age_s": round(decision.age_s, 1),
        "destination": {"type": destination.type, "value": destination.value} if destination else None,
        "carries": _carried(understood) if understood is not None and understood.carries_more else None,
        "members": [asdict(member) for member in outcome.members],
        "devices": [asdict(device) for device in outcome.devices],
        "blocked": [asdict(blocked) for blocked in outcome.blocked],
        "error": asdict(outcome.error) if outcome.error else None,
    }


def _closed(closed: Closed) -> dict[str, str | None]:
    told = outside_hours(closed)
    return {
        "calendar": told.calendar,
        "zone": told.zone,
        "local_time": told.local_time,
        "holiday": told.holiday or None,
        "opens": told.opens or None,
    }


def _carried(understood: Understood) -> dict[str, Any]:
    """What the answer carries for the phones and the dialplan."""
    return {
        "caller_name": understood.caller_name,
        "ring_timeout_s": understood.ring_s,
        "record": understood.record,
        "headers": dict(understood.headers),
        "variables": dict(understood.variables),
        "notes": list(understood.notes),
    }
