"""The API keys. A change is committed before it counts; when a key was last used is written behind."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.access.key import ApiKey, KeyLimits, OldSecret
from ari_app.access.networks import network
from ari_app.access.scopes import Scope
from ari_app.storage.database import reading_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, reason
from ari_app.storage.schema import api_keys
from ari_app.storage.serving import Database
from ari_app.storage.settings import StorageSettings
from ari_app.storage.write_behind import WriteBehind

GATHER_S: Final = 5.0
"""Nobody decides anything by the second of a key's last use."""


class StoredKeys:
    """The keys of a router that serves. Made by `open_api_keys`."""

    def __init__(self, database: Database) -> None:
        self._writer = database.writer
        self._reader = database.reader
        self.uses: WriteBehind[datetime] = WriteBehind("last uses of API keys", self._commit_uses, gather_s=GATHER_S)

    async def all(self) -> Sequence[ApiKey]:
        """Every key, the revoked ones too. Raises StorageError."""
        return await _all(self._reader)

    async def put(self, key: ApiKey) -> None:
        """Keep this as the key of its id. Raises StorageError; then the key is as it was."""
        columns = _columns(key)
        try:
            async with self._writer.begin() as connection:
                changed = await connection.execute(update(api_keys).where(api_keys.c.id == key.id).values(columns))
                if not changed.rowcount:
                    await connection.execute(insert(api_keys).values(columns))
        except FAILURES as error:
            raise _unusable("written", error) from error

    def note_use(self, key_id: str, at: datetime) -> None:
        """This key was used. Returns at once; never raises."""
        self.uses.put(key_id, at)

    async def _commit_uses(self, batch: Mapping[str, datetime], _: bool) -> None:
        if batch:
            used = [{"used": key_id, "at": at} for key_id, at in batch.items()]
            async with self._writer.begin() as connection:
                await connection.execute(_USED, used)


_USED: Final = update(api_keys).where(api_keys.c.id == bindparam("used")).values(last_used_at=bindparam("at"))


@asynccontextmanager
async def open_api_keys(database: Database) -> AsyncIterator[StoredKeys]:
    """Write last uses in the background until the block ends; then all is committed, unless that takes long."""
    keys = StoredKeys(database)
    async with keys.uses.running():
        yield keys


async def read_api_keys(settings: StorageSettings) -> Sequence[ApiKey]:
    """Every key, beside a running router too. Raises StorageError when there is no database, or a broken one."""
    reader = reading_engine(settings)
    try:
        return await _all(reader)
    finally:
        await reader.dispose()


async def _all(reader: AsyncEngine) -> Sequence[ApiKey]:
    try:
        async with reader.connect() as connection:
            rows = await connection.run_sync(_rows)
    except FAILURES as error:
        raise _unusable("read", error) from error
    return [_key(row) for row in rows]


def _rows(connection: Connection) -> Sequence[Row[Any]]:
    """None of a database of before there were keys."""
    if not inspect(connection).has_table(api_keys.name):
        return ()
    return connection.execute(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)).all()


def _unusable(what: str, error: Exception) -> StorageError:
    return StorageError(
        f"the API keys cannot be {what}: {reason(error)}", "Look after the disk and the database: agi-router doctor"
    )


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        digest=row.digest,
        scopes=frozenset(Scope(scope) for scope in row.scopes if scope in _SCOPES),
        networks=tuple(map(network, row.networks)),
        limits=KeyLimits(
            requests_per_minute=row.requests_per_minute,
            calls_per_second=row.calls_per_second,
            concurrent_calls=row.concurrent_calls,
        ),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        old=None if row.old_digest is None else OldSecret(row.old_digest, row.old_until),
    )


_SCOPES: Final = frozenset(Scope)
"""One that a later version knew and this one does not gives no right here."""


def _columns(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "digest": key.digest,
        "old_digest": key.old and key.old.digest,
        "old_until": key.old and key.old.until,
        "scopes": sorted(key.scopes),
        "networks": list(map(str, key.networks)),
        "requests_per_minute": key.limits.requests_per_minute,
        "calls_per_second": key.limits.calls_per_second,
        "concurrent_calls": key.limits.concurrent_calls,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }
