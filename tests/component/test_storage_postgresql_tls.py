"""PostgreSQL by TLS: with an authority of one's own, and what is told where the server is not the one that is meant."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
import trustme

from ari_app.storage.call_log import open_call_log
from ari_app.storage.call_reader import read_calls
from ari_app.storage.errors import StorageError
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import answered_call
from tests.postgresql import PASSWORD, Cluster


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def by_tls(cluster: Cluster, database: StorageSettings, authority: trustme.CA, folder: Path) -> StorageSettings:
    """As docs/history.md has it for a server across a network."""
    ca_file = folder / "db-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    plain = cluster.by_tcp(database.name.rpartition("/")[2], quote(PASSWORD, safe=""))
    return StorageSettings(f"{plain.url}?sslmode=verify-full&sslrootcert={quote(str(ca_file))}", folder)


@pytest.fixture
async def trusted(
    cluster: Cluster, postgresql: StorageSettings, authority: trustme.CA, tmp_path: Path
) -> AsyncIterator[StorageSettings]:
    async with cluster.speaking_tls(authority.issue_cert("127.0.0.1")):
        yield by_tls(cluster, postgresql, authority, tmp_path)


async def test_a_server_with_a_certificate_of_ones_own_authority_is_served_with_by_tls_alone(
    postgresql: StorageSettings, trusted: StorageSettings
) -> None:
    async with open_call_log(trusted) as call_log:
        for event in answered_call():
            call_log.write("call-1", event)
        await call_log.flush()
        onlooker = await asyncpg.connect(postgresql.url)
        told = await onlooker.fetch(
            "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
            "WHERE application_name LIKE 'agi-router %' AND datname = current_database()"
        )
        await onlooker.close()
    assert told
    assert {row["ssl"] for row in told} == {True}
    assert {row["version"] for row in told} <= {"TLSv1.2", "TLSv1.3"}
    async with read_calls(trusted) as calls:
        assert [call.call_id for call in await calls.recent(5)] == ["call-1"]


async def refusal(settings: StorageSettings) -> StorageError:
    """Both who serves and who reads are told the same, and no secret."""
    told = []
    for opened in (open_call_log(settings), read_calls(settings)):
        with pytest.raises(StorageError) as refused:
            async with opened:
                pass
        told.append(refused.value)
    assert str(told[0]) == str(told[1])
    assert PASSWORD not in str(told[0])
    assert quote(PASSWORD, safe="") not in str(told[0])
    return told[0]


@pytest.mark.parametrize("named", ["127.0.0.1", "db.example.com"])
async def test_a_server_that_is_not_the_one_that_is_meant_is_told(
    cluster: Cluster, postgresql: StorageSettings, authority: trustme.CA, tmp_path: Path, named: str
) -> None:
    """Of another authority, by the right name; and of the right one, by another name."""
    is_right_name = named == "127.0.0.1"
    issuer = trustme.CA() if is_right_name else authority
    async with cluster.speaking_tls(issuer.issue_cert(named)):
        refused = await refusal(by_tls(cluster, postgresql, authority, tmp_path))
    assert "cannot be trusted" in str(refused)
    assert ("unable to get local issuer certificate" if is_right_name else "is not valid for") in str(refused)
    assert "sslrootcert" in refused.remedy


async def test_a_server_that_speaks_no_tls_is_not_served_with_in_the_clear(
    cluster: Cluster, postgresql: StorageSettings, authority: trustme.CA, tmp_path: Path
) -> None:
    refused = await refusal(by_tls(cluster, postgresql, authority, tmp_path))
    assert "speaks no TLS" in str(refused)
    assert "postgresql.conf" in refused.remedy


async def test_a_file_of_authorities_that_is_not_there_is_told(trusted: StorageSettings, tmp_path: Path) -> None:
    (tmp_path / "db-ca.pem").unlink()
    refused = await refusal(trusted)
    assert f"the file {tmp_path / 'db-ca.pem'}, which storage.url names as sslrootcert, cannot be read" in str(refused)
