"""What component tests share: their loop, and the databases.

Each test that asks for `settings` is run with SQLite and with PostgreSQL.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ari_app.storage.settings import StorageSettings
from tests.loop import PatientLoop
from tests.postgresql import Cluster, running_cluster
from tests.sqlite import make_database


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    return {"patient": PatientLoop}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture
def postgresql(cluster: Cluster) -> Iterator[StorageSettings]:
    """A migrated database."""
    with cluster.migrated() as settings:
        yield settings


@pytest.fixture
def empty_postgresql(cluster: Cluster) -> Iterator[StorageSettings]:
    with cluster.database("template0") as settings:
        yield settings


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StorageSettings:
    if request.param == "sqlite":
        made = StorageSettings.at(tmp_path / "agi-router.db")
        make_database(made.path)
        return made
    asked = request.getfixturevalue("postgresql")
    assert isinstance(asked, StorageSettings)
    return asked


@pytest.fixture
def sqlite(tmp_path: Path) -> StorageSettings:
    """An SQLite file that nobody has made yet, for what only a file can be or do."""
    return StorageSettings.at(tmp_path / "agi-router.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, sqlite: StorageSettings) -> StorageSettings:
    """A database without tables: a file that nobody has made yet, or one on the server."""
    if request.param == "sqlite":
        return sqlite
    asked = request.getfixturevalue("empty_postgresql")
    assert isinstance(asked, StorageSettings)
    return asked
