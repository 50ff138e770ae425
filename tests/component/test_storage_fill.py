"""Asterisk's own tables of calls, with the columns of its modules and of FreePBX, in either database."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, insert
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.types import TypeEngine

from ari_app.domain.pbx_events import ChannelEvent, ChannelKind, DetailRecord
from ari_app.storage.errors import StorageError
from ari_app.storage.fill import CALLS_AT_ONCE, call_table
from ari_app.storage.fill_settings import DRIVERS, FillSettings
from ari_app.storage.settings import StorageSettings

MADRID = ZoneInfo("Europe/Madrid")
START = datetime(2026, 7, 1, 12, 0, 0)  # noqa: DTZ001 - as Asterisk writes it: by the clock on its wall
AT = datetime(2026, 7, 1, 10, 0, 0, tzinfo=UTC)
CEL = ("eventtype", "eventtime", "cid_num", "channame", "uniqueid", "linkedid", "extra")
CDR = (
    "calldate",
    "clid",
    "src",
    "dst",
    "channel",
    "dstchannel",
    "duration",
    "billsec",
    "disposition",
    "uniqueid",
    "linkedid",
)
MOMENTS = {"eventtime", "calldate"}
Form = Literal["timestamps", "texts", "seconds"]


@dataclass(frozen=True, slots=True)
class Made:
    """A database that tables can be made in."""

    url: str

    async def table(self, name: str, rows: Sequence[Mapping[str, Any]], form: Form) -> None:
        """A table with these rows, whose moments are written like this."""
        scheme, _, rest = self.url.partition("://")
        engine = create_async_engine(f"{DRIVERS[scheme]}://{rest}")
        columns = [Column(column, kind(column, form)) for column in rows[0]]
        table = Table(name, MetaData(), *columns)
        written = [{key: told(value, form) if key in MOMENTS else value for key, value in row.items()} for row in rows]
        async with engine.begin() as connection:
            await connection.run_sync(table.create)
            await connection.execute(insert(table), written)
        await engine.dispose()


def kind(column: str, form: Form) -> TypeEngine[Any]:
    if column in MOMENTS and form == "timestamps":
        return DateTime()
    return Integer() if column in {"duration", "billsec"} else String(200)


def told(moment: datetime, form: Form) -> object:
    match form:
        case "timestamps":
            return moment
        case "texts":
            return f"{moment:%Y-%m-%d %H:%M:%S}"
        case "seconds":
            return f"{moment.replace(tzinfo=MADRID).timestamp():.6f}"


@pytest_asyncio.fixture
async def made(settings: StorageSettings) -> AsyncIterator[Made]:
    yield Made(settings.url)


def cel(call: str, seconds: float, kind: str = "CHAN_START") -> dict[str, Any]:
    moment = START + timedelta(seconds=seconds)
    return dict(zip(CEL, (kind, moment, "101", "PJSIP/ada-00000001", call, call, ""), strict=True))


def cdr(call: str, seconds: float) -> dict[str, Any]:
    moment = START + timedelta(seconds=seconds)
    values = (moment, '"Ada" <101>', "101", "102", "PJSIP/ada-1", "PJSIP/bob-1", 30, 20, "ANSWERED", call, call)
    return dict(zip(CDR, values, strict=True))


async def read(made: Made, table: Literal["cel", "cdr"], name: str = "") -> list[ChannelEvent | DetailRecord]:
    settings = FillSettings(url=made.url, table=table, name=name or table, timezone=MADRID)
    async with call_table(settings) as calls:
        return [event async for some in calls.calls(AT, AT + timedelta(minutes=10)) for event in some]


@pytest.mark.parametrize("form", ["timestamps", "texts", "seconds"])
async def test_all_of_each_call_that_has_something_in_the_gap(made: Made, form: Form) -> None:
    rows = [
        cel("before", -7200),
        cel("before", -3600, "HANGUP"),
        cel("into", -3600),
        cel("into", 60, "HANGUP"),
        cel("in", 120),
        cel("in", 130, "ANSWER"),
        cel("after", 3600),
        cel("", 120),
    ]
    await made.table("cel", rows, form)
    events = await read(made, "cel")
    assert [event.linkedid for event in events if isinstance(event, ChannelEvent)] == ["into", "into", "in", "in"]
    assert events[0].at == AT - timedelta(hours=1)
    last = events[-1]
    assert isinstance(last, ChannelEvent)
    assert (last.kind, last.at, last.number) == (ChannelKind.ANSWER, AT + timedelta(seconds=130), "101")


@pytest.mark.parametrize("form", ["timestamps", "texts"])
async def test_a_cdr_without_the_other_moments_has_them_from_its_durations(made: Made, form: Form) -> None:
    await made.table("cdr", [cdr("in", 60), cdr("after", 7200)], form)
    (record,) = await read(made, "cdr")
    assert isinstance(record, DetailRecord)
    assert (record.started_at, record.ended_at) == (AT + timedelta(seconds=60), AT + timedelta(seconds=90))
    assert record.answered_at == AT + timedelta(seconds=70)
    assert (record.linkedid, record.name, record.number) == ("in", "Ada", "101")


async def test_many_calls_are_read_some_at_a_time(made: Made) -> None:
    await made.table("cel", [cel(f"call-{number}", 60) for number in range(CALLS_AT_ONCE + 5)], "texts")
    settings = FillSettings(url=made.url, table="cel", name="cel", timezone=MADRID)
    async with call_table(settings) as calls:
        sizes = [len(some) async for some in calls.calls(AT, AT + timedelta(minutes=10))]
    assert sizes == [CALLS_AT_ONCE, 5]


@pytest.mark.parametrize(("name", "says"), [("nothing", "is not there"), ("cdr", "has no column for eventname")])
async def test_a_table_that_cannot_be_used_says_what_to_do(made: Made, name: str, says: str) -> None:
    await made.table("cdr", [cdr("in", 60)], "texts")
    with pytest.raises(StorageError, match=says) as error:
        await read(made, "cel", name)
    assert "docs/history.md" in error.value.remedy


async def test_a_database_that_is_not_there_says_so(tmp_path: object) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        await read(Made(f"sqlite:///{tmp_path}/missing.db"), "cel")


async def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(StorageError, match="aiomysql") as error:
        await read(Made("mysql://u:p@127.0.0.1/asteriskcdrdb"), "cel")
    assert "agi-router[mysql]" in error.value.remedy
