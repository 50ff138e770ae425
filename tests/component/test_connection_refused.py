"""What the router says while Asterisk refuses it."""

import asyncio

from structlog.testing import capture_logs

from ari_app.asterisk.connection import AriConnection
from ari_app.asterisk.settings import AriSettings
from ari_app.asterisk.telephony import AriTelephony
from ari_app.asterisk.text_messages import TextMessages
from tests.patience import PATIENCE_S


async def nothing() -> None:
    raise AssertionError("there is no connection to reconcile after")


async def test_a_wrong_password_is_told_as_a_refusal_with_the_next_step() -> None:
    attempts: asyncio.Queue[bytes] = asyncio.Queue()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = AriSettings(url=f"http://127.0.0.1:{port}", username="router", password="wrong-one")
        connection = AriConnection(
            settings,
            AriTelephony("agi-router"),
            lambda _: None,
            nothing,
            nothing,
            device_changed=lambda *_: None,
            messages=TextMessages(None),
        )
        with capture_logs() as lines:
            running = asyncio.create_task(connection.run())
            async with asyncio.timeout(PATIENCE_S):
                await attempts.get()
                await attempts.get()  # the second attempt comes after the first was told
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert lines[0]["event"] == "Asterisk is there, but refuses the router; trying again"
    assert "ari.conf" in lines[0]["remedy"]
    assert "wrong-one" not in str(lines)
