"""The folder that recordings are fetched into: it can be written, and has room."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agi_router.decide import RoutingSettings
from agi_router.routing.recorded import RecordingMode
from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic

STORE: Final = Topic("recordings-folder", Group.DATABASE)

# An hour of 8 kHz WAV is 58 MB: enough for a working day of four phones, and for no hour at all.
LITTLE_BYTES: Final = 2 * 1024**3
TOO_LITTLE_BYTES: Final = 50 * 1024**2


def recordings_checks(routing: RoutingSettings, folder: Path) -> list[Check]:
    """None where nothing is ever recorded."""
    rules = [routing.treatment.recording, *(route.treatment.recording for route in routing.routes)]
    rules += [routing.click_to_dial.recording, *(each.recording for each in routing.campaigns if each.recording)]
    if all(rule.mode is RecordingMode.OFF for rule in rules):
        return []

    async def store() -> Sequence[Finding]:
        return [await asyncio.to_thread(_examine, folder)]

    return [Check(STORE, store)]


def _examine(folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return STORE.error(
            f"recordings can't be fetched into {folder}: {there} can't be written by this user",
            "let the router's user own the folder, or name another one in recordings.folder",
        )
    disk = os.statvfs(there)
    return judge_room(folder, disk.f_bavail * disk.f_frsize)


def judge_room(folder: Path, free: int) -> Finding:
    """Whether it has room to grow."""
    found = f"{free / 1024**2:.0f} MiB are free for recordings in {folder}"
    if free < TOO_LITTLE_BYTES:
        return STORE.error(
            found, "make room, or set recordings.keep_days: recordings stay in Asterisk's spool meanwhile"
        )
    if free < LITTLE_BYTES:
        return STORE.warning(found, "make room before they can't be fetched any more, or set recordings.keep_days")
    return STORE.ok(f"{free / 1024**3:.1f} GiB are free for recordings in {folder}")
