"""Runs tests on a machine that is busier than it is: each of their processes is stopped for a moment, now and then.

    python -m tests.shake pytest -n 3 -m long tests/system/test_agi.py

What fails there asks for more speed or another order than anything promises. A process that a test itself has stopped
stays so, but for the rare one that is stopped in the moment in which this one is about to let it go on.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

SHORTEST_S, LONGEST_S = 0.02, 0.3
PAUSE_S: Final = 0.3
RUNS: Final = frozenset("RSD")
"""The states of a process (proc(5)) that is neither stopped nor gone."""


def main(command: list[str]) -> int:
    """Run this, and give its exit code."""
    seed = random.randrange(10**6)
    print(f"shaken by seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    with subprocess.Popen(command) as running:
        while running.poll() is None:
            by_name: dict[str, list[int]] = {}
            for pid, name in descendants(running.pid):
                by_name.setdefault(name, []).append(pid)
            if by_name:  # of all names alike: there are more workers than Asterisks
                stop(chance.choice(by_name[chance.choice(list(by_name))]), chance.uniform(SHORTEST_S, LONGEST_S))
            time.sleep(chance.uniform(0, 2 * PAUSE_S))
    return running.returncode


def stop(pid: int, seconds: float) -> None:
    """For so long, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """The processes below this one that run, with their names."""
    children: dict[int, list[tuple[int, str, str]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            before, _, after = path.read_text().rpartition(")")
            state, parent = after.split()[:2]
            children.setdefault(int(parent), []).append((int(path.parent.name), before.partition("(")[2], state))
    waiting = [pid]
    while waiting:
        for child, name, state in children.get(waiting.pop(), ()):
            waiting.append(child)
            if state in RUNS:
                yield child, name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
