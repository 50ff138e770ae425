"""Reads a configuration in a process of its own, so that the calls of this one don't wait for it.

A file of 5,000 users takes four seconds. In a thread of this process every step of every call came 5 ms late
meanwhile, and some of them 0.3 s: docs/decisions/0012.
"""

import asyncio
import os
import pickle
import sys
from pathlib import Path
from typing import Final

from agi_router.document import ConfigError, Position, Problem
from ari_app.settings import Settings, load_settings

LONGEST_S: Final = 60.0
NICENESS: Final = 10
"""Calls come first, also where there is one processor."""


async def read_settings(path: Path) -> Settings:
    """As `load_settings`, in the environment of this process; raises ConfigError also when the reading breaks off."""
    try:
        written = await _other_process(path)
    except TimeoutError:
        raise _broken_off(path, f"reading it took more than {LONGEST_S:.0f} s; is the machine overloaded?") from None
    except OSError as error:
        raise _broken_off(path, f"no process could be started to read it: {error.strerror or error}") from error
    # Our own process wrote it. In a thread, for a large configuration takes its time here, too.
    try:
        read = await asyncio.to_thread(pickle.loads, written)
    except Exception as error:
        raise _broken_off(
            path, f"it was read by another version of agi-router than the one that runs ({error!r}); restart the router"
        ) from error
    if not isinstance(read, Settings):
        raise ConfigError(read)
    return read


async def _other_process(path: Path) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__, str(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            written, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
        status = await process.wait()
    if status != 0:
        how = f"was killed by signal {-status}" if status < 0 else "failed"
        raise _broken_off(
            path, f"the process that read it {how}; is there memory enough? The router's log may say more"
        )
    return written


def _broken_off(path: Path, message: str) -> ConfigError:
    return ConfigError([Problem(Position(str(path), 1), "", message)])


def _write(path: Path) -> None:
    """The other process: the settings, or the tuple of problems, to standard output."""
    os.nice(NICENESS)
    try:
        read: Settings | tuple[Problem, ...] = load_settings(path)
    except ConfigError as error:
        read = error.problems
    sys.stdout.buffer.write(pickle.dumps(read))


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
