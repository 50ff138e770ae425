"""The router as an operator runs it: `agi-router serve` in a process of its own, with a configuration of its own."""

import asyncio
import contextlib
import errno
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

import yaml

from ari_app.control.client import ask
from ari_app.control.settings import ControlError, ControlSettings
from ari_app.domain.events import CallEvent
from ari_app.domain.record import CallRecord
from ari_app.live.reload import DEADLINE_S
from ari_app.storage.call_reader import read_calls
from ari_app.storage.settings import StorageSettings
from sandbox.asterisk import RunningAsterisk
from sandbox.errors import SandboxError
from sandbox.patience import PATIENCE_S

POLL_S = 0.02
START_DEADLINE_S = 120.0
"""A second of imports, on a machine that may be busy with everything else that starts; its end is seen at once."""
DATABASE = "calls.db"  # beside the configuration
SETTLES = "AriConnection._after_connect"
"""The coroutine that reconciles with Asterisk after each connect, and then ends."""
LANE = "_run_lane"
"""The coroutine of the tasks that deliver webhooks, one for each subscription."""

Config = dict[str, Any]


def router_config(asterisk: RunningAsterisk, search_url: str) -> Config:
    """The configuration of tests and demo, ready to be changed: route `sales` asks `search_url` and rings the user."""
    return {
        "asterisk": {
            "ari": {"url": asterisk.ari_url, "username": asterisk.ari_username, "password": asterisk.ari_password}
        },
        "storage": {"url": f"sqlite:///{DATABASE}"},
        "directory": {
            "users": [
                {
                    "id": "456",
                    "name": "Ada",
                    "email": "ada@example.com",
                    "devices": ["PJSIP/ada", "PJSIP/ada-desk", "PJSIP/ada-mobile"],
                },
                {"id": "77", "name": "Bob", "email": "bob@example.com", "devices": ["PJSIP/bob"]},
            ]
        },
        "trunks": [{"name": "main", "endpoint": "PJSIP/trunk", "caller_id": "+14155550100"}],
        "policy": {"regions": ["US"]},
        "network": {"allowed_networks": [f"{asterisk.layout.api}/32"]},
        "recordings": {"voicemail_spool": str(asterisk.spool_dir / "voicemail")},
        "defaults": {"region": "US"},
        "routes": {
            "sales": {
                "request": {"url": search_url, "deadline_s": 10},  # whoever answers may have much to do
                "response": {"type": "user", "path": "calls[0].user.id"},
                "ringing": {"timeout_s": 25},
                "fallback": [{"endpoint": "PJSIP/carol", "timeout_s": 20}, {"hangup": "busy"}],
            }
        },
    }


class RunningRouter:
    """A router seen from outside, by its control socket; `config_path` is one of `router_config`."""

    def __init__(self, config_path: Path) -> None:
        self.config_path = config_path
        self._control = ControlSettings(config_path.with_name(f"{DATABASE}.sock"))

    async def status(self) -> Mapping[str, Any] | None:
        """What `agi-router status` tells; None while nothing answers."""
        try:
            return await asyncio.to_thread(ask, self._control, "status")
        except ControlError:
            return None

    async def until(
        self, condition: Callable[[Mapping[str, Any]], bool], patience_s: float = PATIENCE_S
    ) -> Mapping[str, Any]:
        """Wait for a status; raises SandboxError with the end of the log when it does not come, or the router ended."""
        deadline = asyncio.get_running_loop().time() + patience_s
        status: Mapping[str, Any] | None = None
        while asyncio.get_running_loop().time() < deadline:
            status = await self.status()
            if status is not None and condition(status):
                return status
            if self._has_ended():
                break
            await asyncio.sleep(POLL_S)
        raise SandboxError(f"the router did not come so far; it told {status}. Its log:\n{self.log_tail()}")

    @property
    def web_url(self) -> str:
        """Where its REST API listens first; there is a section `web` in its configuration."""
        return f"http://{yaml.safe_load(self.config_path.read_text())['web']['listen'][0]}"

    async def make_key(self, name: str, *scopes: str) -> str:
        """A key of the REST API, for programs on this machine. Raises ControlError when the name is taken."""
        wanted = {"name": name, "scopes": scopes}
        return str((await asyncio.to_thread(ask, self._control, "create_key", PATIENCE_S, wanted))["token"])

    def log_tail(self) -> str:
        """The end of its log, or where to find it."""
        return f"(kept by whoever started the router of {self.config_path})"

    def _has_ended(self) -> bool:
        return False


class Process(Protocol):
    """A router's process, as asyncio.subprocess.Process is one."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def returncode(self) -> int | None:
        """None while it runs."""

    async def wait(self) -> int:
        """Wait for its end; the `returncode`."""

    def send_signal(self, signal: int, /) -> None:
        """Raises ProcessLookupError after its end."""


async def serve(config_path: Path, log: IO[bytes]) -> Process:
    """`agi-router serve`, started as an operator starts it; it dies with its owner."""
    return await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", str(Path(sys.executable).with_name("agi-router"))),
        *("--config", str(config_path), "serve"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


class Router(RunningRouter):
    """`agi-router serve`, up between `async with` and its end; `config` is written anew at each `start` and `reload`.

    Its log is in `log_path`; `serve` starts its process.
    """

    def __init__(self, config: Config, serve: Callable[[Path, IO[bytes]], Awaitable[Process]] = serve) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="agi-router-")
        super().__init__(Path(self._folder.name) / "agi-router.yaml")
        self.config = config
        self._at_rest: Counter[str] = Counter()
        self.log_path = self.config_path.with_name("router.log")
        self._serve = serve
        self._process: Process | None = None
        self.storage = StorageSettings.at(self.config_path.with_name(DATABASE))

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.kill()
            self._folder.cleanup()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.kill()
        self._folder.cleanup()

    async def start(self, *, connected: bool = True) -> None:
        """Start; wait until it answers on its control socket and, unless told otherwise, is connected to Asterisk."""
        self.config_path.write_text(yaml.safe_dump(self.config))
        with self.log_path.open("ab") as log:
            self._process = await self._serve(self.config_path, log)
        status = await self.until(lambda status: bool(status["asterisk_connected"]) or not connected, START_DEADLINE_S)
        if connected:  # without a connection there are fewer
            self._at_rest = Counter(status["tasks_by_coroutine"])
            del self._at_rest[SETTLES]

    async def tasks_beyond_rest(self) -> list[str]:
        """The coroutines of the tasks that it did not have when it had started; but the lanes of webhooks.

        By coroutine, as a count of all would let a task that has ended since the start stand for one that was left.
        """
        status = await self.until(lambda status: "tasks_by_coroutine" in status)
        now = Counter(status["tasks_by_coroutine"])
        del now[LANE]  # lives as long as its subscription, whatever calls there are
        return sorted((now - self._at_rest).elements())

    async def reload(self) -> Mapping[str, Any]:
        """Write `config` and have it loaded; what `agi-router reload --json` prints. Raises ControlError."""
        self.config_path.write_text(yaml.safe_dump(self.config))
        return await asyncio.to_thread(ask, self._control, "reload", DEADLINE_S)

    @contextlib.asynccontextmanager
    async def reloading(self) -> AsyncIterator[None]:
        """As `reload`, but what happens in this block happens while the configuration is read: no sooner, no later.

        Raises SandboxError when it is not taken.
        """
        pipe = self.config_path.with_name("pipe")
        os.mkfifo(pipe)
        pipe.replace(self.config_path)
        outcome = asyncio.create_task(asyncio.to_thread(ask, self._control, "reload", DEADLINE_S))
        while (reader := _writable(self.config_path)) is None and not outcome.done():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(POLL_S)  # a process that takes a second of imports before it opens the file
        try:
            yield
            pipe.write_text(yaml.safe_dump(self.config))
            if reader is not None:
                os.write(reader, pipe.read_bytes())
            pipe.replace(self.config_path)
        finally:
            if reader is not None:
                os.close(reader)
        if not (told := await outcome)["taken"]:
            raise SandboxError(f"the configuration was not taken: {told}")

    async def place(self, **request: Any) -> str:
        """Have a call placed, as `agi-router call` does; its id. Raises ControlError."""
        return str((await asyncio.to_thread(ask, self._control, "call", PATIENCE_S, request))["call_id"])

    async def agents(self) -> Mapping[str, Mapping[str, Any]]:
        """How each user stands, by his id, as `agi-router agents --json` prints it."""
        told = await asyncio.to_thread(ask, self._control, "agents", PATIENCE_S)
        return {agent["user"]: agent for agent in told["agents"]}

    async def counters(self) -> Mapping[tuple[str, str], float]:
        """What the dial policy has counted, by scope (limits, route_limits, key_limits) and measure."""
        told = await asyncio.to_thread(ask, self._control, "policy", PATIENCE_S)
        return {(count["scope"], count["measure"]): count["value"] for count in told["counters"]}

    async def live(self) -> Sequence[Mapping[str, Any]]:
        """The live calls, as `agi-router live --json` prints them."""
        calls: Sequence[Mapping[str, Any]] = (await asyncio.to_thread(ask, self._control, "live", PATIENCE_S))["calls"]
        return calls

    async def steer(self, call_id: str, action: str, value: str = "", *, party: str = "") -> None:
        """Have this done to a live call, as `agi-router steer` does. Raises ControlError."""
        asked = {"call_id": call_id, "action": action, "value": value, "party": party}
        await asyncio.to_thread(ask, self._control, "steer", PATIENCE_S, asked)

    def reload_by_signal(self) -> None:
        """Write `config`, and send SIGHUP."""
        self.config_path.write_text(yaml.safe_dump(self.config))
        os.kill(self.pid, signal.SIGHUP)

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise SandboxError("the router is not running. Call start() first.")
        return self._process.pid

    async def stop(self) -> int:
        """SIGTERM, as systemd sends it; returns the exit status when it has ended."""
        process, self._process = self._process, None
        if process is None:
            raise SandboxError("the router is not running. Call start() first.")
        process.send_signal(signal.SIGTERM)
        return await process.wait()

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit status."""
        process, self._process = self._process, None
        if process is None:
            raise SandboxError("the router is not running. Call start() first.")
        async with asyncio.timeout(PATIENCE_S):
            return await process.wait()

    async def kill(self) -> None:
        """SIGKILL: it has no chance to clean up."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()

    def freeze(self) -> None:
        """SIGSTOP: it is there and does nothing, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def log_tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    async def records(self) -> Sequence[CallRecord]:
        """All calls on record, the oldest first, once nothing waits to be written."""
        if self._process is not None:
            await self.until(lambda status: status["events_pending"] == 0)
        async with read_calls(self.storage) as calls:
            return list(reversed(await calls.recent(10_000)))

    async def trace(self, call_id: str) -> Sequence[CallEvent]:
        """The events of one call."""
        async with read_calls(self.storage) as calls:
            return await calls.trace(call_id)

    async def until_told(self, kind: type[CallEvent], times: int = 1) -> None:
        """Wait until the trace of the last call has so many events of this kind. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                records = await self.records()
                happened = await self.trace(records[-1].call_id) if records else ()
                if sum(isinstance(event, kind) for event in happened) >= times:
                    return
                await asyncio.sleep(POLL_S)


def _writable(pipe: Path) -> int | None:
    """A descriptor to write to this pipe; None while nobody reads it."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None
