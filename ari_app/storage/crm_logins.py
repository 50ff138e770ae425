"""What was given to connect CRMs: implements `ari_app.domain.crm_login.Logins`. Without the key it cannot be read."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.domain.crm_login import Login
from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.schema import crm_logins as table
from ari_app.storage.sealing import Sealing
from ari_app.storage.secret_key import secret_key
from ari_app.storage.serving import Database
from ari_app.storage.uncut import uncut
from ari_app.storage.upsert import upsert

_PUT = upsert(table)


class StoredLogins:
    """A `Logins` in the database; each change is committed when it returns. Everything raises StorageError."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, sealing: Sealing) -> None:
        self._writer = writer
        self._reader = reader
        self._sealing = sealing

    @uncut
    async def all(self) -> Sequence[Login]:
        """See Logins: one that another key has sealed is none any more."""
        return await _all(self._reader, self._sealing)

    async def keep(self, login: Login) -> None:
        """See Logins."""
        secret = {
            "properties": dict(login.properties),
            "refresh_token": login.refresh_token,
            "access_token": login.access_token,
        }
        sealed = self._sealing.seal(json.dumps(secret), _purpose(login.connector))
        row = {"connector": login.connector, "sealed": sealed, "changed_at": login.at}
        try:
            async with self._writer.begin() as connection:
                await connection.execute(_PUT.on(connection), [row])
        except FAILURES as error:
            raise unusable(self._writer, error) from error

    async def forget(self, connector: str) -> None:
        """See Logins."""
        try:
            async with self._writer.begin() as connection:
                await connection.execute(delete(table).where(table.c.connector == connector))
        except FAILURES as error:
            raise unusable(self._writer, error) from error


class ReadLogins:
    """A `Logins` of a command beside a running router, which alone may change them."""

    def __init__(self, reader: AsyncEngine, sealing: Sealing) -> None:
        self._reader = reader
        self._sealing = sealing

    async def all(self) -> Sequence[Login]:
        """See Logins."""
        return await _all(self._reader, self._sealing)

    async def keep(self, login: Login) -> None:
        """Raises StorageError: always."""
        raise _elsewhere(login.connector)

    async def forget(self, connector: str) -> None:
        """Raises StorageError: always."""
        raise _elsewhere(connector)


def stored_logins(database: Database) -> StoredLogins:
    """Of the router that serves. Raises StorageError when the key can be neither read nor made."""
    return StoredLogins(database.writer, database.reader, Sealing(secret_key(database.settings)))


async def _all(engine: AsyncEngine, sealing: Sealing) -> Sequence[Login]:
    try:
        async with engine.connect() as connection:
            rows = await connection.run_sync(_rows)
    except FAILURES as error:
        raise unusable(engine, error) from error
    return [login for row in rows if (login := _login(row, sealing)) is not None]


def _rows(connection: Connection) -> Sequence[Row[Any]]:
    """None of a database of before there were CRMs."""
    if not inspect(connection).has_table(table.name):
        return ()
    return connection.execute(select(table).order_by(table.c.connector)).all()


def _login(row: Row[Any], sealing: Sealing) -> Login | None:
    opened = sealing.open(row.sealed, _purpose(row.connector))
    if opened is None:
        return None
    return Login(connector=row.connector, at=row.changed_at, **json.loads(opened))


def _purpose(connector: str) -> str:
    return f"login of CRM {connector}"


def _elsewhere(connector: str) -> StorageError:
    return StorageError(
        f"the running router keeps the login of {connector}", "let it do that: over its control socket, or the REST API"
    )
