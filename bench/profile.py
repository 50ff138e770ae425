"""`python -m bench.profile`: where the router's time goes, by its CPU and by the clock.

Writes profile.txt (functions and libraries by CPU time, and the phases of a call's setup) and profile.svg, a flame
graph, into bench/results.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.__main__ import RESULTS, allow_open_files
from bench.errors import BenchError
from bench.load import Block, run_block
from bench.phases import phase_table, traced
from bench.plan import BUSY, CALM, FULL
from bench.results import Cpu, cpu_of
from bench.run import opened, warm_up
from bench.screen import Screen
from bench.stacks import Stack, by_self, by_total, library, listing
from bench.stage import Stage, Way
from sandbox.errors import SandboxError

PROFILED_S: Final = 15
SAMPLES_PER_S: Final = 100
CALM_CALLS: Final = 50
ROWS: Final = 45


def main() -> int:
    """Profile, print, write; gives the exit status."""
    allow_open_files()
    console = Console()
    RESULTS.mkdir(exist_ok=True)
    try:
        with Screen(console) as screen:
            report = asyncio.run(profile(screen, RESULTS))
    except (BenchError, SandboxError) as error:
        console.print(f"[bold red]The run failed:[/] {error}")
        return 1
    (RESULTS / "profile.txt").write_text(report)
    console.print(report, highlight=False, markup=False, soft_wrap=True)
    console.print(f"Written to {RESULTS}: profile.txt, profile.svg")
    return 0


async def profile(screen: Screen, folder: Path) -> str:
    """The whole measurement; the report's text. Leaves the flame graph in `folder`."""
    async with opened(screen) as up:
        await warm_up(up, Way.ROUTER, FULL.warm_up, screen)
        phases: list[str] = []
        listings: list[str] = []
        for rate, calls in ((CALM, CALM_CALLS), (BUSY, 5 * BUSY)):
            async with screen.step(f"Phases of a call at {rate} calls a second", calls / rate):
                block = await run_block(up, Way.ROUTER, rate=rate, calls=calls)
                table = phase_table(await traced(up, block.calls))
            cpu = cpu_of([block])
            phases.append(f"A call's setup at {rate} calls a second, {_told(cpu)}{_warning(block)}\n{table}")
            raw = up.folder / "stacks.txt"
            sampled = await _sample(up, screen, rate, "raw", raw)
            listings += _listings(_read(raw), cpu.app, f"at {rate} calls a second{_warning(sampled)}")
        await _sample(up, screen, BUSY, "flamegraph", folder / "profile.svg")
    return "\n\n".join((*phases, *listings)) + "\n"


def _told(cpu: Cpu) -> str:
    return f"CPU per call: router {cpu.app:.1f} ms, Asterisk {cpu.asterisk:.1f} ms"


def _warning(block: Block) -> str:
    """A router that refuses calls is another one than we want to know about."""
    if not block.failed:
        return ""
    return (
        f"\nWARNING: {block.failed} of {len(block.calls)} calls failed, so these figures are of a router that refuses "
        f"calls. The machine is slow or busy. {block.failure}"
    )


def _listings(stacks: list[Stack], ms_per_call: float, at: str) -> list[str]:
    samples = sum(stack.samples for stack in stacks)
    if not samples:
        raise BenchError("The profiler saw nothing. Run make profile as the user who owns the router, or as root.")
    return [
        listing(f"CPU by library, itself, {at}", by_self(stacks, library), samples, ms_per_call, ROWS),
        listing(f"CPU by library, with what it calls, {at}", by_total(stacks, library), samples, ms_per_call, ROWS),
        listing(f"CPU by function, itself, {at}", by_self(stacks), samples, ms_per_call, ROWS),
        listing(f"CPU by function, with what it calls, {at}", by_total(stacks), samples, ms_per_call, 2 * ROWS),
    ]


def _read(raw: Path) -> list[Stack]:
    return [Stack.read(line) for line in raw.read_text().splitlines()]


async def _sample(up: Stage, screen: Screen, rate: int, form: str, output: Path) -> Block:
    """Load the router, and have py-spy look at its stacks meanwhile."""
    async with screen.step(f"Profiling at {rate} calls a second ({form})", PROFILED_S):
        loading = asyncio.create_task(run_block(up, Way.ROUTER, rate=rate, calls=rate * (PROFILED_S + 2)))
        await asyncio.sleep(1)
        sampler = await asyncio.create_subprocess_exec(
            *(
                str(Path(sys.executable).with_name("py-spy")),
                "record",
                "--pid",
                str(up.router.pid),
                "--function",
                "--nonblocking",
            ),
            *("--rate", str(SAMPLES_PER_S), "--duration", str(PROFILED_S), "--format", form, "--output", str(output)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, told = await sampler.communicate()
        block = await loading
    if sampler.returncode != 0:
        raise BenchError(f"py-spy ended with status {sampler.returncode}: {told.decode(errors='replace')[-500:]}")
    return block


if __name__ == "__main__":
    sys.exit(main())
