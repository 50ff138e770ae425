"""The sealed OAuth grants: implements `agi_router.lookup.grants.GrantMemory`. What is in them, nobody here can read.

Nobody waits for a write: the token is wanted by a caller, and a disk may be slow, full or locked.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from agi_router.lookup.grants import GrantMemory
from agi_router.routing.errors import RoutingError
from ari_app.storage.database import reading_engine
from ari_app.storage.failures import FAILURES, reason, remedy
from ari_app.storage.schema import oauth_grants
from ari_app.storage.serving import Database, open_database
from ari_app.storage.serving_lock import lock_holder
from ari_app.storage.settings import StorageSettings
from ari_app.storage.upsert import upsert

FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
CLOSE_DEADLINE_S = 5.0

_PUT = upsert(oauth_grants)

log = structlog.get_logger("agi_router.grants")


class StoredGrants:
    """A `GrantMemory` of a running router. Made by `writing_grants`."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader
        self._newest: dict[str, str] = {}
        self._unwritten: set[str] = set()
        self._arrived = asyncio.Event()
        self._all_written = asyncio.Event()
        self._all_written.set()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def turn(self, grant_id: str) -> AsyncIterator[None]:
        """See GrantMemory."""
        async with self._turns[grant_id]:
            yield

    async def recall(self, grant_id: str) -> str | None:
        """See GrantMemory."""
        if grant_id not in self._newest:
            return await _read(self._reader, grant_id)
        return self._newest[grant_id]

    def remember(self, grant_id: str, sealed: str) -> None:
        """See GrantMemory."""
        self._newest[grant_id] = sealed
        self._unwritten.add(grant_id)
        self._all_written.clear()
        self._arrived.set()

    async def flush(self) -> None:
        """Wait until all is written, for as long as the database can't be."""
        await self._all_written.wait()

    async def run(self) -> None:
        """Write what arrives, until cancelled. A database that fails is tried again for ever."""
        retry_s = FIRST_RETRY_S
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            try:
                await self._write()
                retry_s = FIRST_RETRY_S
            except FAILURES as error:
                log.error(  # noqa: TRY400 - the reason is named; a stack per retry would bury it
                    "a new refresh token cannot be written; it is tried again, and lost if the router ends before",
                    reason=reason(error),
                    retry_in_s=retry_s,
                    remedy=remedy(error),
                )
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
                self._arrived.set()

    async def _write(self) -> None:
        written = {grant_id: self._newest[grant_id] for grant_id in self._unwritten}
        if written:
            now = datetime.now(UTC)
            rows = [{"grant_id": grant, "sealed": sealed, "changed_at": now} for grant, sealed in written.items()]
            async with self._writer.begin() as connection:
                await connection.execute(_PUT.on(connection), rows)
        self._unwritten -= {grant for grant, sealed in written.items() if self._newest[grant] == sealed}
        if not self._unwritten:
            self._all_written.set()


class ReadGrants:
    """A `GrantMemory` of a command beside a running router, which alone may use the refresh tokens."""

    def __init__(self, reader: AsyncEngine) -> None:
        self._reader = reader

    @asynccontextmanager
    async def turn(self, grant_id: str) -> AsyncIterator[None]:  # noqa: ARG002
        """Raises RoutingError, oauth_elsewhere: always."""
        raise RoutingError(
            "oauth_elsewhere",
            "the running router holds this refresh token, and has no living access token for it now",
            "agi-router doctor tells why; or stop the router and ask again",
        )
        yield  # an asynchronous context manager is a generator

    async def recall(self, grant_id: str) -> str | None:
        """See GrantMemory."""
        return await _read(self._reader, grant_id)

    def remember(self, grant_id: str, sealed: str) -> None:
        """Without a turn there is nothing to keep."""


@asynccontextmanager
async def writing_grants(database: Database) -> AsyncIterator[StoredGrants]:
    """Write in the background until the block ends; at its end all is committed, within CLOSE_DEADLINE_S."""
    grants = StoredGrants(database.writer, database.reader)
    task = asyncio.create_task(grants.run(), name="oauth grants")
    try:
        yield grants
    finally:
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await grants.flush()
        except TimeoutError:
            log.critical(
                "the router ends with a refresh token that the database did not take: it is lost",
                remedy="free disk space, or end the program that holds the database locked; then authorise again",
            )
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def grants_for_command(settings: StorageSettings) -> AsyncIterator[GrantMemory]:
    """The grants while no router serves, or what it has written while one does. Raises StorageError."""
    if await lock_holder(settings) is None:
        async with open_database(settings) as database, writing_grants(database) as grants:
            yield grants
        return
    reader = reading_engine(settings)
    try:
        yield ReadGrants(reader)
    finally:
        await reader.dispose()


async def _read(engine: AsyncEngine, grant_id: str) -> str | None:
    try:
        async with engine.connect() as connection:
            query = select(oauth_grants.c.sealed).where(oauth_grants.c.grant_id == grant_id)
            return (await connection.execute(query)).scalar_one_or_none()
    except FAILURES as error:
        raise RoutingError(
            "oauth_unreadable",
            f"the database cannot be read for the newest refresh token: {reason(error)}",
            "see the finding database of agi-router doctor",
        ) from error
