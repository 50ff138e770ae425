"""The parts of calls in the database: written with the call's row, and what an older database tells of them."""

from collections.abc import Sequence
from typing import Any

import pytest
from alembic import command
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.domain import events as e
from ari_app.domain.parts import parts_of
from ari_app.storage.call_log import open_call_log
from ari_app.storage.codec import part_to_row
from ari_app.storage.database import writing_engine
from ari_app.storage.migrate import migrate
from ari_app.storage.migrations.upgrade import migration_config
from ari_app.storage.schema import call_parts, calls
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import at, late_leg_end


def team_call() -> list[e.CallEvent]:
    return [
        e.StepStarted(at=at(0), step=1, destination_type="team", destination="sales", timeout_s=25, team="sales"),
        e.LegDialled(at=at(0.06), leg="leg-1", endpoint="ada", contact="sip:ada@127.0.0.1:5071", user="ada"),
        e.LegDialled(at=at(0.06), leg="leg-2", endpoint="bob", contact="sip:bob@127.0.0.1:5072", user="bob"),
        e.CallAnswered(at=at(2.51), leg="leg-1"),
        e.LegEnded(at=at(2.53), leg="leg-2", outcome="answered_elsewhere", cause=26, tech_cause=487),
        e.StepEnded(at=at(2.54), step=1, outcome="answered"),
        e.CallEnded(at=at(12.51), by="caller", cause=16),
    ]


async def rows(engine: AsyncEngine) -> Sequence[dict[str, Any]]:
    async with engine.connect() as connection:
        found = await connection.execute(select(call_parts).order_by(call_parts.c.call_id, call_parts.c.part))
        return [dict(row) for row in found.mappings()]


def as_rows(happened: Sequence[e.CallEvent]) -> list[dict[str, Any]]:
    return [part_to_row("call-1", number, part) for number, part in enumerate(parts_of(happened), start=1)]


@pytest.mark.parametrize("flush_after", [1, 3, 100])
async def test_the_parts_follow_their_call(settings: StorageSettings, flush_after: int) -> None:
    happened = [*team_call(), late_leg_end()]
    async with open_call_log(settings) as call_log:
        for number, event in enumerate(happened, start=1):
            call_log.write("call-1", event)
            if number % flush_after == 0:
                await call_log.flush()
        await call_log.flush()
        assert await rows(call_log._writer) == as_rows(happened)


async def test_a_restarted_router_goes_on_with_the_parts(settings: StorageSettings) -> None:
    happened = team_call()
    for part in (happened[:4], happened[4:]):
        async with open_call_log(settings) as call_log:
            for event in part:
                call_log.write("call-1", event)
            await call_log.flush()
            written = await rows(call_log._writer)
    assert written == as_rows(happened)


async def test_what_asterisk_told_of_a_call_survives_what_the_router_writes(settings: StorageSettings) -> None:
    async with open_call_log(settings) as call_log:
        call_log.write("call-1", team_call()[0])
        await call_log.flush()
        async with call_log._writer.begin() as connection:
            await connection.execute(update(calls).values(linkedid="1772357400.1"))
        call_log.write("call-1", team_call()[-1])
        await call_log.flush()
        [record] = await call_log.recent(1)
    assert (record.linkedid, record.source) == ("1772357400.1", "router")


async def test_calls_of_an_older_database_get_the_parts_that_their_rows_tell(settings: StorageSettings) -> None:
    async with open_call_log(settings) as call_log:
        for event in team_call():
            call_log.write("call-1", event)
    engine = writing_engine(settings)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migration_config(sync), "0009"))
    await migrate(engine)
    [user, team] = await rows(engine)
    assert (user["kind"], user["name"], user["outcome"], user["answered_by"]) == ("user", "ada", "answered", "ada")
    assert (team["kind"], team["name"], team["answered_at"], team["ended_at"]) == ("team", "sales", at(2.51), at(12.51))
    await engine.dispose()


async def test_parts_go_with_their_call(settings: StorageSettings) -> None:
    async with open_call_log(settings) as call_log:
        for event in team_call():
            call_log.write("call-1", event)
    async with open_database(settings) as database:
        async with database.writer.begin() as connection:
            await connection.execute(calls.delete())
        assert await rows(database.writer) == []
