"""Calls as CRMs have them, as those who tell CRMs share them: claims, and what became of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, and_, bindparam, case, delete, exists, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain.activities import Activity, ActivityState, Told
from ari_app.domain.notices import Notice
from ari_app.storage.claims import Claims, DueRows, moment, new_owner
from ari_app.storage.codec import storable
from ari_app.storage.group_commit import GroupCommit, committing_together
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.schema import UtcDateTime, calls
from ari_app.storage.schema import crm_activities as table


class StoredActivities(Claims[Activity]):
    """Implements `ari_app.domain.activities.ActivityStore`. Made by `open_activities`."""

    def __init__(self, group: GroupCommit, owner: str, outbox: OutboxWriter) -> None:
        super().__init__(DUE, activity_of, group, owner)
        self._outbox = outbox

    async def begin(self, activity: Activity, until: datetime) -> bool:
        """See the protocol."""
        new = {"this": activity.id, "owner": self._owner, **_written(activity), "new_due_at": until}

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(_BEGIN, new)).rowcount == 1

        return await self._group.carry_out(work)

    async def settle(self, activity: Activity, notice: Notice | None = None) -> None:
        """See the protocol."""
        moments = {"new_due_at": activity.due_at, "read": activity.revision, "now": moment()}
        new = {"this": activity.id, "owner": self._owner, **_written(activity), **moments}
        has = {"this": activity.id, "new_activity_id": activity.activity_id, "now": moment()}
        has |= {"new_url": storable(activity.url)}

        told = () if notice is None else (replace(notice, data=storable(notice.data)),)

        async def work(connection: AsyncConnection) -> bool:
            is_ours = (await connection.execute(_SETTLE, new)).rowcount == 1
            if not is_ours and activity.activity_id:
                await connection.execute(_ADOPT, has)
            return is_ours and await self._outbox.put(connection, told)

        if await self._group.carry_out(work):
            self._outbox.ring()

    async def drop(self, activity: Activity) -> None:
        """See the protocol."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_DROP, {"this": activity.id, "owner": self._owner})

        await self._group.carry_out(work)

    async def catch_up(self) -> None:
        """Make due what CRMs were not told to its end, as nothing marked it while they were not to be told of calls."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_CATCH_UP, {"now": moment()})

        await self._group.carry_out(work)


@asynccontextmanager
async def open_activities(
    engine: AsyncEngine, outbox: OutboxWriter | None = None, *, is_alone: bool
) -> AsyncIterator[StoredActivities]:
    """The activities for a process that tells CRMs, until the block ends. Raises StorageError.

    Notices are put into the `outbox`. `is_alone`: no other process can be telling CRMs, so that claims are left from
    one that has ended.
    """
    async with committing_together(engine) as group:
        activities = StoredActivities(group, new_owner(), OutboxWriter() if outbox is None else outbox)
        await activities.mend_clock()
        await activities.catch_up()
        if is_alone:
            await activities.take_over()
        yield activities


def activity_of(row: Row[Any]) -> Activity:
    """The activity of a row with all columns. What a later version has added to what was told is left alone."""
    told: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.told.items()
    }
    return Activity(
        **{name: getattr(row, name) for name in _PLAIN},
        state=ActivityState(row.state),
        told=Told(**{name: told[name] for name in _OF_TOLD & told.keys()}),
    )


def written(activity: Activity) -> dict[str, Any]:
    """What changes of a row, by the names of its columns."""
    return {
        "state": activity.state.value,
        "activity_id": storable(activity.activity_id),
        "url": storable(activity.url),
        "told": storable(asdict(activity.told)),
        "given": storable(dict(activity.given)),
        "doing": activity.doing,
        "tried_at": activity.tried_at,
        "attempts": activity.attempts,
        "failing_since": activity.failing_since,
        "error": storable(activity.error),
    }


def _written(activity: Activity) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in written(activity).items()}


_PLAIN: Final = tuple(field.name for field in fields(Activity) if field.name not in {"state", "told"})
_OF_TOLD: Final = frozenset(field.name for field in fields(Told))
_MOMENT: Final = UtcDateTime()
_NOW: Final = bindparam("now", type_=_MOMENT)
_DUE_AT: Final = bindparam("new_due_at", type_=_MOMENT)
DUE: Final = DueRows(
    table,
    rows=select(table),
    receiver=table.c.connector,
    waits=table.c.due_at.is_not(None),
    is_put_off=table.c.failing_since.is_not(None),
)
_THIS: Final = table.c.id == bindparam("this")
_OURS: Final = and_(_THIS, table.c.claimed_by == bindparam("owner"))
_CHANGED: Final = (
    *("state", "activity_id", "url", "told", "given", "doing", "tried_at", "attempts", "failing_since", "error"),
)
CHANGES: Final = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in _CHANGED}
"""What `written` gives, with `new_` before each name."""
_BEGIN: Final = update(table).where(_OURS).values({**CHANGES, "due_at": _DUE_AT})
_HAS_NEWS: Final = and_(table.c.revision != bindparam("read"), _DUE_AT.is_(None))
_SETTLE: Final = (
    update(table).where(_OURS).values({**CHANGES, "due_at": case((_HAS_NEWS, _NOW), else_=_DUE_AT), "claimed_by": None})
)
_ADOPT: Final = (
    update(table)
    .where(_THIS, table.c.activity_id == "")
    .values(
        state=ActivityState.OPEN.value,
        activity_id=bindparam("new_activity_id"),
        url=bindparam("new_url"),
        given={},
        doing="",
        due_at=bindparam("now"),
        claimed_by=None,
    )
)
_DROP: Final = delete(table).where(_OURS)
_IS_ENDED: Final = exists().where(calls.c.call_id == table.c.call_id, calls.c.ended_at.is_not(None))
_CATCH_UP: Final = (
    update(table)
    .where(table.c.state == literal_column("'open'"), table.c.due_at.is_(None), _IS_ENDED)
    .values(due_at=bindparam("now"))
)
