"""HTTPS: what is spoken, whom it keeps out, and a certificate that is renewed while the router runs."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme

from ari_app.settings.web_section import Listener, WebSettings
from ari_app.settings.web_tls import TlsFiles, TlsFilesError
from ari_app.web import connection
from ari_app.web.errors import WebError
from ari_app.web.middleware import surrounded
from ari_app.web.server import WebServer
from sandbox.layout import free_port
from tests.clock import leap
from tests.component.web_server.test_server import reading_body, until
from tests.patience import PATIENCE_S


def write(authority: trustme.CA, files: TlsFiles) -> None:
    issued = authority.issue_cert("127.0.0.1")
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    files.key.write_bytes(issued.private_key_pem.bytes())


@asynccontextmanager
async def serving_tls(files: TlsFiles) -> AsyncIterator[tuple[WebServer, int]]:
    port = free_port("127.0.0.1", socket.SOCK_STREAM)
    settings = WebSettings(listen=(Listener("127.0.0.1", port, files),), max_connections=10)
    async with WebServer(settings, surrounded(reading_body, ())) as web:
        yield web, port
    assert not len(web.places)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> TlsFiles:
    files = TlsFiles(tmp_path / "cert.pem", tmp_path / "key.pem")
    write(authority, files)
    return files


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def status(port: int, context: ssl.SSLContext) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"https://127.0.0.1:{port}/", ssl=context) as answer:
        return answer.status


async def test_https_is_spoken_from_tls_1_2_on(files: TlsFiles, authority: trustme.CA) -> None:
    old, new = trusting(authority), trusting(authority)
    async with serving_tls(files) as (_, port):
        assert await status(port, new) == 200
        new.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await status(port, new) == 200
        with pytest.warns(DeprecationWarning):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")  # else the client itself would refuse
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=old)


async def test_who_speaks_no_tls_there_is_closed_without_a_word_and_the_others_are_served(
    files: TlsFiles, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving_tls(files) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n")
        assert b"200 OK" not in await reader.read()
        writer.close()
        assert await status(port, trusting(authority)) == 200
    assert caplog.messages == []


async def test_who_never_begins_to_agree_on_tls_is_cut_off(files: TlsFiles) -> None:
    async with serving_tls(files) as (web, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await until(lambda: len(web.places) == 1)
        leap(connection.HEAD_S)
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        writer.close()
        await until(lambda: len(web.places) == 0)


async def test_connections_that_agree_on_nothing_keep_nobody_out(files: TlsFiles, authority: trustme.CA) -> None:
    async with serving_tls(files) as (web, port):
        strangers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        assert await status(port, trusting(authority)) == 200
        assert len(web.places) <= 10
        for _, writer in strangers:
            writer.close()


async def test_a_renewed_certificate_is_shown_to_the_next_who_comes(files: TlsFiles, authority: trustme.CA) -> None:
    another = trustme.CA()
    async with serving_tls(files) as (web, port):
        write(another, files)
        assert await status(port, trusting(authority)) == 200
        web.renew_certificates()
        assert await status(port, trusting(another)) == 200


async def test_a_certificate_that_cannot_be_read_any_more_leaves_the_one_before(
    files: TlsFiles, authority: trustme.CA
) -> None:
    async with serving_tls(files) as (web, port):
        files.key.unlink()
        with pytest.raises(TlsFilesError, match=r"key.pem cannot be read"):
            web.renew_certificates()
        assert await status(port, trusting(authority)) == 200


async def test_without_its_certificate_the_server_does_not_start(files: TlsFiles) -> None:
    files.certificate.unlink()
    with pytest.raises(WebError, match=r"cert.pem cannot be read") as error:
        async with serving_tls(files):
            pass
    assert "check-config" in error.value.remedy
