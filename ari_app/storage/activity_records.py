"""Calls as CRMs have them, as people look at them, and what they say of those that need a person."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, bindparam, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.domain.activities import Activity, ActivityFilter, ActivityState, StandingCall
from ari_app.storage.activity_store import CHANGES, activity_of, written
from ari_app.storage.call_reader import StoredCalls
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.recordings import StoredRecordings
from ari_app.storage.schema import UtcDateTime
from ari_app.storage.schema import crm_activities as table
from ari_app.storage.uncut import uncut


class ActivityRecords:
    """Implements `ari_app.domain.activities.ActivityArchive`. Everything raises StorageError."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader

    @uncut
    async def page(self, wanted: ActivityFilter, limit: int, before: int | None = None) -> Sequence[Activity]:
        """See the protocol."""
        conditions: list[ColumnElement[bool]] = []
        if wanted.connectors:
            conditions.append(table.c.connector.in_(wanted.connectors))
        if wanted.states:
            conditions.append(table.c.state.in_([state.value for state in wanted.states]))
        if wanted.call_ids:
            conditions.append(table.c.call_id.in_(wanted.call_ids))
        if before is not None:
            conditions.append(table.c.id < before)
        query = select(table).where(*conditions).order_by(table.c.id.desc()).limit(limit)
        try:
            async with self._reader.connect() as connection:
                return [activity_of(row) for row in await connection.execute(query)]
        except FAILURES as error:
            raise unusable(self._reader, error) from error

    async def get(self, connector: str, call_id: str) -> Activity | None:
        """See the protocol."""
        found = await self.page(ActivityFilter(connectors=(connector,), call_ids=(call_id,)), 1)
        return found[0] if found else None

    @uncut
    async def counts(self) -> Mapping[str, Mapping[ActivityState, int]]:
        """See the protocol."""
        counted: dict[str, dict[ActivityState, int]] = {}
        try:
            async with self._reader.connect() as connection:
                for row in await connection.execute(_COUNTS):
                    counted.setdefault(row.connector, {})[ActivityState(row.state)] = row.many
        except FAILURES as error:
            raise unusable(self._reader, error) from error
        return counted

    async def resolve(self, activity: Activity) -> bool:
        """See the protocol."""
        new = {f"new_{name}": value for name, value in written(activity).items()}
        given = {"this": activity.id, "read": activity.revision, "new_due_at": activity.due_at, **new}
        try:
            async with self._writer.begin() as connection:
                return (await connection.execute(_RESOLVE, given)).rowcount == 1
        except FAILURES as error:
            raise unusable(self._writer, error) from error


class StandingCalls:
    """Implements `ari_app.crm.activity_lane.Calls`."""

    def __init__(self, reader: AsyncEngine) -> None:
        self._calls = StoredCalls(reader)
        self._recordings = StoredRecordings(reader)

    async def standing(self, call_id: str) -> StandingCall | None:
        """See the protocol."""
        record = await self._calls.entry(call_id)
        return None if record is None else StandingCall(record, await self._recordings.of_call(call_id))


_LEFT: Final = table.c.state.not_in([literal_column("'stopped'"), literal_column("'dismissed'")])
"""Written out: the index is found by it, by which it would not be by parameters."""
_COUNTS: Final = (
    select(table.c.connector, table.c.state, func.count().label("many"))
    .where(_LEFT)
    .group_by(table.c.connector, table.c.state)
)
_RESOLVE: Final = (
    update(table)
    .where(table.c.id == bindparam("this"), table.c.revision == bindparam("read"), table.c.claimed_by.is_(None))
    .values({**CHANGES, "due_at": bindparam("new_due_at", type_=UtcDateTime())})
)
