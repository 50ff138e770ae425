"""How a running router stands, as programs get it."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from agi_router.lookup.tokens import TokenState
from ari_app.app.parts import Parts
from ari_app.crm.told import connector_as_json
from ari_app.live.reload import Reloading
from ari_app.live.watching.upstreams import upstream_as_json


def status(parts: Parts, reloading: Reloading, started: float) -> Mapping[str, Any]:
    """All of it; it runs since `started`, on the monotonic clock."""
    call_log, supervisor, routing = parts.memory.call_log, parts.supervisor, parts.routing
    tasks = asyncio.all_tasks()
    return {
        "pid": os.getpid(),
        "version": version("agi-router"),
        "uptime_s": round(time.monotonic() - started, 1),
        "asterisk_connected": parts.connection.connected.is_set(),
        "live_calls": len(supervisor.live),
        "calls_in_setup": supervisor.in_setup,
        "watched_channels": supervisor.switchboard.channels,
        "tasks": len(tasks),
        "tasks_by_coroutine": _by_coroutine(tasks),
        "events_pending": call_log.pending,
        "events_lost": call_log.lost,
        **parts.ami.status(),
        **({} if parts.history is None else parts.history.status()),
        **reloading.status(),
        "limits_reached": parts.rules.reached,
        **parts.door.status(),
        **parts.crm_users.status(),
        "configs_in_use": routing.in_use,
        "watched_devices": parts.devices.watched,
        "upstreams": [upstream_as_json(upstream) for upstream in parts.upstreams.status()],
        "crm": [_crm(connector_as_json(each)) for each in parts.crm.values()],
        "tokens": [token_as_json(route, state) for route, state in routing.in_force.tokens().items()],
    }


def _by_coroutine(tasks: Iterable[asyncio.Task[Any]]) -> dict[str, int]:
    """How many tasks run each coroutine: what is too many has a name, and no call adds a name of its own."""
    names = (getattr(task.get_coro(), "__qualname__", type(task.get_coro()).__qualname__) for task in tasks)
    return dict(sorted(Counter(names).items()))


def _crm(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What counts of it for the router as a whole; all of it is told by `agi-router crm status`."""
    names = ("name", "title", "state", "since", "remedy", "failure", "failed_at", "answered_at")
    return {name: told[name] for name in names}


def token_as_json(route: str, state: TokenState) -> Mapping[str, Any]:
    """How a route's access token stands, as programs get it: moments in ISO 8601, no secrets."""
    moments = {
        name: moment and moment.isoformat()
        for name, moment in (
            ("obtained_at", state.obtained_at),
            ("valid_until", state.valid_until),
            ("next_try_at", state.next_try_at),
        )
    }
    return {"route": route, **asdict(state), **moments, "is_usable": state.is_usable}
