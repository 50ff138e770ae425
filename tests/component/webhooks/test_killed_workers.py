"""Whoever delivers is killed again and again, at any moment, and the receiver fails as it likes: nothing is lost.

Calls are written by the real call log, in a process that is killed as well.
"""

import asyncio
import random
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from sqlalchemy import select

from ari_app.storage.database import reading_engine
from ari_app.storage.schema import calls, notices, webhook_deliveries
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.http_api import api
from tests.component.killed import at_work, kill_at_random
from tests.component.waiting_deliveries import subscribe
from tests.component.webhooks.worker import Job
from tests.patience import PATIENCE_S

CALLS = 200
ANSWERS = (200, 204, 204, 204, 500, 503, 301, 429)

pytestmark = pytest.mark.long


@dataclass
class Moody:
    """Fails at random, before it has taken an event or after, or hangs up. `first` are ids by their first arrival."""

    chance: random.Random
    first: dict[str, bytes] = field(default_factory=dict)
    requests: int = 0
    twins_differ: bool = False

    async def receive(self, request: web.Request) -> web.Response:
        id_, body = request.headers["webhook-id"], await request.read()
        self.requests += 1
        self.twins_differ |= self.first.setdefault(id_, body) != body
        await asyncio.sleep(self.chance.random() * 0.01)
        if self.chance.random() < 0.05:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=self.chance.choice(ANSWERS))


async def until_all_is_delivered(settings: StorageSettings) -> None:
    """However long it takes, as long as it goes on."""
    reader, stood = reading_engine(settings), (0, 0)
    try:
        async with asyncio.timeout(PATIENCE_S) as patience:
            while True:
                async with reader.connect() as connection:
                    written = (await connection.execute(select(calls.c.call_id))).all()
                    waiting = select(webhook_deliveries.c.id).where(webhook_deliveries.c.state != "delivered")
                    left = (await connection.execute(waiting)).all()
                if len(written) >= CALLS and not left:
                    return
                if stood != (stands := (len(written), len(left))):
                    stood = stands
                    patience.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)
                await asyncio.sleep(0.2)
    finally:
        await reader.dispose()


async def told(settings: StorageSettings) -> dict[str, dict[str, str]]:
    """The types of all notices by their ids, in their order, by their call."""
    of_calls: dict[str, dict[str, str]] = defaultdict(dict)
    reader = reading_engine(settings)
    async with reader.connect() as connection:
        for row in await connection.execute(select(notices).order_by(notices.c.position)):
            of_calls[row.call_id][row.id] = row.type
    await reader.dispose()
    return of_calls


async def test_nothing_is_lost_though_whoever_delivers_and_writes_is_killed(settings: StorageSettings) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - a failure can be looked into
    chance = random.Random(seed)
    receivers = {name: Moody(random.Random(chance.random())) for name in ("crm", "other")}
    async with open_database(settings) as database:
        await subscribe(database.writer, *receivers)
    async with AsyncExitStack() as open_ends:
        ports = {name: await open_ends.enter_async_context(api(each.receive)) for name, each in receivers.items()}
        urls = {name: f"http://127.0.0.1:{port}/" for name, port in ports.items()}
        job = {"url": settings.url, "folder": str(settings.folder), "receivers": urls}
        jobs = [Job(**job, calls=CALLS, delivers=not settings.is_postgresql)]  # type: ignore[arg-type]
        if settings.is_postgresql:
            jobs += [Job(**job)] * 3  # type: ignore[arg-type]
        workers = await open_ends.enter_async_context(at_work(*jobs))
        await kill_at_random(workers, chance)
        await until_all_is_delivered(settings)
        whole = {call_id for worker in workers for call_id in worker.whole}
    of_calls = await told(settings)
    assert len(of_calls) == CALLS
    assert all("call.ended" in of_calls[call_id].values() for call_id in whole)
    ids = {id_ for of_call in of_calls.values() for id_ in of_call}
    for receiver in receivers.values():
        assert receiver.first.keys() == ids
        assert not receiver.twins_differ
        assert receiver.requests > len(ids)
        order = {id_: number for number, id_ in enumerate(receiver.first)}
        for of_call in of_calls.values():
            assert sorted(of_call, key=order.__getitem__) == list(of_call)
