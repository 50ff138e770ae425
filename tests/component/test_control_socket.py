"""Both ends of the control socket, on a real one."""

import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog

from ari_app.control import server
from ari_app.control.client import NoRouterError, ask
from ari_app.control.server import Arguments, serve_control
from ari_app.control.settings import DEADLINE_S, LONGEST_LINE, ControlError, ControlSettings
from tests.clock import leap
from tests.patience import PATIENCE_S


@pytest.fixture
def settings(tmp_path: Path) -> ControlSettings:
    return ControlSettings(tmp_path / "control.sock")


async def status(_: Arguments) -> Mapping[str, Any]:
    return {"pid": 1, "ari_connected": True}


async def broken(_: Arguments) -> Mapping[str, Any]:
    raise RuntimeError("a bug")


async def sent(settings: ControlSettings, line: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(settings.socket), limit=LONGEST_LINE * 2)
    writer.write(line)
    answer = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    assert isinstance(answer, dict)
    return answer


async def test_a_command_is_answered(settings: ControlSettings) -> None:
    async with serve_control(settings, {"status": status}):
        assert await asyncio.to_thread(ask, settings, "status") == await status({})


async def test_a_command_takes_arguments(settings: ControlSettings) -> None:
    async def echo(arguments: Arguments) -> Mapping[str, Any]:
        return arguments

    async with serve_control(settings, {"echo": echo}):
        assert await asyncio.to_thread(ask, settings, "echo", arguments={"number": "+14155550177"})
        assert await asyncio.to_thread(ask, settings, "echo") == {}


async def test_only_the_router_s_user_may_ask(settings: ControlSettings) -> None:
    async with serve_control(settings, {"status": status}):
        assert settings.socket.stat().st_mode & 0o777 == 0o600


async def test_the_socket_goes_with_the_router(settings: ControlSettings) -> None:
    async with serve_control(settings, {"status": status}):
        pass
    assert not settings.socket.exists()
    with pytest.raises(NoRouterError, match="no router runs with this configuration") as refused:
        ask(settings, "status")
    assert "serve" in refused.value.remedy


async def test_the_socket_of_a_dead_router_is_replaced(settings: ControlSettings) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(settings.socket))
    with pytest.raises(NoRouterError):
        ask(settings, "status")
    async with serve_control(settings, {"status": status}):
        assert await asyncio.to_thread(ask, settings, "status") == await status({})


async def test_the_socket_of_a_living_router_is_left_to_it(settings: ControlSettings) -> None:
    async with serve_control(settings, {"status": status}):
        with pytest.raises(ControlError, match="another router serves"):
            async with serve_control(settings, {}):
                pass
        assert await asyncio.to_thread(ask, settings, "status") == await status({})


async def test_a_file_that_is_no_socket_is_not_removed(settings: ControlSettings) -> None:
    settings.socket.write_text("precious")
    with pytest.raises(ControlError, match="is no socket"):
        async with serve_control(settings, {}):
            pass
    assert settings.socket.read_text() == "precious"


async def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="cannot be made") as refused:
        async with serve_control(ControlSettings(tmp_path / "a" / "b" / "c.sock"), {}):
            pass
    assert "control.socket" in refused.value.remedy


@pytest.mark.parametrize(
    "line",
    [b"\n", b"status\n", b"[]\n", b'{"command": []}\n', b'{"command": "reboot"}\n', b"\xff\n", b"[" * 200_000 + b"\n"],
)
async def test_what_is_no_command_is_answered_with_those_there_are(settings: ControlSettings, line: bytes) -> None:
    async with serve_control(settings, {"status": status}):
        answer = await sent(settings, line)
    assert answer["error"]["remedy"].startswith("Commands are: status. If agi-router was updated since")


async def test_an_endless_line_is_refused_and_the_next_peer_is_answered(settings: ControlSettings) -> None:
    async with serve_control(settings, {"status": status}):
        answer = await sent(settings, b"x" * (LONGEST_LINE + 1) + b"\n")
        assert "longer than" in answer["error"]["message"]
        assert await asyncio.to_thread(ask, settings, "status") == await status({})


async def test_a_silent_peer_is_dropped_after_its_deadline(
    settings: ControlSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DEADLINE_S", 0.05)
    with structlog.testing.capture_logs() as logs:
        async with serve_control(settings, {"status": status}):
            reader, writer = await asyncio.open_unix_connection(str(settings.socket))
            assert await reader.read() == b""
            writer.close()
    assert "too slow" in logs[0]["reason"]


async def test_the_router_ends_though_a_peer_stays_silent(settings: ControlSettings) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with serve_control(settings, {"status": status}):
            reader, writer = await asyncio.open_unix_connection(str(settings.socket))
            assert await sent(settings, b"{}\n")  # so that the silent one is being served
        assert await reader.read() == b""
        writer.close()


async def test_a_command_takes_the_time_it_needs_and_others_are_answered_meanwhile(
    settings: ControlSettings,
) -> None:
    going, done = asyncio.Event(), asyncio.Event()

    async def slow(_: Arguments) -> Mapping[str, Any]:
        going.set()
        await done.wait()
        return {"slow": True}

    async with serve_control(settings, {"slow": slow, "status": status}):
        asking = asyncio.create_task(asyncio.to_thread(ask, settings, "slow"))
        await going.wait()
        leap(2 * DEADLINE_S)
        assert await asyncio.to_thread(ask, settings, "status") == await status({})
        done.set()
        assert await asking == {"slow": True}


async def test_a_command_goes_on_when_its_peer_has_gone(settings: ControlSettings) -> None:
    going, peer_gone, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_: Arguments) -> Mapping[str, Any]:
        going.set()
        await peer_gone.wait()
        done.set()
        return {}

    async with serve_control(settings, {"slow": slow}):
        _, writer = await asyncio.open_unix_connection(str(settings.socket))
        writer.write(b'{"command": "slow"}\n')
        await going.wait()
        writer.close()
        await writer.wait_closed()
        peer_gone.set()
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()


async def test_why_a_command_can_t_be_done_is_told_with_the_remedy(settings: ControlSettings) -> None:
    async def refused(_: Arguments) -> Mapping[str, Any]:
        raise ControlError("not now", "Wait.")

    async with serve_control(settings, {"refused": refused}):
        with pytest.raises(ControlError, match="not now") as told:
            await asyncio.to_thread(ask, settings, "refused")
    assert told.value.remedy == "Wait."


async def test_an_answer_of_any_length_is_read(settings: ControlSettings) -> None:
    async def long(_: Arguments) -> Mapping[str, Any]:
        return {"long": "x" * (2 * LONGEST_LINE)}

    async with serve_control(settings, {"long": long}):
        assert await asyncio.to_thread(ask, settings, "long") == await long({})


async def test_a_bug_in_a_command_is_told_and_logged(settings: ControlSettings) -> None:
    with structlog.testing.capture_logs() as logs:
        async with serve_control(settings, {"broken": broken}):
            with pytest.raises(ControlError, match="failed to answer broken"):
                await asyncio.to_thread(ask, settings, "broken")
    assert logs[0]["log_level"] == "error"


async def test_a_router_that_stops_in_the_middle_is_told(settings: ControlSettings) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    stopping = await asyncio.start_unix_server(hang_up, settings.socket)
    with pytest.raises(ControlError, match=r"without an answer|failed: "):
        await asyncio.to_thread(ask, settings, "status")
    stopping.close()
    await stopping.wait_closed()
