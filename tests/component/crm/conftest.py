"""A CRM, and a real server of OAuth 2.0 beside it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from sandbox.crm import GenericCrm
from tests.component.oidc.server import Provider, running_provider


@pytest.fixture(scope="session")
def started_provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
async def provider(started_provider: Provider) -> Provider:
    await started_provider.reset()
    return started_provider


@pytest.fixture
async def crm() -> AsyncIterator[GenericCrm]:
    async with GenericCrm() as crm:
        yield crm
