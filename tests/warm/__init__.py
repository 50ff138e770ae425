"""Processes of `agi-router` that are spared the second of imports: forks of a Python that has them behind it.

The same goes for modules of the tests that use the router's parts in a process of their own. A fork has its own
arguments, environment, folder, files and exit status, and ends as any interpreter does.
What it has not is a start of its own: tests that are about this start run the installed command.
"""

import asyncio
import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).parents[2]


class Process:
    """A fork that runs the command; what asyncio.subprocess.Process offers, without streams."""

    def __init__(self, pid: int, told: socket.socket) -> None:
        self.pid = pid
        self._told = told
        self._returncode: int | None = None

    @property
    def returncode(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        if self._returncode is None:
            try:
                self._note(self._told.recv(16))
            except BlockingIOError:
                return None
        return self._returncode

    async def wait(self) -> int:
        """Wait for the end; the `returncode`. One waiter at a time."""
        if self._returncode is None:
            self._note(await asyncio.get_running_loop().sock_recv(self._told, 16))
        assert self._returncode is not None
        return self._returncode

    def send_signal(self, number: int) -> None:
        """Raises ProcessLookupError after its end."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def _note(self, told: bytes) -> None:
        self._told.close()
        self._returncode = int(told or -signal.SIGKILL)  # forks don't outlive what forked them


async def start(
    *words: str,
    stdout: IO[bytes] | int,
    stderr: IO[bytes] | int,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    module: str = "",
) -> Process:
    """Run `agi-router`, or this module, with these words; its output goes to open files or descriptors."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {
        "argv": ["agi-router", *words],
        "environment": dict(os.environ if environment is None else environment),
        "folder": str(folder or Path.cwd()),
        "module": module,
    }
    with theirs:
        descriptors = [file if isinstance(file, int) else file.fileno() for file in (stdout, stderr, theirs)]
        socket.send_fds(_warm(), [json.dumps(request).encode()], descriptors)
    ours.setblocking(False)
    try:
        pid = await asyncio.get_running_loop().sock_recv(ours, 16)
    except BaseException:
        ours.close()
        raise
    return Process(int(pid), ours)


@functools.cache
def _warm() -> socket.socket:
    """Where the one that forks takes requests; it ends when this process does, and with it all its forks."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        python = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,  # the interpreter and rich look once whether that is a file or a terminal
            stderr=subprocess.PIPE,
            cwd=REPOSITORY,
            env={name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}},
            start_new_session=True,  # Ctrl-C is for the tests
        )
    atexit.register(_end, python, ours)
    return ours


def _end(python: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    python.communicate()
