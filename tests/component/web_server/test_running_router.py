"""The REST API of a router that runs as a process of its own, without any Asterisk."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import trustme

from ari_app.settings.web_tls import TlsFiles
from sandbox.layout import free_port
from tests.component.live.test_reload_command import CONFIG, said, started
from tests.component.web_server.test_tls import trusting, write
from tests.patience import PATIENCE_S


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def test_it_is_watched_reloads_its_certificate_and_ends_at_once(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    plain, secure = (free_port("127.0.0.1", socket.SOCK_STREAM) for _ in range(2))
    first, second = trustme.CA(), trustme.CA()
    files = TlsFiles(tmp_path / "cert.pem", tmp_path / "key.pem")
    write(first, files)
    config = tmp_path / "agi-router.yaml"
    config.write_text(
        CONFIG
        + "web:\n  metrics: open\n  listen:\n"
        + f"    - 127.0.0.1:{plain}\n"
        + f"    - {{address: 127.0.0.1:{secure}, tls: {{certificate_file: cert.pem, key_file: key.pem}}}}\n"
    )
    async with started(config) as (router, log):
        await said(log, "the router serves")

        async with http.get(f"https://127.0.0.1:{secure}/healthz", ssl=trusting(first)) as answer:
            assert answer.status == 200
        async with http.get(f"http://127.0.0.1:{plain}/readyz") as answer:
            assert (answer.status, (await answer.json())["why"]) == (503, ["Asterisk is not connected"])
        async with http.get(f"http://127.0.0.1:{plain}/metrics") as answer:
            assert "agi_router_ready 0.0" in await answer.text()

        write(second, files)
        router.send_signal(signal.SIGHUP)
        await said(log, "the configuration was loaded")
        async with http.get(f"https://127.0.0.1:{secure}/healthz", ssl=trusting(second)) as answer:
            assert answer.status == 200

        idle = [await asyncio.open_connection("127.0.0.1", port) for port in (plain, secure)]
        router.send_signal(signal.SIGTERM)
        await said(log, "the router has stopped")
        assert await asyncio.wait_for(router.wait(), PATIENCE_S) == 0
        for reader, writer in idle:
            assert await reader.read() == b""
            writer.close()
