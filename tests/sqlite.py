"""SQLite files that have all their tables: to migrate an empty one takes longer than most tests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings


def make_database(path: Path) -> None:
    """Put a migrated database without rows there."""
    path.write_bytes(_migrated())
    path.chmod(0o640)


@cache
def _migrated() -> bytes:
    with ThreadPoolExecutor(max_workers=1) as thread:  # where no loop runs
        return thread.submit(lambda: asyncio.run(_migrate())).result()


async def _migrate() -> bytes:
    with TemporaryDirectory() as folder:
        settings = StorageSettings.at(Path(folder, "migrated.db"))
        async with open_database(settings):
            pass
        return settings.path.read_bytes()
