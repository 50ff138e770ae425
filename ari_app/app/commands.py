"""What the control socket of a running router can be asked."""

import time
from collections.abc import Mapping
from typing import Any

from ari_app.app.contacts import contact_choice
from ari_app.app.parts import Parts
from ari_app.app.recording_links import links_below
from ari_app.app.status import status
from ari_app.control.server import Arguments, Commands
from ari_app.control.settings import ControlError
from ari_app.live.activities import activity_commands, counts_as_json
from ari_app.live.agents import agents, changing
from ari_app.live.crm_commands import crm_commands
from ari_app.live.crm_leftovers import forgetting
from ari_app.live.placing import placing
from ari_app.live.recording_commands import recording_commands
from ari_app.live.reload import Reloading
from ari_app.live.steering import live_calls, steering
from ari_app.live.webhook_commands import webhook_commands
from ari_app.storage.errors import StorageError


async def nothing_to_fill(_: Arguments) -> Mapping[str, Any]:
    """The command `fill` where the router does not listen to the PBX's calls."""
    raise ControlError(
        "the calls of the PBX are not on record here, so there is no gap in them [history_off]",
        "Configure asterisk.ami, and let history.pbx_calls be auto, cel or cdr: see docs/history.md.",
    )


def commands(parts: Parts, reloading: Reloading) -> Commands:
    """By their names."""
    started = time.monotonic()

    async def tell_status(_: Arguments) -> Mapping[str, Any]:
        try:
            counts = counts_as_json(await parts.memory.activities.counts())
        except StorageError:  # all else is told while the database is away
            counts = {}
        return {**status(parts, reloading, started), "crm_activities": counts}

    return {
        "status": tell_status,
        "reload": reloading.answer,
        "policy": parts.rules.answer,
        "call": placing(parts.supervisor),
        "follow": parts.feed.follow,
        "live": live_calls(parts.supervisor),
        "steer": steering(parts.supervisor),
        "agents": agents(parts.presence),
        "agent": changing(parts.agent_changes),
        "message": parts.messages.answer,
        "crm_users": parts.crm_users.answer,
        "assign": contact_choice(parts.crms_of_calls, parts.crm, parts.memory, parts.feed).answer,
        "crm_sync": parts.phone_book.begin_sync,
        "crm_synced": parts.phone_book.tell_sync,
        "phone_books": parts.phone_book.tell_syncs,
        "erase": parts.erasing.answer,
        "fill": nothing_to_fill if parts.history is None else parts.history.fill,
        **parts.memory.keys.commands,
        **recording_commands(parts.memory.recordings, lambda: links_below(reloading.in_force)),
        **webhook_commands(parts.memory.webhooks),
        **activity_commands(parts.memory.activities),
        "crm_forget": forgetting(parts.memory.database, parts.crm),
        **crm_commands(parts.crm, parts.memory.number_forms.counts),
    }
