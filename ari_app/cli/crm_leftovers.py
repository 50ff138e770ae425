"""`agi-router crm forget`, and what `crm status` tells of CRMs that are gone from the configuration."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.live.crm_leftovers import forget, what
from ari_app.logs import LogSettings, set_up_logs
from ari_app.settings import Settings, load_control, load_settings
from ari_app.storage.crm_leftovers import Leftover, read_leftovers
from ari_app.storage.errors import StorageError
from ari_app.storage.serving import open_database

FORGET_S = 60.0


def forget_crm(config: Path, name: str, *, as_json: bool) -> None:
    """By the running router; without one, with its lock. Raises ControlError and StorageError."""
    try:
        told: Mapping[str, Any] = ask(load_control(config), "crm_forget", FORGET_S, {"name": name})
    except NoRouterError:
        set_up_logs(LogSettings(level="error"))
        told = asyncio.run(_forgotten(load_settings(config), name))
    if as_json:
        print_json(told)
        return
    console().print(Text(f"forgotten of {printable(name)}: {what(Leftover(**told))}"), soft_wrap=True)


def leftovers(config: Path) -> Sequence[Leftover]:
    """Of CRMs that are gone from the configuration; nothing where the database cannot tell."""
    settings = load_settings(config)
    try:
        return asyncio.run(read_leftovers(settings.storage, [each.name for each in settings.crm.connectors]))
    except StorageError:
        return ()


async def _forgotten(settings: Settings, name: str) -> Mapping[str, Any]:
    async with open_database(settings.storage) as database:
        return asdict(await forget(database, [each.name for each in settings.crm.connectors], name))
