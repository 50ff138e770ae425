"""An AMI connection to peers that are not what they should be."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from panoramisk.message import Message

from ari_app.asterisk.ami_connection import ami_connection
from ari_app.asterisk.ami_protocol import LONGEST_MESSAGE, Name
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.ports import UnreachableError
from tests.patience import PATIENCE_S

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BANNER = b"Asterisk Call Manager/11.0.0\r\n"


@asynccontextmanager
async def peer(
    behave: Peer, tls: ssl.SSLContext | None = None, request_timeout_s: float = PATIENCE_S
) -> AsyncIterator[AmiSettings]:
    """Somebody who listens, and behaves like this."""

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(met, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield AmiSettings(
            host="127.0.0.1", port=port, username="router", secret="s", request_timeout_s=request_timeout_s
        )
    finally:
        server.close()
        await server.wait_closed()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take one action, and say that it is done."""
    asked = (await reader.readuntil(b"\r\n\r\n")).decode()
    (action_id,) = [line for line in asked.split("\r\n") if line.startswith("ActionID")]
    writer.write(f"Response: Success\r\n{action_id}\r\n\r\n".encode())
    await writer.drain()


async def test_a_peer_who_says_nothing_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with peer(silent, request_timeout_s=0.5) as settings:
        with pytest.raises(UnreachableError, match=r"no answer within 0.5 s \(Login\)"):
            async with ami_connection(settings, print):
                pytest.fail("nobody has let us in")


async def test_a_peer_who_hangs_up_is_told_as_such() -> None:
    async def short(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    async with peer(short) as settings:
        with pytest.raises(UnreachableError, match="the connection was lost"):
            async with ami_connection(settings, print):
                pytest.fail("nobody has let us in")


async def test_nobody_there_is_told_with_the_reason() -> None:
    async with peer(answer) as settings:
        pass
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1"):
        async with ami_connection(settings, print):
            pytest.fail("nobody is there")


async def test_a_message_without_an_end_ends_the_connection() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER)
        await answer(reader, writer)
        writer.write(b"Event: Odd\r\nText: " + b"x" * (LONGEST_MESSAGE + 1))
        await reader.read()

    async with peer(endless) as settings:
        async with ami_connection(settings, print) as connection:
            with pytest.raises(UnreachableError, match="lost"):
                await connection.stays_for(PATIENCE_S)


async def test_letters_that_two_packets_share_arrive_whole_and_an_event_that_breaks_us_is_left_out() -> None:
    halves = "Event: Odd\r\n\r\nEvent: Told\r\nName: Zoë\r\n\r\n".encode()
    cut = halves.index("ë".encode()) + 1
    told: asyncio.Queue[str] = asyncio.Queue()

    async def halting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER)
        await answer(reader, writer)
        writer.write(halves[:cut])
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")  # it is sent when the first half was read
        writer.write(halves[cut:])
        await reader.read()

    def take(message: Message) -> None:
        told.put_nowait(str(message.name))
        if message.event == "Odd":
            raise TypeError("an event that nobody has thought of")

    async with peer(halting) as settings, asyncio.timeout(PATIENCE_S):
        async with ami_connection(settings, take) as connection:
            assert await told.get() == ""
            asking = asyncio.create_task(connection.ask(Name.PING))
            assert await told.get() == "Zoë"
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


async def test_tls_is_for_a_peer_with_the_right_name_and_a_trusted_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER)
        await answer(reader, writer)
        await reader.read()

    def presenting(name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(context)
        return context

    async with peer(patient, presenting("127.0.0.1")) as settings:
        async with ami_connection(replace(settings, tls=True, ca_file=ca_file), print):
            pass
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            async with ami_connection(replace(settings, tls=True), print):
                pytest.fail("nobody vouches for this certificate")
    async with peer(patient, presenting("127.0.0.2")) as settings:
        with pytest.raises(UnreachableError, match="certificate is not valid for"):
            async with ami_connection(replace(settings, tls=True, ca_file=ca_file), print):
                pytest.fail("this is the certificate of somebody else")
