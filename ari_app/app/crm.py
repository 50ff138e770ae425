"""The CRMs of a running router, and of commands beside it or without one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agi_router.lookup.grants import GrantMemory
from agi_router.lookup.guard import GuardInForce
from ari_app.app.memory import Memory
from ari_app.crm.connector import Connector
from ari_app.crm.connectors import Connectors, open_connectors
from ari_app.crm.settings import CrmSettings
from ari_app.domain.crm_login import Logins
from ari_app.live.routing import LiveRouting
from ari_app.settings import Settings
from ari_app.storage.crm_logins import ReadLogins, stored_logins
from ari_app.storage.database import reading_engine
from ari_app.storage.grants import ReadGrants, writing_grants
from ari_app.storage.sealing import Sealing
from ari_app.storage.secret_key import stored_key
from ari_app.storage.serving import open_database
from ari_app.storage.serving_lock import lock_holder


@asynccontextmanager
async def crms_of(settings: Settings, memory: Memory, routing: LiveRouting) -> AsyncIterator[Connectors]:
    """All of the configuration until the block ends. Raises StorageError, and OSError for a `ca_file`."""
    guard = GuardInForce(lambda: routing.in_force.guard)
    logins = stored_logins(memory.database)
    async with open_connectors(settings.crm, guard, memory.grants, logins) as connectors:
        yield connectors


@asynccontextmanager
async def crm_memory(settings: Settings) -> AsyncIterator[tuple[Logins, GrantMemory]]:
    """Logins and tokens for a command: its own while no router serves, else to be read only. Raises StorageError."""
    storage = settings.storage
    if await lock_holder(storage) is None:
        async with open_database(storage) as database, writing_grants(database) as grants:
            yield stored_logins(database), grants
        return
    reader = reading_engine(storage)
    try:
        yield ReadLogins(reader, Sealing(stored_key(storage))), ReadGrants(reader)
    finally:
        await reader.dispose()


@asynccontextmanager
async def crm_for_command(settings: Settings, name: str) -> AsyncIterator[Connector]:
    """The connector of this name, for a command beside a running router or without one. Raises StorageError."""
    connectors = tuple(each for each in settings.crm.connectors if each.name == name)
    async with (
        crm_memory(settings) as (logins, grants),
        open_connectors(CrmSettings(connectors=connectors), settings.routing.guard, grants, logins) as opened,
    ):
        yield opened[name]
