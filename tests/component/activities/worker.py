"""A process for the kill test: writes calls by the real call log, and tells the CRM of them by the real engine.

It prints "ready" once it is at work, and each call that is committed whole.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from sqlalchemy import func, select

from agi_router.lookup.grants import ShortMemory
from ari_app.crm.connector import Connector
from ari_app.crm.settings import ConnectorSettings
from ari_app.domain import events as e
from ari_app.domain.crm import OnceBy
from ari_app.storage.schema import calls
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.activities.rig import document, telling
from tests.component.crm.connecting import TOKEN
from tests.component.http_api import LOOPBACK
from tests.component.killed import say
from tests.component.storage_events import answered_call, at

DEADLINE_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """So many `calls` are written, and told to the CRM at `crm`, whose document has this way to have each once."""

    url: str
    folder: str
    crm: str
    once_by: OnceBy
    calls: int

    @property
    def module(self) -> str:
        return "tests.component.activities.worker"

    def words(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, words: str) -> Self:
        given = json.loads(words)
        return cls(**{**given, "once_by": OnceBy(given["once_by"])})


async def main(job: Job) -> None:
    settings = StorageSettings(job.url, Path(job.folder))
    properties = {"Base URL": job.crm, "Access token": TOKEN}
    connector = ConnectorSettings(name="crm", document=document(job.once_by), properties=properties)
    async with (
        open_database(settings) as database,
        Connector(connector, LOOPBACK, ShortMemory()) as crm,
        telling(database, Path(job.folder, "recordings"), crm, deadline_s=DEADLINE_S) as told,
    ):
        say("ready")
        async with database.reader.connect() as connection:
            begun = (await connection.execute(select(func.count()).select_from(calls))).scalar_one()
        for record in await told.call_log.open_calls():  # go on where the one before was killed
            happened = call_of(record.call_id)
            await told.tell(record.call_id, *happened[len(await told.call_log.history(record.call_id)) :])
            say(record.call_id)
        for number in range(begun, job.calls):
            happened = call_of(f"call-{number}")
            await told.tell(f"call-{number}", *happened[:1])
            await told.tell(f"call-{number}", *happened[1:12])
            await told.tell(f"call-{number}", *happened[12:])
            say(f"call-{number}")
        await asyncio.Event().wait()


def call_of(call_id: str) -> list[e.CallEvent]:
    happened = answered_call()
    contact_id = "c" + call_id.removeprefix("call-")
    contact = e.ContactFound(at=at(1), connector="crm", contact_id=contact_id, number="+14155550177")
    return [*happened[:11], contact, *happened[11:]]


if __name__ == "__main__":
    asyncio.run(main(Job.of(sys.argv[1])))
