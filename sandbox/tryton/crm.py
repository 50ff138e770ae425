"""A Tryton of one's own, with a few people in it: installed once on a machine, a fresh copy for everyone who asks."""

import asyncio
import contextlib
import random
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.built_once import CACHE, built_once
from sandbox.tryton import environment, seeds
from sandbox.tryton.records import Records
from sandbox.tryton.server import Server

DEFAULT_INSTALLATION = CACHE / "tryton"

ENVIRONMENT = "environment"
TEMPLATE = "database"
RECIPE_FILES = (environment.REQUIREMENTS, Path(environment.__file__), Path(seeds.__file__))


def tryton_installation(folder: Path = DEFAULT_INSTALLATION) -> Path:
    """The folder with Tryton and a database to copy, made if it is not there or was made by another recipe.

    Not to be called where an event loop runs: `asyncio.to_thread`. Raises SandboxError when it cannot be made.
    """
    recipe = "\0".join([sys.version, *(file.read_text() for file in RECIPE_FILES)])
    return built_once(folder, recipe, _build)


def _build(fresh: Path) -> None:
    fresh.mkdir()
    environment.install(fresh / ENVIRONMENT)
    template = fresh / TEMPLATE
    environment.make_database(fresh / ENVIRONMENT, template)
    asyncio.run(_sow(fresh / ENVIRONMENT, template))
    database = template / f"{environment.DATABASE}.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for other in set(template.iterdir()) - {database}:
        other.unlink(missing_ok=True)


async def _sow(installed: Path, folder: Path) -> None:
    async with Server(installed, folder) as server, Records(server.rpc_url) as records:
        await seeds.sow(records)


class Tryton:
    """A Tryton with the people of `seeds`, up between `async with` and its end, in about a second.

    It listens at `address`, of 127.0.0.0/8, on `port`, or on a free one; without an address at one of its own, where no
    other program's connections take the port away. `records` looks into its database; `server` may be stopped and
    started.
    """

    records: Records
    server: Server

    def __init__(self, address: str = "", *, port: int = 0, installation: Path = DEFAULT_INSTALLATION) -> None:
        self._address = address or f"127.{random.randint(16, 250)}.{random.randint(1, 250)}.7"  # noqa: S311 - no secret
        self._port = port
        self._installation = installation
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        installation = await asyncio.to_thread(tryton_installation, self._installation)
        async with self._open as entering:
            folder = Path(entering.enter_context(tempfile.TemporaryDirectory(prefix="agi-router-tryton-")))
            shutil.copytree(installation / TEMPLATE, folder, dirs_exist_ok=True)
            server = Server(installation / ENVIRONMENT, folder, self._address, self._port)
            self.server = await entering.enter_async_context(server)
            self.records = await entering.enter_async_context(Records(server.rpc_url))
            self._open = entering.pop_all()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def url(self) -> str:
        """Its base URL, without a slash at the end."""
        return self.server.url

    @property
    def rpc_url(self) -> str:
        """Where the database takes JSON-RPC."""
        return self.server.rpc_url
