"""Another program beside the router: it writes to the router's SQLite file, or keeps the file locked."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path


@asynccontextmanager
async def writing_beside(path: Path) -> AsyncIterator[sqlite3.Connection]:
    """A transaction of another program, which keeps the database locked; the end of the block commits it.

    It begins as soon as the router is in no transaction of its own. To wait for that within SQLite would stop this
    very loop, in which the router under test has to end its transaction.
    """
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        while not _begun(other):
            await asyncio.sleep(0.01)
        yield other
        other.execute("COMMIT")


def _begun(other: sqlite3.Connection) -> bool:
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # its lowest byte tells the kind of an error
            raise
        return False
    return True
