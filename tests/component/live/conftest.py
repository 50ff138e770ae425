"""The desks of webhooks that tests ask for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_app.live.webhooks import WebhookDesk, open_webhooks
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.live.webhook_office import RULES, Office
from tests.sqlite import make_database


@pytest.fixture
async def office(settings: StorageSettings) -> AsyncIterator[Office]:
    async with open_database(settings) as database, open_webhooks(database, RULES) as desk:
        office = Office(database, desk)

        def wake() -> None:
            office.woken += 1

        office.desk = WebhookDesk(desk.subscriptions, desk._records, RULES, wake)
        yield office


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[WebhookDesk]:
    """A desk on a file, for what does not depend on the database."""
    settings = StorageSettings.at(tmp_path / "agi-router.db")
    make_database(settings.path)
    async with open_database(settings) as database, open_webhooks(database, RULES) as desk:
        yield desk
