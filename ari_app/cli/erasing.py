"""`agi-router history erase`: the running router deletes the calls of a number; without one the command does."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import typer

from ari_app.asterisk.spool import open_spool
from ari_app.cli.outcome import CommandError, Status
from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.live.erasing import Erasing
from ari_app.recordings.folder import FolderStore
from ari_app.recordings.keeping import Keeping
from ari_app.settings import Settings, load_settings
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.recordings import RecordingRows
from ari_app.storage.serving import open_database

DEADLINE_S: Final = 600.0
"""A history of many millions of calls is read once."""


def erase_number(config: Path, number: str, *, yes: bool, as_json: bool) -> None:
    """Erase, and print what was deleted. Raises CommandError for what names nobody."""
    number = number.strip()
    if not number:
        raise CommandError(
            "no number was named", "Write one: agi-router history erase +14155550177", status=Status.USAGE
        )
    settings = load_settings(config)
    if not yes:
        typer.confirm(f"Delete every call with {printable(number)} for ever?", abort=True, err=True)
    try:
        told = ask(settings.control, "erase", DEADLINE_S, {"number": number})
    except NoRouterError:
        told = asyncio.run(_erase(settings, number))
    if as_json:
        print_json(told)
        return
    _show(told)


async def _erase(settings: Settings, number: str) -> Mapping[str, Any]:
    async def settle() -> None:
        """Nobody writes but us."""

    async with open_database(settings.storage) as database, open_spool(settings.asterisk.ari) as spool:
        keeping = Keeping(RecordingRows(database), FolderStore(settings.recordings.folder), spool)
        region = settings.routing.policy.region
        erasing = Erasing(StoredEraser(database), settle, lambda: region, keeping.forget_orphans)
        return await erasing.answer({"number": number})


def _show(told: Mapping[str, Any]) -> None:
    terminal = console()
    terminal.print(
        f"deleted {told['calls']} calls of {printable(told['number'])}, with {told['parts']} parts and "
        f"{told['events']} events",
        soft_wrap=True,
    )
    terminal.print(
        f"deleted {told['answers']} last good answers, of all numbers: which is whose cannot be told; "
        f"cleared {told['outgoing']} counts of the dial policy; deleted {told['recordings']} recordings",
        soft_wrap=True,
    )
    if told["messages"]:
        terminal.print(f"deleted {told['messages']} text messages from or to it")
    if told["notices"]:
        terminal.print(f"deleted {told['notices']} notices of webhooks; what has been sent is the receivers' to erase")
    if told["contacts"]:
        terminal.print(
            f"deleted {told['contacts']} contacts from the phone book; the CRM still has them, and the next run brings "
            "them back: delete them there",
            soft_wrap=True,
        )
    if told["in_progress"]:
        terminal.print(
            f"{told['in_progress']} calls of it go on, or have just ended: ask again in a few minutes", soft_wrap=True
        )
