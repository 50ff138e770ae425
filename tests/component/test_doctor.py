"""The doctor's questions against real servers on the loopback and real databases."""

import asyncio
import json
import os
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from agi_router.lookup.client import LookupClient
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.reach import Reached
from agi_router.routing.errors import RoutingError
from agi_router.routing.route import Request
from agi_router.routing.url_template import UrlTemplate
from ari_app.asterisk.inspection import Trouble, UnreachedError, greet
from ari_app.asterisk.settings import AriSettings
from ari_app.storage.call_log import open_call_log
from ari_app.storage.inspection import inspect_storage
from ari_app.storage.serving_lock import lock_holder
from ari_app.storage.settings import StorageSettings
from tests.component.locking import writing_beside
from tests.component.storage_events import arrived
from tests.patience import PATIENCE_S

LOOPBACK = NetworkGuard((ip_network("127.0.0.0/8"),))


class Server:
    """Answers every connection with `answer` (None: never), and keeps what it was sent."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.received = b""
        self.connections = 0
        self.all_closed = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.answer is None:
                self.received += await reader.read()
            else:
                self.received += await reader.readuntil(b"\r\n\r\n")
                writer.write(self.answer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.all_closed.set()


@asynccontextmanager
async def listening(answer: bytes | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


# --- reaching an API


async def reach(url: str, *, ca_file: Path | None = None, guard: NetworkGuard = LOOPBACK) -> Reached:
    async with LookupClient(guard, [ca_file] if ca_file else []) as client:
        return await client.reach(Request(method="POST", url=UrlTemplate.parse(url), ca_file=ca_file))


async def test_an_api_is_reached_and_asked_nothing() -> None:
    async with listening() as server, asyncio.timeout(PATIENCE_S):
        reached = await reach(f"http://127.0.0.1:{server.port}/calls?n={{{{callerNumber}}}}")
        await server.all_closed.wait()
        assert (reached.address, reached.port, reached.tls, reached.valid_until) == (
            *("127.0.0.1", server.port),
            *(None, None),
        )
        assert reached.elapsed_ms > 0
        assert (server.connections, server.received) == (1, b"")


async def test_tls_is_verified_and_the_certificates_end_is_told(tmp_path: Path) -> None:
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
    authority.issue_cert("localhost", not_after=ends).configure_cert(tls)
    async with listening(tls=tls) as server:
        reached = await reach(f"https://localhost:{server.port}/", ca_file=ca_file)
        assert (reached.tls, reached.valid_until) == ("TLSv1.3", ends)
        with pytest.raises(RoutingError) as untrusted:
            await reach(f"https://localhost:{server.port}/")
        assert untrusted.value.failure.code == "api_tls"


async def test_the_guard_stands_in_front_of_the_doctor_too() -> None:
    async with listening() as server:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(RoutingError) as denied:
                await reach(f"http://{host}:{server.port}/", guard=NetworkGuard())
            assert denied.value.failure.code == "network_denied"
        assert server.connections == 0


async def test_a_server_that_is_silent_at_the_handshake_is_given_up() -> None:
    async with listening() as server, asyncio.timeout(PATIENCE_S):
        with pytest.raises(RoutingError) as slow:
            await reach(f"https://127.0.0.1:{server.port}/")
        assert slow.value.failure.code == "api_timeout"


async def test_where_nobody_listens_the_connection_is_refused() -> None:
    with pytest.raises(RoutingError) as refused:
        await reach("http://127.0.0.1:1/")
    assert refused.value.failure.code == "api_refused"


# --- greeting ARI


def ari(url: str, *, patience_s: float = PATIENCE_S) -> AriSettings:
    return AriSettings(url=url, username="router", password="8f14e45f", request_timeout_s=patience_s)


TOO_LONG_FOR_DNS = ".".join(["a" * 60] * 5)
"""The resolver refuses it without asking a name server."""


def answering(status: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (answering("401 Unauthorized", '{"message": "Authentication required"}'), Trouble.UNAUTHORIZED),
        (answering("404 Not Found", "<html>", "Server: Asterisk/22.10.1"), Trouble.NO_ARI),
        (answering("404 Not Found", "<html>", "Server: nginx"), Trouble.OTHER_SERVER),
        (answering("200 OK", "<html>Welcome to nginx"), Trouble.OTHER_SERVER),
        (answering("200 OK", "[]"), Trouble.OTHER_SERVER),
        (answering("301 Moved Permanently", "", "Location: https://127.0.0.1/"), Trouble.OTHER_SERVER),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Trouble.BROKEN),
        (b"", Trouble.BROKEN),
        (None, Trouble.TIMEOUT),
    ],
)
async def test_what_answers_instead_of_ari_is_told_apart(answer: bytes | None, trouble: Trouble) -> None:
    async with listening(answer) as server:
        with pytest.raises(UnreachedError) as unreached:
            await greet(ari(f"http://127.0.0.1:{server.port}", patience_s=0.3 if answer is None else PATIENCE_S))
        assert unreached.value.trouble is trouble


async def test_nobody_there_and_no_such_host_and_no_trust_are_told_apart() -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    seen = []
    async with listening(tls=tls) as server:
        for url in ("http://127.0.0.1:1", f"http://{TOO_LONG_FOR_DNS}", f"https://127.0.0.1:{server.port}"):
            with pytest.raises(UnreachedError) as unreached:
                await greet(ari(url))
            seen.append(unreached.value)
    assert [error.trouble for error in seen] == [Trouble.REFUSED, Trouble.UNRESOLVED, Trouble.UNTRUSTED]
    assert str(seen[0]) == "Connection refused"


async def test_the_clock_of_asterisk_is_compared() -> None:
    before = datetime.now(UTC)
    ahead = (before + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    async with listening(answering("200 OK", json.dumps({"ping": "pong", "timestamp": ahead}))) as server:
        greeting = await greet(ari(f"http://127.0.0.1:{server.port}"))
    passed_s = (datetime.now(UTC) - before).total_seconds()  # and that clock has stood still meanwhile
    assert greeting.clock_ahead_s is not None
    assert 7200 - passed_s - 0.001 <= greeting.clock_ahead_s <= 7200


async def test_an_ari_without_its_part_for_asterisk_still_answers() -> None:
    async with listening(answering("404 Not Found", '{"message": "Resource not found"}')) as server:
        assert (await greet(ari(f"http://127.0.0.1:{server.port}"))).clock_ahead_s is None


# --- looking into the database


@pytest.fixture
async def database(tmp_path: Path) -> StorageSettings:
    settings = StorageSettings.at(tmp_path / "calls.db")
    async with open_call_log(settings) as log:
        log.write("20260301T093000-9f3a2c1b77aa", arrived(0))
    return settings


async def test_a_sound_database_is_left_as_it_was(database: StorageSettings) -> None:
    before = database.path.read_bytes()
    found = await inspect_storage(database)
    assert found.revision is not None
    assert (found.revision.is_older, found.revision.is_newer, found.write_error) == (False, False, None)
    assert database.path.read_bytes() == before
    assert names_in(database.path.parent) == ["calls.db", "calls.db.lock"]


async def test_a_database_is_looked_at_beside_the_router_that_writes_it(database: StorageSettings) -> None:
    assert await lock_holder(database) is None
    async with open_call_log(database):
        assert (await inspect_storage(database)).write_error is None
        assert await lock_holder(database) == f"process {os.getpid()}"
    assert await lock_holder(database) is None


async def test_a_database_that_cannot_be_written_says_why(database: StorageSettings) -> None:
    make_read_only(database.path)
    found = await inspect_storage(database)
    assert found.revision is not None
    assert "readonly" in (found.write_error or "")


async def test_a_database_that_another_program_keeps_locked_says_so(
    database: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_app.storage.database.BUSY_TIMEOUT_MS", 50)
    async with writing_beside(database.path):
        found = await inspect_storage(database)
    assert "locked" in (found.write_error or "")


async def test_a_database_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    found = await inspect_storage(StorageSettings.at(tmp_path / "new" / "calls.db"))
    assert (found.revision, found.write_error) == (None, None)
    assert names_in(tmp_path) == []
    nowhere = await inspect_storage(StorageSettings.at(tmp_path / "no" / "such" / "calls.db"))
    assert "there is no folder" in (nowhere.write_error or "")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make_read_only(database: Path) -> None:
    """By SQLite's own mark, a later version of the format: root is not stopped by permissions."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    with database.open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")
