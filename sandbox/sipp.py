"""sipp: phones by the hundred, that follow a script (Debian package sip-tester)."""

import asyncio
import csv
import re
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sandbox.errors import SandboxError
from sandbox.layout import Layout, Peer, free_port, is_bound
from sandbox.patience import PATIENCE_S

SCENARIOS = Path(__file__).with_name("scenarios")
START_DEADLINE_S = 60.0
POLL_S = 0.01

HEADLINE = "The following events occurred:\n"
EVENT = re.compile(r"(?:\A|(?<=['.\n]))(?=\d{4}-\d\d-\d\d\t)")
CAME_AGAIN = re.compile(r"[^:]*:[^:]*:[^:]*: Dead call \S+ \(successful\), received ")
"""What is sent again, as its answer is late, is answered twice: the second time perhaps after the end of the call."""


@dataclass(frozen=True, slots=True)
class SippResult:
    """How many calls went by the script, and how many did not.

    `errors` tells what else came, in sipp's words; but for answers that came again after the end of a good call.
    """

    successful: int
    failed: int
    errors: str


class Sipp:
    """One sipp, up between `async with` and its end; then it is killed, and so it is when its owner is."""

    def __init__(self, scenario: str, *arguments: str, local: Peer) -> None:
        self._scenario = scenario
        self._arguments = arguments
        self._local = local

    @classmethod
    def caller(
        cls,
        layout: Layout,
        number: str,
        *,
        calls: int = 1,
        per_second: int = 10,
        at_once: int = 100,
        talk_ms: int = 100,
        caller: str = "+14155550177",
    ) -> Self:
        """Calls `number` as the carrier: so many calls, each of them waits for the answer and talks for `talk_ms`."""
        return cls(
            "caller",
            f"{layout.asterisk}:{layout.sip_port}",
            *("-s", number, "-key", "caller", caller, "-d", str(talk_ms)),
            *("-m", str(calls), "-r", str(per_second), "-l", str(at_once)),
            local=(layout.carrier, free_port(layout.carrier)),
        )

    @classmethod
    def provider(cls, layout: Layout, behaviour: Literal["answers", "busy"] = "answers") -> Self:
        """Is the provider behind endpoint `trunk`: answers all calls and echoes what it hears, or is always busy."""
        return cls(behaviour, "-rtp_echo", local=(layout.trunk, layout.trunk_port))

    @classmethod
    def texter(cls, layout: Layout, number: str, *, texts: int = 1, caller: str = "+14155550177") -> Self:
        """Sends so many text messages to `number` as the carrier, one after the other."""
        return cls(
            "texter",
            f"{layout.asterisk}:{layout.sip_port}",
            *("-s", number, "-key", "caller", caller, "-m", str(texts), "-l", "1"),
            local=(layout.carrier, free_port(layout.carrier)),
        )

    async def __aenter__(self) -> Self:
        if shutil.which("sipp") is None:
            raise SandboxError("sipp not found. Install with: sudo apt-get install sip-tester")
        address, port = self._local
        self._folder = Path(tempfile.mkdtemp(prefix="sipp-"))
        self._process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig=KILL", "sipp", *self._arguments, "-sf", str(SCENARIOS / f"{self._scenario}.xml")),
            *("-i", address, "-p", str(port), "-bind_local", "-mi", address, "-mp", str(free_port(address))),
            *("-ci", address, "-cp", str(free_port(address)), "-nostdin"),
            *("-trace_stat", "-stf", str(self._statistics), "-fd", "1"),
            *("-trace_err", "-error_file", str(self._errors)),
            *("-watchdog_interval", "0"),  # it takes a machine that is busy for too many calls, and at last gives up
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await self._wait_until_listening()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._leave()

    async def result(self, timeout_s: float = PATIENCE_S) -> SippResult:
        """Wait until a caller's calls are over. Raises SandboxError when that takes longer."""
        return await self._finished(timeout_s)

    async def finish(self, timeout_s: float = PATIENCE_S) -> SippResult:
        """Tell a provider to take no more calls, and wait for the end of those it has."""
        self._process.send_signal(signal.SIGUSR1)
        return await self._finished(timeout_s)

    @property
    def _statistics(self) -> Path:
        return self._folder / "statistics.csv"

    @property
    def _errors(self) -> Path:
        return self._folder / "errors.log"

    async def _finished(self, timeout_s: float) -> SippResult:
        try:
            async with asyncio.timeout(timeout_s):
                status = await self._process.wait()
        except TimeoutError:
            raise SandboxError(f"sipp's calls were not over within {timeout_s:g} s. {self._error_text()}") from None
        if not self._statistics.exists():
            raise SandboxError(f"sipp ended with status {status} before its first call. {self._error_text()}")
        with self._statistics.open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        return SippResult(int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]), self._error_text())

    def _error_text(self) -> str:
        if not self._errors.exists():
            return ""
        told = self._errors.read_text(errors="replace").removeprefix(HEADLINE)
        errors = "".join(event for event in EVENT.split(told) if not CAME_AGAIN.match(event))
        return f"{HEADLINE}{errors}" if errors else ""

    async def _wait_until_listening(self) -> None:
        async with asyncio.timeout(START_DEADLINE_S):
            while self._process.returncode is None and not is_bound(self._local):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(POLL_S)

    async def _leave(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        shutil.rmtree(self._folder)
