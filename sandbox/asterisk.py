"""A real Asterisk of one's own: on its own addresses, with its own files, gone when its owner is."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from sandbox import configuration
from sandbox.errors import SandboxError
from sandbox.layout import Layout, Network, claim_network, try_claim
from sandbox.patience import PATIENCE_S
from sandbox.root import DEFAULT_ROOT, asterisk_root

START_DEADLINE_S = 120.0
STOP_DEADLINE_S = 60.0
POLL_S = 0.02

AUDIT = Path("/tmp/audit.so")  # noqa: S108 - of Asterisk's own tree
LAUNCH = Path(__file__).with_name("launch.sh")
RUNS = (
    Path(tempfile.gettempdir()) / f"agi-router-sandbox-{os.getuid()}"
)  # short: a socket's path ends at 107 characters


class RunningAsterisk:
    """An Asterisk seen from outside; its `run` folder holds what `configuration.write` made."""

    layout: Layout
    ari_username = configuration.ARI_USERNAME
    ari_password = configuration.ARI_PASSWORD
    ami_username = configuration.AMI_USERNAME
    ami_secret = configuration.AMI_SECRET
    _run: Path

    @property
    def address(self) -> str:
        """The address of SIP, RTP, ARI and AMI."""
        return self.layout.asterisk

    @property
    def spool_dir(self) -> Path:
        """Its /var/spool/asterisk."""
        return self._run / "spool"

    @property
    def sip_port(self) -> int:
        """The UDP port of SIP."""
        return self.layout.sip_port

    @property
    def ari_url(self) -> str:
        """The base URL, as asterisk.ari.url of the router's configuration wants it."""
        return f"http://{self.address}:{self.layout.ari_port}"

    @property
    def control_socket(self) -> Path:
        """Where it takes commands."""
        return self._run / "run" / "asterisk" / "asterisk.ctl"

    async def cli(self, command: str) -> str:
        """What `asterisk -rx` prints for this command. Raises OSError when Asterisk is not there.

        Speaks to the control socket itself: a process per command would be a hundred times slower.
        """
        reader, writer = await asyncio.open_unix_connection(self.control_socket)
        try:
            await reader.readline()  # host name, pid and version
            writer.write(f"cli quit after {command}".encode() + b"\0")
            await writer.drain()
            return (await reader.read()).decode(errors="replace")
        finally:
            writer.close()


class Asterisk(RunningAsterisk):
    """One run of Asterisk, up between `async with` and its end.

    `numbered_phones` adds phone001, phone002, ... to the named phones; `route` is the route of calls to any DID;
    `extra_dialplan` is appended to extensions.conf; `configure` may then change what stands in /etc/asterisk. The
    configuration may be changed in `config_dir` while it runs (`cli("dialplan reload")`). `audit` is a shared library
    that may hold up what Asterisk's modules call, see rtld-audit(7). The owner must live on in the thread that entered:
    Asterisk dies with that thread. The end of `async with` raises SandboxError when Asterisk had ended by itself
    and nothing else was raised.
    """

    def __init__(
        self,
        *,
        numbered_phones: int = 0,
        route: str = "sales",
        extra_dialplan: str = "",
        configure: Callable[[Path, Layout], None] | None = None,
        audit: Path | None = None,
        root: Path = DEFAULT_ROOT,
    ) -> None:
        self._numbered_phones = numbered_phones
        self._route = route
        self._extra_dialplan = extra_dialplan
        self._configure = configure
        self._audit = audit
        self._root = root
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(asterisk_root, self._root)
        self._network = _claim()
        self._run = RUNS / self._network.prefix
        try:
            self.layout = self._network.layout(self._numbered_phones)
            configuration.write(self._run, self.layout, route=self._route, extra_dialplan=self._extra_dialplan)
            if self._configure is not None:
                self._configure(self.config_dir, self.layout)
            if self._audit is not None:
                shutil.copy(self._audit, self._run / AUDIT.relative_to("/"))
            await self.start()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process = self._process
        crashed = None if process is None or process.returncode is None else self._log_tail()
        await self._leave()
        if exc is None and process is not None and crashed is not None:
            raise SandboxError(f"Asterisk has ended by itself, with status {process.returncode}. {crashed}")

    async def _leave(self) -> None:
        await self.kill()
        shutil.rmtree(self._run, ignore_errors=True)
        self._network.release()

    @property
    def config_dir(self) -> Path:
        """Its /etc/asterisk."""
        return self._run / "etc"

    @property
    def sounds_dir(self) -> Path:
        """A folder for sounds of one's own: closed.ulaw in it is the sound "recordings/closed"."""
        return self._run / "lib" / "sounds" / "custom"

    @property
    def log_path(self) -> Path:
        """Its log: notices, warnings, errors and what the dialplan did."""
        return self._run / "log" / "messages"

    @property
    def pid(self) -> int:
        """The process id of Asterisk itself. Raises SandboxError when it is not running."""
        pid = None if self._process is None else _child(self._process)
        if pid is None:
            raise SandboxError("Asterisk is not running. Call start() first.")
        return pid

    async def start(self) -> None:
        """Start and wait until ARI answers. Raises SandboxError with the end of its log when it does not."""
        if self._process is not None:
            raise SandboxError("Asterisk is running already. Call stop() or kill() first.")
        console = self._run / "log" / "console"
        with console.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *launcher(self._root, self._run, AUDIT if self._audit else None),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        await self._wait_until_ready()

    async def stop(self) -> None:
        """Hang up all calls and end, as an operator would do it; the addresses stay ours for another `start`."""
        if self._process is None:
            return
        await self.cli("core stop now")
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await self._process.wait()
        except TimeoutError:
            raise SandboxError(f"Asterisk did not stop within {STOP_DEADLINE_S:.0f} s. {self._log_tail()}") from None
        self._process = None

    async def kill(self) -> None:
        """End it as a power cut would: nobody is told."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            # Asterisk itself, so that the launcher's end means that it is gone: the next start finds no old socket.
            with contextlib.suppress(ProcessLookupError):
                os.kill(_child(process) or process.pid, signal.SIGKILL)
        await process.wait()

    async def ended(self) -> None:
        """Wait until it ends by itself."""
        if self._process is not None:
            await self._process.wait()

    async def restart(self) -> None:
        """Restart in place: calls end, connections break, and the same ports answer again."""
        await self.cli("core restart now")
        await self._wait_until_ready()

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                await self._poll(self._is_booted)
                await self._poll(self._ari_answers)
        except TimeoutError:
            await self.kill()
            raise SandboxError(f"Asterisk was not ready within {START_DEADLINE_S:.0f} s. {self._log_tail()}") from None

    async def _poll(self, condition: Callable[[], Awaitable[bool]]) -> None:
        while not await condition():
            if self._process is None or self._process.returncode is not None:
                self._process = None
                raise SandboxError(f"Asterisk ended while it was starting. {self._log_tail()}")
            await asyncio.sleep(POLL_S)

    async def _is_booted(self) -> bool:
        """It says so some ms before it knows the commands that end it."""
        try:
            return "fully booted" in await self.cli("core waitfullybooted") and "No such command" not in await self.cli(
                "core show help core stop now"
            )
        except OSError:
            return False

    async def _ari_answers(self) -> bool:
        headers = {"Authorization": aiohttp.encode_basic_auth(self.ari_username, self.ari_password)}
        try:
            async with (
                aiohttp.ClientSession(headers=headers) as session,
                session.get(f"{self.ari_url}/ari/asterisk/ping") as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def until_logged(self, text: str, times: int = 1) -> None:
        """Wait until its log has this so many times; a thread writes it. Raises SandboxError when it does not come."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self.log_path.read_text(errors="replace").count(text) < times:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise SandboxError(f"Asterisk did not log {text!r}. {self._log_tail()}") from None

    def _log_tail(self, lines: int = 25) -> str:
        tail: list[str] = []
        for path in (self._run / "log" / "console", self.log_path):
            if path.exists():
                tail += path.read_text(errors="replace").splitlines()[-lines:]
        return "The end of its log:\n" + "\n".join(tail)


def launcher(root: Path, run: Path, audit: Path | None = None) -> list[str]:
    """Asterisk as the first process of its own pid namespace, so that it and all it started end together.

    setpriv has the kernel kill unshare when the owner's thread ends, however it ends; --kill-child passes it on.
    `audit` is a path of its own tree.
    """
    as_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    namespaces = ["unshare", *as_user, "--mount", "--propagation=private", "--pid", "--fork", "--kill-child=KILL"]
    return ["setpriv", "--pdeathsig=KILL", *namespaces, "sh", str(LAUNCH), str(root), str(run), str(audit or "")]


def _child(launcher: asyncio.subprocess.Process) -> int | None:
    """The process that the launcher waits for; None before it is there and after its end."""
    try:
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    except FileNotFoundError:
        return None
    return int(children[0]) if children else None


def _claim() -> Network:
    """A network of our own; what owners that were killed have left behind is swept away."""
    RUNS.mkdir(mode=0o700, exist_ok=True)
    for leftover in RUNS.iterdir():
        if network := try_claim(leftover.name):
            shutil.rmtree(leftover, ignore_errors=True)
            network.release()
    return claim_network()
