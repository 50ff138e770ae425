"""Recordings of a running router: fetched, and kept for their time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from ari_app.app.memory import Memory
from ari_app.asterisk.spool import open_spool
from ari_app.calls.supervisor import Supervisor
from ari_app.domain.recordings import StoreError
from ari_app.live.feed import Feed
from ari_app.recordings.fetching import Fetching
from ari_app.recordings.folder import FolderStore
from ari_app.recordings.keeping import Keeping
from ari_app.settings import Settings
from ari_app.storage.recordings import RecordingRows

log = structlog.get_logger("agi_router.recordings")


@asynccontextmanager
async def recordings_of(
    settings: Settings, memory: Memory, feed: Feed, supervisor: Supervisor
) -> AsyncIterator[Keeping]:
    """Fetch and keep in the background until the block ends; what is left waits for the next start."""
    own, rows = settings.recordings, RecordingRows(memory.database)
    store = FolderStore(own.folder)
    try:
        await store.clear_unfinished()
    except StoreError as error:
        log.warning("the folder of recordings can't be looked through", error=str(error), remedy=error.remedy)
    async with open_spool(settings.asterisk.ari) as spool:
        keeping = Keeping(rows, store, spool, keep_days=own.keep_days)
        fetching = Fetching(
            rows,
            spool,
            store,
            feed,
            settle=memory.call_log.flush,
            is_live=supervisor.live.__contains__,
            keep_in_asterisk=own.keep_in_asterisk,
        )
        feed.witnesses.append(fetching.witness)
        tasks = [
            asyncio.create_task(fetching.run(), name="fetching recordings"),
            asyncio.create_task(keeping.run(), name="keeping recordings"),
        ]
        try:
            yield keeping
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
