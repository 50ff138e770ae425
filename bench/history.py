"""`python -m bench.history [--rows N] [--quick] [--plans] [--postgresql]`: how long pages of a long history take.

The database is made for it, in a temporary folder, and thrown away.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from sqlalchemy import Select, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ari_app.domain.history import CallFilter, Order, Period
from ari_app.domain.parts import CallPart, PartKind
from ari_app.domain.record import CallRecord, Direction, Disposition
from ari_app.storage.codec import part_to_row, record_to_row
from ari_app.storage.cursor import Cursor
from ari_app.storage.history_query import Question, about_calls, about_parts
from ari_app.storage.schema import call_parts, calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.postgresql import TEMPLATE, running_cluster

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
BETWEEN_CALLS: Final = timedelta(seconds=90)
AT_A_TIME: Final = 10_000
PAGE: Final = 100
ROUNDS: Final = 5
PLACES: Final = (0.0, 0.1, 0.5, 0.9)
USERS, TEAMS, NUMBERS = 200, 20, 50_000
_DISPOSITIONS: Final = (
    *(Disposition.ANSWERED,) * 70,
    *(Disposition.ABANDONED,) * 20,
    *(Disposition.TO_VOICEMAIL,) * 9,
    Disposition.FAILED,
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds: of a page at each place, of the count of all, of the page in the middle by its offset."""

    asked: str
    rows: int
    pages: tuple[float, ...]
    count: float
    by_offset: float
    plan: str


def questions(rows: int) -> Mapping[str, Question]:
    """What people ask."""
    day = START + BETWEEN_CALLS * (rows // 2)
    return {
        "all calls": about_calls(CallFilter()),
        "calls of a user": about_calls(CallFilter(users=("user-7",))),
        "calls of a number": about_calls(CallFilter(numbers=("+4930000000007", "4930000000007"))),
        "failed calls": about_calls(CallFilter(dispositions=(Disposition.FAILED,))),
        "answered or abandoned": about_calls(CallFilter(dispositions=(Disposition.ANSWERED, Disposition.ABANDONED))),
        "outbound calls": about_calls(CallFilter(directions=(Direction.OUTBOUND,))),
        "calls of a month": about_calls(CallFilter(period=Period(day, day + timedelta(days=30)))),
        "a user, a month": about_calls(CallFilter(users=("user-7",), period=Period(day, day + timedelta(days=30)))),
        "all of the users": about_parts(PartKind.USER, CallFilter()),
        "a user's part": about_parts(PartKind.USER, CallFilter(users=("user-7",))),
        "a queue's part, failed": about_parts(
            PartKind.QUEUE, CallFilter(queues=("queue-3",), dispositions=(Disposition.FAILED,))
        ),
    }


async def fill(database: Database, rows: int) -> None:
    """Invented calls, each with a user or two and every other one with a queue or a team."""
    dice = random.Random(7)  # noqa: S311 - the same calls each time
    for first in range(0, rows, AT_A_TIME):
        told = [_invented(dice, number) for number in range(first, min(first + AT_A_TIME, rows))]
        async with database.writer.begin() as connection:
            await connection.execute(insert(calls), [row for row, _ in told])
            await connection.execute(insert(call_parts), [part for _, parts in told for part in parts])
    if not database.settings.is_postgresql:
        return
    async with database.writer.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("VACUUM ANALYZE"))


def _invented(dice: random.Random, number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    began = START + BETWEEN_CALLS * number + timedelta(microseconds=dice.randrange(10**6))
    call_id = f"{began:%Y%m%dT%H%M%S}-{dice.randrange(2**48):012x}"
    user, disposition = f"user-{dice.randrange(USERS)}", dice.choice(_DISPOSITIONS)
    direction = Direction.OUTBOUND if dice.random() < 0.1 else Direction.INBOUND
    answered = began + timedelta(seconds=9) if disposition is Disposition.ANSWERED else None
    ended = began + timedelta(seconds=dice.randrange(20, 400))
    record = CallRecord(
        call_id=call_id,
        route="sales",
        called_number="+4930555",
        caller_number=f"+4930{dice.randrange(NUMBERS):09}",
        channel_id=f"{began.timestamp():.0f}.{number}",
        started_at=began,
        answered_at=answered,
        ended_at=ended,
        disposition=disposition,
        destination_type="user",
        destination=user,
        agent=user if answered else "",
        direction=direction,
    )
    named = [(PartKind.USER, user)]
    if number % 2:
        named.append((PartKind.QUEUE, f"queue-{dice.randrange(TEAMS)}"))
    elif number % 4:
        named.append((PartKind.TEAM, f"team-{dice.randrange(TEAMS)}"))
    parts = [
        CallPart(
            kind=kind,
            name=name,
            began_at=began + timedelta(seconds=1),
            answered_at=answered,
            ended_at=ended,
            outcome="answered" if answered else "no_answer",
            answered_by=user if answered else "",
            direction=direction,
        )
        for kind, name in named
    ]
    rows = [part_to_row(call_id, place, part) for place, part in enumerate(parts, start=1)]
    return record_to_row(record, began), rows


async def measure(connection: AsyncConnection, name: str, asked: Question) -> Measured:
    """Each place of one question."""
    rows, count = 0, []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        rows = (await connection.execute(asked.count)).scalar_one()
        count.append(_ms(began))
    pages = []
    for place in PLACES:
        after = await _cursor_at(connection, asked, int(rows * place))
        pages.append(await _timed(connection, asked.page(Order.NEWEST_FIRST, after).limit(PAGE)))
    by_offset = await _timed(connection, asked.page(Order.NEWEST_FIRST, None).limit(PAGE).offset(rows // 2))
    plan = await _plan(connection, asked.page(Order.NEWEST_FIRST, after).limit(PAGE))
    return Measured(name, rows, tuple(pages), statistics.median(count), by_offset, plan)


async def _cursor_at(connection: AsyncConnection, asked: Question, place: int) -> Cursor | None:
    if place == 0:
        return None
    found = await connection.execute(asked.page(Order.NEWEST_FIRST, None).limit(1).offset(place - 1))
    row = found.mappings().one()
    return Cursor(row[asked.key[0].name], row["call_id"], row.get("part", 0), 0)


async def _timed(connection: AsyncConnection, query: Select[Any]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        (await connection.execute(query)).all()
        taken.append(_ms(began))
    return statistics.median(taken)


async def _plan(connection: AsyncConnection, query: Select[Any]) -> str:
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    rows = (await connection.exec_driver_sql(f"{explain} {compiled}")).all()
    return "\n".join(str(row[-1]) for row in rows)


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000


@contextmanager
def _settings(*, postgresql: bool) -> Iterator[StorageSettings]:
    if postgresql:
        with running_cluster() as cluster, cluster.database(TEMPLATE) as settings:
            yield settings
        return
    with tempfile.TemporaryDirectory(prefix="agi-router-history-") as folder:
        yield StorageSettings.at(Path(folder) / "calls.db")


@asynccontextmanager
async def _filled(settings: StorageSettings, rows: int, console: Console) -> AsyncIterator[Database]:
    async with open_database(settings) as database:
        began = time.perf_counter()
        await fill(database, rows)
        console.print(f"{rows:,} calls were invented in {time.perf_counter() - began:.0f} s")
        yield database


async def run(settings: StorageSettings, rows: int, console: Console, *, plans: bool) -> None:
    """Measure all questions, and print them."""
    async with _filled(settings, rows, console) as database, database.reader.connect() as connection:
        measured = [await measure(connection, name, asked) for name, asked in questions(rows).items()]
    table = Table(title=f"A page of {PAGE}, newest first: milliseconds, median of {ROUNDS}")
    heads = ["", "rows", "first", "10 %", "50 %", "90 %", "count", "50 % by offset"]
    for head in heads:
        table.add_column(head, justify="right" if head else "left")
    for result in measured:
        figures = (*result.pages, result.count, result.by_offset)
        table.add_row(result.asked, f"{result.rows:,}", *(f"{figure:.1f}" for figure in figures))
    console.print(table)
    for result in measured if plans else ():
        console.print(f"[bold]{result.asked}[/]\n{result.plan}", highlight=False, soft_wrap=True)


def main() -> None:
    """Fill, measure, print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.history", description="Pages of a long history.")
    arguments.add_argument("--rows", type=int, default=1_000_000, help="how many calls are invented")
    arguments.add_argument("--postgresql", action="store_true", help="in a PostgreSQL of its own, else in SQLite")
    arguments.add_argument("--plans", action="store_true", help="show how the database finds the rows")
    arguments.add_argument("--quick", action="store_true", help="a tenth of the calls")
    given = arguments.parse_args()
    rows = given.rows // 10 if given.quick else given.rows
    console = Console()
    with _settings(postgresql=given.postgresql) as settings:
        asyncio.run(run(settings, rows, console, plans=given.plans))


if __name__ == "__main__":
    main()
