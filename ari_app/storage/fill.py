"""Asterisk's own tables of its calls, CEL or CDR, read for what the router has missed.

The columns go by the names that Asterisk's modules, their samples and FreePBX give them.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Float, MetaData, Table, and_, cast, inspect, select
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ari_app.domain.pbx_events import ChannelEvent, DetailRecord
from ari_app.domain.pbx_reading import channel_event, detail_record, moment
from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, reason
from ari_app.storage.fill_settings import DRIVERS, FillSettings

MARGIN: Final = timedelta(minutes=1)
"""Around a gap: its bounds are the router's moments, the table's those of Asterisk in whole seconds."""
CALLS_AT_ONCE: Final = 200
CALLS_A_GAP: Final = 100_000

_CEL_COLUMNS: Final = {
    "eventname": ("eventtype", "event_type", "eventname", "eventenum"),
    "at": ("eventtime", "event_time"),
    "uniqueid": ("uniqueid", "unique_id"),
    "linkedid": ("linkedid", "linked_id"),
    "channel": ("channame", "chan_name", "channel"),
    "calleridnum": ("cid_num", "cidnum", "num"),
    "calleridname": ("cid_name", "cidname", "name"),
    "calleriddnid": ("cid_dnid", "ciddnid", "dnid"),
    "exten": ("exten", "extension"),
    "context": ("context",),
    "application": ("appname", "app_name", "application"),
    "appdata": ("appdata", "app_data"),
    "peer": ("peer", "bridgepeer"),
    "extra": ("extra", "eventextra"),
}
_CDR_COLUMNS: Final = {
    "at": ("calldate", "start", "starttime", "start_time"),
    "answertime": ("answer", "answertime", "answer_time"),
    "endtime": ("end", "endtime", "end_time"),
    "duration": ("duration",),
    "billsec": ("billsec", "billableseconds"),
    "uniqueid": ("uniqueid", "unique_id"),
    "linkedid": ("linkedid", "linked_id"),
    "channel": ("channel",),
    "destinationchannel": ("dstchannel", "destinationchannel"),
    "source": ("src", "source", "cnum"),
    "destination": ("dst", "destination"),
    "callerid": ("clid", "callerid"),
    "lastapplication": ("lastapp", "lastapplication"),
    "lastdata": ("lastdata",),
    "disposition": ("disposition",),
}
_COLUMNS: Final = {"cel": _CEL_COLUMNS, "cdr": _CDR_COLUMNS}
_NEEDED: Final = {
    "cel": ("eventname", "at", "uniqueid", "linkedid", "channel"),
    "cdr": ("at", "uniqueid", "channel", "disposition"),
}
Event = ChannelEvent | DetailRecord


@dataclass(frozen=True, slots=True)
class _Clock:
    """How the table writes a moment."""

    column: ColumnElement[Any]
    sample: object
    zone: tzinfo | None

    def between(self, since: datetime, before: datetime) -> ColumnElement[bool]:
        """The rows of this time."""
        column: ColumnElement[Any] = self.column
        low: object
        high: object
        match self.sample:
            case datetime(tzinfo=None):
                low, high = (at.astimezone(self.zone).replace(tzinfo=None) for at in (since, before))
            case datetime():
                low, high = since, before
            case text if _is_number(text):
                column, low, high = cast(column, Float), since.timestamp(), before.timestamp()
            case _:
                low, high = (f"{at.astimezone(self.zone):%Y-%m-%d %H:%M:%S}" for at in (since, before))
        return and_(column >= low, column <= high)


class CallTable:
    """A table of Asterisk's calls. Made by `call_table`; all methods raise StorageError."""

    def __init__(self, settings: FillSettings, engine: AsyncEngine, zone: tzinfo | None) -> None:
        self._settings = settings
        self._engine = engine
        self._zone = zone

    async def check(self) -> None:
        """Raises StorageError when it cannot be read, or lacks a column."""
        async with self._reading() as connection:
            await self._columns(connection)

    async def calls(self, since: datetime, before: datetime) -> AsyncIterator[list[Event]]:
        """All events of the calls that have one in this time, some calls at a time, each call's in their order."""
        async with self._reading() as connection:
            columns = await self._columns(connection)
            at = columns["at"]
            sample = (await connection.execute(select(at).limit(1))).scalar()
            if sample is None:
                return
            call = columns["linkedid"] if "linkedid" in columns else columns["uniqueid"]
            in_time = _Clock(at, sample, self._zone).between(since - MARGIN, before + MARGIN)
            query = select(call).where(in_time).distinct().limit(CALLS_A_GAP)
            ids = [str(linkedid) for linkedid in (await connection.execute(query)).scalars() if linkedid]
            left = iter(ids)
            while some := list(islice(left, CALLS_AT_ONCE)):
                named = [column.label(name) for name, column in columns.items()]
                rows = await connection.execute(select(*named).where(call.in_(some)).order_by(at))
                yield list(self._events(rows.mappings()))

    def _events(self, rows: Iterable[Mapping[Any, Any]]) -> Iterator[Event]:
        for row in rows:
            fields = {str(name): value for name, value in row.items()}
            at = moment(fields["at"], self._zone)
            if at is None:
                continue
            event: Event | None
            if self._settings.table == "cel":
                event = channel_event(fields, at)
            else:
                event = detail_record(_with_times(fields, at), at, self._zone)
            if event is not None:
                yield event

    async def _columns(self, connection: AsyncConnection) -> Mapping[str, Column[Any]]:
        schema, _, name = self._settings.name.rpartition(".")
        try:
            found = await connection.run_sync(lambda sync: inspect(sync).get_columns(name, schema=schema or None))
        except NoSuchTableError:
            found = []
        there = {str(one["name"]).lower(): str(one["name"]) for one in found}
        types = {str(one["name"]): one["type"] for one in found}
        mapped: dict[str, str] = {}
        for field, names in _COLUMNS[self._settings.table].items():
            known = next((there[given] for given in names if given in there), None)
            if known is not None:
                mapped[field] = known
        missing = [field for field in _NEEDED[self._settings.table] if field not in mapped]
        if missing:
            what = f"has no column for {', '.join(missing)}" if found else "is not there"
            raise StorageError(
                f"history.fill_from: the table {self._settings.name} {what}",
                f"Name a table of Asterisk's {self._settings.table.upper()} by history.fill_from.name; docs/history.md "
                "has its columns.",
            )
        # SQLite's modules declare no types, so what comes is what Asterisk wrote.
        table = Table(name, MetaData(), *(Column(own, types[own]) for own in mapped.values()), schema=schema or None)
        return {field: table.c[own] for field, own in mapped.items()}

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.connect() as connection:
                yield connection
        except StorageError:
            raise
        except FAILURES as error:
            raise StorageError(f"history.fill_from cannot be read: {reason(error)}", _IS_IT_THERE) from error


_IS_IT_THERE: Final = "Is the database there, and may the router's user read it?"


@asynccontextmanager
async def call_table(settings: FillSettings) -> AsyncIterator[CallTable]:
    """The table, for as long as the block lasts. Raises StorageError when there is no driver or file for it."""
    scheme, _, rest = settings.url.partition("://")
    url = f"{DRIVERS[scheme]}://{rest}"
    if scheme == "sqlite":
        url = f"{DRIVERS[scheme]}:///file:{_there(rest.removeprefix('/'))}?mode=ro&uri=true"
    try:
        engine = create_async_engine(url, pool_size=1, max_overflow=0)
    except ModuleNotFoundError as error:
        raise StorageError(
            f"history.fill_from needs the Python package {error.name}",
            "Install it beside the router: pip install 'agi-router[mysql]'",
        ) from error
    try:
        yield CallTable(settings, engine, settings.timezone)
    finally:
        await engine.dispose()


def _there(path: str) -> str:
    """This file, which is there: a connection that fails to open would leave aiosqlite's thread behind."""
    if not Path(path).exists():
        raise StorageError(f"history.fill_from cannot be read: there is no {path}", _IS_IT_THERE)
    return path


def _is_number(text: object) -> bool:
    try:
        float(str(text))
    except ValueError:
        return False
    return True


def _with_times(fields: Mapping[str, Any], started_at: datetime) -> Mapping[str, Any]:
    """With all three moments: many tables have only the first, and two durations in seconds."""
    ended_at = fields.get("endtime") or started_at + timedelta(seconds=_seconds(fields.get("duration")))
    answered_at = fields.get("answertime")
    is_answered = str(fields.get("disposition", "")).upper() == "ANSWERED"
    if answered_at is None and is_answered and isinstance(ended_at, datetime):
        answered_at = ended_at - timedelta(seconds=_seconds(fields.get("billsec")))
    return {**fields, "starttime": started_at, "answertime": answered_at, "endtime": ended_at}


def _seconds(given: object) -> float:
    try:
        return min(max(float(str(given)), 0.0), 1e7)
    except ValueError:
        return 0.0
