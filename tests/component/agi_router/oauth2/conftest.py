"""A real token endpoint (oidc-provider), and a real API that asks it whether a token lives."""

from collections.abc import Iterator

import pytest

from agi_router.lookup import tokens
from tests.component.oidc.crm import Crm
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
def ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each token is too near its end for a second question, and lives long enough for the first one."""
    monkeypatch.setattr(tokens, "LEEWAY_S", 100_000.0)


@pytest.fixture
async def crm(provider: Provider) -> Crm:
    return Crm(provider)
