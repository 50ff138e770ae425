"""A process for the kill test: writes calls for ever, and prints the number of each event that is committed."""

import asyncio
import sys
from pathlib import Path

from ari_app.storage.call_log import open_call_log
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import arrived


async def main(database: Path) -> None:
    async with open_call_log(StorageSettings.at(database)) as call_log:
        written = 0
        while True:
            for _ in range(7):
                call_log.write(f"call-{written // 3}", arrived(written))
                written += 1
            await call_log.flush()
            sys.stdout.write(f"{written}\n")
            sys.stdout.flush()


asyncio.run(main(Path(sys.argv[1])))
