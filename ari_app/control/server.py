"""The router's end of the control socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from ari_app.control.settings import DEADLINE_S, LONGEST_LINE, ControlError, ControlSettings

log = structlog.get_logger("agi_router.control")

Arguments = Mapping[str, Any]
Commands = Mapping[str, Callable[[Arguments], Awaitable[Mapping[str, Any]]]]
"""What the socket can be asked: a name, and a coroutine function from a JSON object to another one.

It takes the time it needs, and runs on when the peer has gone. A ControlError of it is told to the peer."""


@asynccontextmanager
async def serve_control(settings: ControlSettings, commands: Commands) -> AsyncIterator[None]:
    """Answer commands until the block ends. Raises ControlError when the socket is taken or cannot be made."""
    listening = _listen(settings.socket)
    connections = _Connections(commands)
    server = await asyncio.start_unix_server(connections.answer, sock=listening, limit=LONGEST_LINE)
    try:
        yield
    finally:
        # First the name goes, so that nobody finds a socket that no longer accepts.
        settings.socket.unlink(missing_ok=True)
        server.close()
        await connections.close()


class _Connections:
    """The peers being answered; each has a deadline to ask, and another to take the answer."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._open: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs each connection as a task"
        self._open.add(task)
        try:
            async with asyncio.timeout(DEADLINE_S):
                try:
                    line = await reader.readline()
                except ValueError:
                    line = None
            answer = _TOO_LONG if line is None else await self._answer_to(line)
            async with asyncio.timeout(DEADLINE_S):
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, OSError) as error:
            log.info("a control connection was dropped", reason=str(error) or "the peer was too slow")
        except asyncio.CancelledError:
            pass  # only `close` cancels; asyncio would report a cancelled connection task as an error
        finally:
            self._open.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def close(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _answer_to(self, line: bytes) -> Mapping[str, Any]:
        try:
            asked = json.loads(line)
            name, arguments = asked["command"], dict(asked.get("arguments", {}))
            command = self._commands[name]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            known = ", ".join(sorted(self._commands))
            return _error(
                "this is no command of this router",
                f"Commands are: {known}. If agi-router was updated since the router was started, restart it.",
            )
        try:
            return {"result": dict(await command(arguments))}
        except ControlError as error:
            return _error(str(error), error.remedy)
        except Exception:
            log.exception("a control command failed", command=name)
            return _error(f"the router failed to answer {name}", "The reason is in the router's log.")


def _error(message: str, remedy: str) -> Mapping[str, Any]:
    return {"error": {"message": message, "remedy": remedy}}


_TOO_LONG = _error(f"the line is longer than {LONGEST_LINE} bytes", "Send one short JSON object.")


def _listen(path: Path) -> socket.socket:
    """A bound socket that only this user can open; a dead router's leftover is replaced."""
    _remove_dead(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
        listening.bind(str(path))
        path.chmod(0o600)  # nobody can connect before listen(), which comes with the server
    except OSError as error:
        listening.close()
        raise ControlError(
            f"the control socket {path} cannot be made: {error.strerror or error}",
            f"Let the router's user own the folder {path.parent}, or name another place in control.socket.",
        ) from error
    return listening


def _remove_dead(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_socket():
        raise ControlError(f"{path} exists and is no socket", "Move it away, or change control.socket.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(DEADLINE_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise ControlError(
                f"the control socket {path} cannot be replaced: {error.strerror or error}",
                "Remove it, if no router runs any more.",
            ) from error
    raise ControlError(
        f"another router serves the control socket {path}",
        "Stop it first, or give this one its own control.socket.",
    )
