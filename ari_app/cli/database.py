"""`agi-router db`: the database's revision."""

import asyncio
from dataclasses import asdict
from pathlib import Path

from ari_app.cli.output import console, print_json
from ari_app.settings import load_settings
from ari_app.storage.database import reading_engine
from ari_app.storage.revision import Revision, revision
from ari_app.storage.serving import upgrade
from ari_app.storage.settings import StorageSettings


def upgrade_database(config: Path) -> None:
    """Migrate, with the lock that a serving router would hold."""
    settings = load_settings(config).storage
    before, after = asyncio.run(upgrade(settings))
    if before.current == after.current:
        console().print(f"{settings.name} is up to date: revision {after.current}", soft_wrap=True)
    else:
        came_from = f"revision {before.current}" if before.current else "an empty database"
        console().print(f"{settings.name}: from {came_from} to revision {after.current}", soft_wrap=True)


def show_revision(config: Path, *, as_json: bool) -> None:
    """Print where the database stands."""
    settings = load_settings(config).storage
    stands = asyncio.run(_revision(settings))
    if as_json:
        print_json({"database": str(settings.name), **asdict(stands), "head": stands.head})
        return
    verdict = "up to date"
    if stands.is_newer:
        verdict = f"made by a newer agi-router; this one knows up to {stands.head}"
    elif stands.is_older:
        verdict = f"older than {stands.head}: run agi-router db upgrade, or start the router"
    console().print(f"{settings.name}: revision {stands.current or 'none'}, {verdict}", soft_wrap=True)


async def _revision(settings: StorageSettings) -> Revision:
    engine = reading_engine(settings)
    try:
        return await revision(engine)
    finally:
        await engine.dispose()
