"""All CRMs of the configuration by their names, open as long as the router."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from agi_router.lookup.grants import GrantMemory
from agi_router.lookup.guard import Guard
from ari_app.crm.connector import Connector
from ari_app.crm.settings import CrmSettings
from ari_app.crm.standing import LoginState
from ari_app.domain.crm_login import Login, Logins

log = logging.getLogger("agi_router.crm")


class Connectors(Mapping[str, Connector]):
    """In the order of the configuration. Made by `open_connectors`; what a login changes is in force at once."""

    def __init__(self, connectors: Mapping[str, Connector], logins: Logins) -> None:
        self._connectors = connectors
        self._logins = logins
        self.followers: list[Callable[[str], None]] = []
        """Are told the name of each connector that was logged in."""

    def __getitem__(self, name: str) -> Connector:
        return self._connectors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._connectors)

    def __len__(self) -> int:
        return len(self._connectors)

    async def log_in(self, login: Login) -> None:
        """Keep it, and go on with it, at the next start if the CRM is new. Raises UnavailableError."""
        await self._logins.keep(login)
        connector = self._connectors.get(login.connector)
        if connector is None:
            return
        await connector.take(login)
        log.info("%s was logged in", login.connector)
        for follower in self.followers:
            follower(login.connector)

    async def log_out(self, name: str) -> None:
        """Forget what was given at its login. Raises UnavailableError, and KeyError for a name that is none."""
        connector = self._connectors[name]
        await self._logins.forget(name)
        await connector.take(None)
        log.info("%s was logged out", name)


@asynccontextmanager
async def open_connectors(
    settings: CrmSettings, guard: Guard, grants: GrantMemory, logins: Logins
) -> AsyncIterator[Connectors]:
    """Until the block ends. Raises UnavailableError, and OSError for a `ca_file`."""
    known: Mapping[str, Any] = {login.connector: login for login in await logins.all()} if settings.connectors else {}
    async with AsyncExitStack() as open_ends:
        connectors = {}
        for each in settings.connectors:
            connector = Connector(each, guard, grants, known.get(each.name))
            connectors[each.name] = await open_ends.enter_async_context(connector)
            connector.keep_tokens_ready()
            standing = connector.standing()
            if standing.state is LoginState.NEEDED:
                log.warning("%s is not logged in, and asked for nothing; %s", each.name, standing.remedy)
        yield Connectors(connectors, logins)
