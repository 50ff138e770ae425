"""`python -m bench [--quick]`: exit status 0 when every call came to its end, was bridged, and left nothing behind."""

import argparse
import asyncio
import os
import platform
import resource
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from bench.chart import chart
from bench.errors import BenchError
from bench.plan import FULL, QUICK
from bench.results import write_json
from bench.run import Measurements, measure
from bench.screen import Screen
from bench.table import show
from sandbox.errors import SandboxError

RESULTS = Path(__file__).with_name("results")
OPEN_FILES = 65_536


def main() -> int:
    """Measure, print, write; gives the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m bench", description="The router beside the native dialplan.")
    arguments.add_argument("--quick", action="store_true", help="fewer calls, coarse figures, about three minutes")
    arguments.add_argument("--results", type=Path, default=RESULTS, help="where latest.json and latest.svg go")
    given = arguments.parse_args()
    allow_open_files()
    console = Console()
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        with Screen(console) as screen:
            measured = asyncio.run(measure(QUICK if given.quick else FULL, screen))
    except (BenchError, SandboxError) as error:
        console.print(f"[bold red]The run failed:[/] {error}")
        return 1
    results = measured.results(started_at=started_at, quick=given.quick, machine=machine(measured))
    show(console, results)
    write_json(results, given.results / "latest.json")
    (given.results / "latest.svg").write_text(chart(results))
    console.print(f"Written to {given.results}: latest.json, latest.svg")
    return 1 if results.problems else 0


def allow_open_files() -> None:
    """Each call of the native dialplan and each channel takes some; the usual 1,024 end at a few hundred calls."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def machine(measured: Measurements) -> dict[str, str]:
    """Where these figures hold."""
    return {
        "cpu": f"{len(os.sched_getaffinity(0))} x {_cpu_model()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "asterisk": measured.asterisk_version,
        "router": version("agi-router"),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
