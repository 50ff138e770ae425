"""`python -m bench.strangers`: the post-dial delay without and with strangers who hold connections to the REST API.

Blocks of calls without and with them take turns, in the order without, with, with, without, so that neither what else
the machine does nor a trend in it meets only one side. Exit status 0 when no call failed: no figure makes a run fail.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from statistics import median, quantiles
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.__main__ import allow_open_files
from bench.errors import BenchError
from bench.load import run_block
from bench.plan import CALM, TALK_MS
from bench.run import warm_up
from bench.screen import Screen
from bench.stage import Stage, Way, stage
from sandbox.errors import SandboxError

IDLE, SLOW = 2000, 300
TURNS: Final = (False, True, True, False)
WARM_UP: Final = 40


@dataclass(slots=True)
class Side:
    """The calls of one side: the delays of those that went through, and how many did not."""

    delays_ms: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def median_ms(self) -> float:
        """The delay that half of the calls did not exceed."""
        return median(self.delays_ms)

    @property
    def p90_ms(self) -> float:
        """The delay that nine of ten calls did not exceed."""
        return quantiles(self.delays_ms, n=10, method="inclusive")[-1]


@dataclass(slots=True)
class Measured:
    """Both sides. `held`: the fewest strangers that were connected at any time of each block with them."""

    without: Side = field(default_factory=Side)
    beside: Side = field(default_factory=Side)
    held: list[int] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every call went through."""
        return not self.without.failed and not self.beside.failed


@asynccontextmanager
async def strangers(address: str, idle: int, slow: int, held: list[int]) -> AsyncIterator[None]:
    """They are connected within the block, in a process of their own; at its end `held` has how many stayed."""
    asked = (sys.executable, "-m", "bench.idlers", address, "--idle", str(idle), "--slow", str(slow))
    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig=KILL", *asked, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None, "stdout is a pipe"
    try:
        if (await process.stdout.readline()).strip() != b"open":  # it has a time limit of its own
            raise BenchError(f"The strangers did not come to be connected to {address}.")
        yield
        process.terminate()
        held.append(int(await process.stdout.readline()))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def measure(screen: Screen, blocks: int, calls: int, idle: int, slow: int) -> Measured:
    """`blocks` of so many calls on each side. Raises BenchError, SandboxError."""
    measured = Measured()
    async with AsyncExitStack() as stack:
        async with screen.step("Starting Asterisk, the router, the phones and the API", 4):
            up = await stack.enter_async_context(stage(web_connections=idle + slow + 100))
        address = up.router.web_url.removeprefix("http://")
        await warm_up(up, Way.ROUTER, WARM_UP, screen)
        async with strangers(address, idle, slow, []):
            await warm_up(up, Way.ROUTER, WARM_UP, screen)
        for number, is_beside in enumerate(islice(cycle(TURNS), 2 * blocks), start=1):
            async with AsyncExitStack() as block:
                if is_beside:
                    await block.enter_async_context(strangers(address, idle, slow, measured.held))
                side = measured.beside if is_beside else measured.without
                what = f"block {number} of {2 * blocks}, {'beside' if is_beside else 'without'} strangers"
                async with screen.step(what, calls / CALM + TALK_MS / 1000):
                    await _block(up, side, calls, what, screen)
    return measured


async def _block(up: Stage, side: Side, calls: int, what: str, screen: Screen) -> None:
    block = await run_block(up, Way.ROUTER, rate=CALM, calls=calls)
    side.delays_ms += block.delays_ms
    side.failed += block.failed
    delays = f"median {median(block.delays_ms):.1f} ms" if block.delays_ms else "no call went through"
    screen.say(f"{what}: {delays}" + (f"; {block.failed} failed. {block.failure}" if block.failed else ""))


def table(measured: Measured, idle: int, slow: int) -> Table:
    """Both sides, and the ratio."""
    sides = (measured.without, measured.beside)
    title = f"Post-dial delay beside {idle:,} idle and {slow:,} slow connections to the REST API"
    told = Table(title=title, caption=f"connected at any time of a block: at least {min(measured.held):,}")
    for heading in ("figure", "without", "beside", "ratio"):
        told.add_column(heading, justify="left" if heading == "figure" else "right")
    told.add_row("calls, failed", *(f"{len(side.delays_ms) + side.failed}, {side.failed}" for side in sides), "")
    if all(len(side.delays_ms) > 1 for side in sides):
        _compare(told, "median, ms", [side.median_ms for side in sides])
        _compare(told, "p90, ms", [side.p90_ms for side in sides])
    return told


def _compare(told: Table, name: str, figures: Sequence[float]) -> None:
    without, beside = figures
    told.add_row(name, f"{without:.1f}", f"{beside:.1f}", f"{beside / without:.2f}")


def main() -> int:
    """Measure and print; gives the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m bench.strangers", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--blocks", type=int, default=6, help="blocks of calls on each side")
    arguments.add_argument("--calls", type=int, default=20, help="calls of a block")
    arguments.add_argument("--idle", type=int, default=IDLE, help="connections that send nothing")
    arguments.add_argument("--slow", type=int, default=SLOW, help="connections that send a byte each second")
    given = arguments.parse_args()
    allow_open_files()
    console = Console()
    try:
        with Screen(console) as screen:
            measured = asyncio.run(measure(screen, given.blocks, given.calls, given.idle, given.slow))
    except (BenchError, SandboxError) as error:
        console.print(f"[bold red]The run failed:[/] {error}")
        return 1
    console.print(table(measured, given.idle, given.slow))
    return 0 if measured.is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
