"""A part of the demo in a process of its own: started, listened to, and missed when it is gone."""

import asyncio
import contextlib
import os
import signal
import sys
from types import TracebackType
from typing import Self

from sandbox.demo.reports import Report, What, read
from sandbox.errors import SandboxError

START_DEADLINE_S = 120.0
"""Its end is seen at once: this is for a machine that is busy with everything else that starts."""


class PartLostError(SandboxError):
    """A part of the demo ended without having been told to."""


class Part:
    """`python -m module arguments`, up between `async with` and its end. It dies with its owner.

    `reports` is what it told since the last `forget`.
    """

    def __init__(self, name: str, module: str, *arguments: str) -> None:
        self.name = name
        self.reports: list[Report] = []
        self._command = (sys.executable, "-m", module, *arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._is_silent = False
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it; `ready` waits until it can be used."""
        self._is_silent = False
        self._process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig=KILL", *self._command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the demo, which ends its parts in order
        )
        self._listening = asyncio.create_task(self._listen(self._process), name=f"listening to {self.name}")

    async def ready(self) -> None:
        """Wait until it can be used. Raises PartLostError when that takes too long, or it ends before."""
        if not await self.told("ready", START_DEADLINE_S):
            how = "ended while it was starting" if self._is_silent else f"did not start within {START_DEADLINE_S:g} s"
            raise PartLostError(f"{self.name} {how}.")

    async def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
            await self._listening

    @property
    def pid(self) -> int | None:
        """Its process id; None when it is stopped."""
        return None if self._process is None else self._process.pid

    def forget(self) -> None:
        """A new call begins."""
        self.reports.clear()

    def saw(self, what: What) -> Report | None:
        """The first such report, None when there is none."""
        return next((report for report in self.reports if report.what == what), None)

    async def told(self, what: What, timeout_s: float) -> bool:
        """Whether it has told this, or does so in time and before its end."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._is_silent or self.saw(what) is not None)
        except TimeoutError:
            return False
        return self.saw(what) is not None

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None, "its standard output is a pipe"
        async for line in process.stdout:
            async with self._changed:
                self.reports.append(read(line))
                self._changed.notify_all()
        async with self._changed:
            self._is_silent = True
            self._changed.notify_all()


async def loss(name: str, pid: int) -> str:
    """Wait until this process is gone; gives a sentence that says so."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return f"{name} (process {pid}) is gone."
    try:
        loop.add_reader(process, ended.set)
        await ended.wait()
    finally:
        loop.remove_reader(process)
        os.close(process)
    return f"{name} (process {pid}) is gone."
