"""What the database still has of CRMs that are no longer in the configuration, or have another name there now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.storage.call_reader import reading
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.schema import contact_syncs, contacts, crm_activities, crm_logins, crm_number_forms, crm_users
from ari_app.storage.serving import Database
from ari_app.storage.settings import StorageSettings

_SMALL: Final = (crm_logins, crm_users, crm_number_forms, contact_syncs)
"""A row of each connector, or some."""
_LARGE: Final = ((contacts, contacts.c.position), (crm_activities, crm_activities.c.id))
"""Rows of its contacts and calls, by what tells them apart."""
BATCH: Final = 200
"""Rows of one transaction: some milliseconds, for which a call that writes waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What there is of one connector: its login, contacts of the phone book, and calls that it was told of."""

    connector: str
    has_login: bool = False
    contacts: int = 0
    activities: int = 0


async def read_leftovers(settings: StorageSettings, configured: Collection[str]) -> Sequence[Leftover]:
    """Of connectors other than these, by their names; beside a running router too. Raises StorageError."""
    async with reading(settings) as engine:
        return await _leftovers(engine, configured)


async def forget_connector(database: Database, connector: str) -> Leftover | None:
    """Delete all there is of it; what that was, None for nothing. Raises StorageError."""
    found = next((each for each in await _leftovers(database.reader, ()) if each.connector == connector), None)
    for table, key in _LARGE:
        some = select(key).where(table.c.connector == connector).limit(BATCH)
        while await _deleted(database.writer, table, key.in_(some.scalar_subquery())):
            pass
    for table in _SMALL:
        await _deleted(database.writer, table, table.c.connector == connector)
    return found


async def _deleted(writer: AsyncEngine, table: Table, condition: Any) -> int:
    try:
        async with writer.begin() as connection:
            return (await connection.execute(delete(table).where(condition))).rowcount
    except FAILURES as error:
        raise unusable(writer, error) from error


async def _leftovers(engine: AsyncEngine, configured: Collection[str]) -> Sequence[Leftover]:
    try:
        async with engine.connect() as connection:
            rows = {table.name: await _counted(connection, table) for table in (*_SMALL, contacts, crm_activities)}
    except FAILURES as error:
        raise unusable(engine, error) from error
    names = sorted({name for of_table in rows.values() for name in of_table} - set(configured))
    return [
        Leftover(
            connector=name,
            has_login=name in rows[crm_logins.name],
            contacts=rows[contacts.name].get(name, 0),
            activities=rows[crm_activities.name].get(name, 0),
        )
        for name in names
    ]


async def _counted(connection: AsyncConnection, table: Table) -> Mapping[str, int]:
    counted = select(table.c.connector, func.count().label("many")).group_by(table.c.connector)
    return {row.connector: row.many for row in await connection.execute(counted)}
