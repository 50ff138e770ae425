"""A process for the kill test: writes calls by the real call log, delivers what they tell, or does both.

It prints "ready" once it is at work, and each call that is committed whole.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from sqlalchemy import func, select

from ari_app.domain.webhooks import NoticeFilter, Subscription
from ari_app.storage.call_log import writing_call_log
from ari_app.storage.database import reading_engine, sharing_engine
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.schema import calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.component.killed import say
from tests.component.storage_events import answered_call
from tests.component.webhooks.rig import BEGIN, BRISK, SECRET, KnownSubscriptions, engine

PACE: Final = replace(BRISK, claim=timedelta(seconds=2))
"""What a killed process had claimed is soon due to the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`receivers` are URLs by the ids of their subscriptions; `calls` are written, none by who only delivers."""

    url: str
    folder: str
    receivers: dict[str, str]
    calls: int = 0
    delivers: bool = True

    @property
    def module(self) -> str:
        return "tests.component.webhooks.worker"

    def words(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, words: str) -> Self:
        return cls(**json.loads(words))


async def main(job: Job) -> None:
    settings = StorageSettings(job.url, Path(job.folder))
    outbox = OutboxWriter()
    outbox.receivers.know(dict.fromkeys(job.receivers, NoticeFilter()))
    known = KnownSubscriptions(*(_subscription(id_, url) for id_, url in job.receivers.items()))
    async with AsyncExitStack() as open_ends:
        if job.calls:
            database = await open_ends.enter_async_context(open_database(settings))
            call_log = await open_ends.enter_async_context(writing_call_log(database, outbox))
        else:
            database = Database(settings, sharing_engine(settings), reading_engine(settings))
        if job.delivers:
            await open_ends.enter_async_context(engine(database, known, PACE, is_alone=not settings.is_postgresql))
        say("ready")
        if job.calls:
            async with database.reader.connect() as connection:
                begun = (await connection.execute(select(func.count()).select_from(calls))).scalar_one()
            for number in range(begun, job.calls):
                for event in answered_call():
                    call_log.write(f"call-{number}", event)
                    await asyncio.sleep(0)
                await call_log.flush()
                say(f"call-{number}")
        await asyncio.Event().wait()


def _subscription(id_: str, url: str) -> Subscription:
    return Subscription(id=id_, name=id_, url=url, secrets=(SECRET,), created_at=BEGIN, changed_at=BEGIN)


if __name__ == "__main__":
    asyncio.run(main(Job.of(sys.argv[1])))
