"""Connectors to the stand-in CRM, open while a test runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agi_router.lookup.grants import ShortMemory
from agi_router.lookup.guard import NetworkGuard
from ari_app.crm.connector import Connector
from ari_app.crm.document.reading import shipped
from ari_app.crm.settings import ConnectorSettings
from ari_app.domain.crm_login import Login
from sandbox.api import bearer
from sandbox.crm import GenericCrm
from tests.component.http_api import LOOPBACK

TOKEN = "token-of-the-crm"


def settings_for(crm: GenericCrm, **changes: Any) -> ConnectorSettings:
    """A connector of the document `generic`, let in by TOKEN."""
    crm.accept(bearer(TOKEN))
    given = {"name": "crm", "properties": {"Base URL": crm.url, "Access token": TOKEN}}
    return ConnectorSettings(**{"document": shipped("generic"), **given, **changes})


@asynccontextmanager
async def connected(
    settings: ConnectorSettings, *, guard: NetworkGuard = LOOPBACK, login: Login | None = None
) -> AsyncIterator[Connector]:
    async with Connector(settings, guard, ShortMemory(), login) as connector:
        yield connector
