"""The users that CRMs list: implements `ari_app.domain.crm_users.CrmUserLists`."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Row, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine

from agi_router.directory.crm_users import CrmUser
from ari_app.domain.crm_users import CrmUserList
from ari_app.storage.database import reading_engine
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.schema import crm_users as table
from ari_app.storage.serving import Database
from ari_app.storage.settings import StorageSettings
from ari_app.storage.uncut import uncut
from ari_app.storage.upsert import upsert

_PUT = upsert(table)


class StoredCrmUsers:
    """Those of a running router. Every method raises StorageError when the database fails."""

    def __init__(self, database: Database) -> None:
        self._writer = database.writer
        self._reader = database.reader

    @uncut
    async def all(self) -> Sequence[CrmUserList]:
        """See CrmUserLists."""
        return await _all(self._reader)

    async def keep(self, listed: CrmUserList) -> None:
        """See CrmUserLists."""
        users = [asdict(user) for user in listed.users]
        row = {"connector": listed.connector, "read_at": listed.read_at, "users": users}
        try:
            async with self._writer.begin() as connection:
                await connection.execute(_PUT.on(connection), [row])
        except FAILURES as error:
            raise unusable(self._writer, error) from error


async def read_crm_users(settings: StorageSettings) -> Sequence[CrmUserList]:
    """The lists in the database, read beside a running router too. Raises StorageError."""
    reader = reading_engine(settings)
    try:
        return await _all(reader)
    finally:
        await reader.dispose()


async def _all(engine: AsyncEngine) -> Sequence[CrmUserList]:
    try:
        async with engine.connect() as connection:
            rows = await connection.run_sync(_rows)
    except FAILURES as error:
        raise unusable(engine, error) from error
    return [_listed(row) for row in rows]


def _rows(connection: Connection) -> Sequence[Row[Any]]:
    """None of a database of before there were CRMs."""
    if not inspect(connection).has_table(table.name):
        return ()
    return connection.execute(select(table).order_by(table.c.connector)).all()


def _listed(row: Row[Any]) -> CrmUserList:
    """Another version of the router may have written more of each."""
    known = [field.name for field in fields(CrmUser)]
    users = tuple(CrmUser(**{name: user[name] for name in known if name in user}) for user in row.users)
    return CrmUserList(connector=row.connector, read_at=row.read_at, users=users)
