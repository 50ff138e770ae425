"""A process for the kill tests: writes calls for ever, and prints the number of each event that is committed.

With the word "subscribed" somebody is to be told of all of them.
"""

import asyncio
import sys
from pathlib import Path

from ari_app.storage.call_log import writing_call_log
from ari_app.storage.outbox import OutboxWriter
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import arrived
from tests.component.storage_receivers import EVERYTHING, subscribe


async def main(path: Path, *words: str) -> None:
    outbox = OutboxWriter()
    async with open_database(StorageSettings.at(path)) as database, writing_call_log(database, outbox) as call_log:
        if "subscribed" in words:
            await subscribe(database, outbox, {"all": EVERYTHING})
        written = 0
        while True:
            for _ in range(7):
                call_log.write(f"call-{written // 3}", arrived(written))
                written += 1
            await call_log.flush()
            sys.stdout.write(f"{written}\n")
            sys.stdout.flush()


asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
