"""The run: all ways in turns, then calls held at once, then the search for the highest rate of each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bench.api import SLOW_S
from bench.clicks import click
from bench.held import Held, hold
from bench.leftovers import leftovers
from bench.load import Block, measuring_floor_ms, run_block, run_callers
from bench.plan import BUSY, CALM, HOLD_RATE, TALK_MS, WARM_UP_RATE, Plan
from bench.ramp import highest_rate, is_held
from bench.results import Delay, Ramp, RampStep, Results, WayResult, cpu_of, delay, delay_of
from bench.screen import Screen
from bench.stage import Returning, Stage, Way, stage

FASTEST: Final = 600
"""The search ends here at the latest."""

FIRST_TRY: Final = BUSY * 3 // 2

TALK_S: Final = TALK_MS / 1000
SHORT_TALK_MS: Final = 100


@dataclass(slots=True)
class Measurements:
    """What has been measured so far."""

    asterisk_version: str = ""
    floor_ms: list[float] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    held: dict[Way, Held] = field(default_factory=dict)
    ramps: dict[Way, Ramp] = field(default_factory=dict)
    returning: dict[Returning, Delay] = field(default_factory=dict)
    clicks: Delay = field(default_factory=lambda: delay([]))
    problems: list[str] = field(default_factory=list)

    def results(self, *, started_at: str, quick: bool, machine: Mapping[str, str]) -> Results:
        """Sum up."""
        return Results(
            started_at=started_at,
            quick=quick,
            machine=machine,
            floor=delay(self.floor_ms),
            ways={way: self._way(way) for way in Way},
            returning=self.returning,
            clicks=self.clicks,
            problems=self.problems,
        )

    def _way(self, way: Way) -> WayResult:
        rates = sorted({block.rate for block in self.blocks})
        by_rate = {rate: [block for block in self.blocks if block.way is way and block.rate == rate] for rate in rates}
        return WayResult(
            delay={rate: delay_of(blocks) for rate, blocks in by_rate.items()},
            cpu_ms_per_call={rate: cpu_of(blocks) for rate, blocks in by_rate.items()},
            held=self.held[way],
            ramp=self.ramps[way],
        )


async def measure(plan: Plan, screen: Screen) -> Measurements:
    """The whole run. Raises BenchError when nothing can be said, SandboxError when the stage can't be set up."""
    measured = Measurements()
    async with opened(screen) as up:
        measured.asterisk_version = (await up.asterisk.cli("core show version")).split()[1].partition("+")[0]
        await _steady(up, plan, screen, measured)
        await _returning(up, plan, screen, measured)
        await _clicks(up, plan, screen, measured)
    for way in Way:
        async with opened(screen) as up:
            await _held(up, way, plan, screen, measured)
            measured.ramps[way] = await _ramp(up, way, plan, screen)
    for way in (Way.ROUTER, Way.AGI):
        _note(measured, screen, measured.ramps[way].left_behind)
    return measured


@asynccontextmanager
async def opened(screen: Screen) -> AsyncIterator[Stage]:
    """A stage, with its setting up shown."""
    async with AsyncExitStack() as stack:
        async with screen.step("Starting Asterisk, the router, the phones and the API", 4):
            up = await stack.enter_async_context(stage())
        yield up


async def warm_up(up: Stage, way: Way, calls: int, screen: Screen) -> None:
    """The first calls load code, open connections and fill caches: they belong to no measurement."""
    async with screen.step(f"Warming up: {way.value}", calls / WARM_UP_RATE + TALK_S):
        await run_block(up, way, rate=WARM_UP_RATE, calls=calls)


async def _steady(up: Stage, plan: Plan, screen: Screen, measured: Measurements) -> None:
    """All ways in turns, so that whatever else the machine does meets all of them."""
    measured.floor_ms = await measuring_floor_ms(up)
    for way in Way:
        await warm_up(up, way, plan.warm_up, screen)
    for turn in range(1, plan.rounds + 1):
        for rate, calls in plan.calls.items():
            for way in Way:
                what = f"{rate} calls a second, {way.value}, round {turn} of {plan.rounds}"
                async with screen.step(what, calls / rate + TALK_S):
                    block = await run_block(up, way, rate=rate, calls=calls)
                measured.blocks.append(block)
                screen.say(f"{what}: {_short(delay_of([block]))}")
                if block.failed:
                    _note(measured, screen, [f"{block.failed} of {calls} calls failed ({what}). {block.failure}"])
    _note(measured, screen, await leftovers(up))


async def _returning(up: Stage, plan: Plan, screen: Screen, measured: Measurements) -> None:
    """Each way gets its callers twice: the first time the router learns where they belong, and everything warms up."""
    for way in Returning:
        callers = up.new_callers(plan.returning)
        what = f"returning callers, API at {SLOW_S * 1000:.0f} ms, {way.value}"
        async with screen.step(what, len(callers) * (1 / WARM_UP_RATE + 1 / CALM) + 2 * TALK_S):
            await run_callers(up, way, callers, rate=WARM_UP_RATE)
            block = await run_callers(up, way, callers, rate=CALM)
        measured.returning[way] = delay_of([block])
        screen.say(f"{what}: {_short(measured.returning[way])}")
        if block.failed:
            _note(measured, screen, [f"{block.failed} of {len(callers)} calls failed ({what}). {block.failure}"])
    _note(measured, screen, await leftovers(up))


async def _clicks(up: Stage, plan: Plan, screen: Screen, measured: Measurements) -> None:
    """Calls that are asked for; a few before them warm everything up."""
    warm_up, what = min(plan.clicks, CALM), f"click to dial, {CALM} a second"
    async with screen.step(what, (warm_up + plan.clicks) / CALM + 2 * TALK_S):
        await click(up, warm_up)
        clicks = await click(up, plan.clicks)
    measured.clicks = delay(clicks.delays_ms, clicks.failed)
    screen.say(f"{what}: {_short(measured.clicks)}")
    if clicks.failed:
        _note(measured, screen, [f"in {clicks.failed} of {plan.clicks} calls that were asked for, nobody spoke"])
    _note(measured, screen, await leftovers(up))


async def _held(up: Stage, way: Way, plan: Plan, screen: Screen, measured: Measurements) -> None:
    """Few calls at a time before: memory that was once taken for many would be there already."""
    what = f"{plan.held} calls at once, {way.value}"
    async with screen.step(what, plan.warm_up / HOLD_RATE + 2 * plan.held / HOLD_RATE + 4 * TALK_S):
        await run_block(up, way, rate=HOLD_RATE, calls=plan.warm_up, talk_ms=SHORT_TALK_MS)
        measured.held[way] = await hold(up, way, plan.held)
    screen.say(f"{what}: all bridged")
    _note(measured, screen, await leftovers(up))


async def _ramp(up: Stage, way: Way, plan: Plan, screen: Screen) -> Ramp:
    """Search for the highest rate. After each rate everything must be gone before the next one is tried."""
    steps: list[RampStep] = []
    left_behind: list[str] = []

    async def holds(rate: int) -> bool:
        what = f"{rate} calls a second, {way.value}: does it hold?"
        for _ in range(plan.tries):
            async with screen.step(what, plan.step_s + TALK_S):
                block = await run_block(up, way, rate=rate, calls=round(rate * plan.step_s))
            left = await leftovers(up)
            left_behind.extend(f"{thing} after {rate} calls a second" for thing in left)
            steps.append(_step(block))
            screen.say(f"{what} {'yes' if steps[-1].held else 'no'}, {_short(delay_of([block]))}")
            if block.failed:
                screen.say(f"  {block.failure}")
            if steps[-1].held or left:
                break
        return steps[-1].held and not left_behind

    best = await highest_rate(holds, start=FIRST_TRY, limit=FASTEST, precision=plan.precision)
    return Ramp(highest_rate=best, steps=steps, left_behind=left_behind)


def _step(block: Block) -> RampStep:
    calls, failed, rate = len(block.calls), block.failed, block.rate
    placed, backlog_ms = block.placed_rate, block.backlog_ms
    held = is_held(calls=calls, failed=failed, rate=rate, placed_rate=placed, backlog_ms=backlog_ms)
    return RampStep(rate=rate, placed_rate=placed, backlog_ms=backlog_ms, calls=calls, failed=failed, held=held)


def _note(measured: Measurements, screen: Screen, problems: Sequence[str]) -> None:
    """Each is told at once: should the run break off, one knows what went before."""
    for problem in problems:
        screen.say(f"[bold red]Problem:[/] {problem}")
        measured.problems.append(problem)


def _short(figures: Delay) -> str:
    if not figures.calls:
        return f"all {figures.failed} calls failed"
    return f"median {figures.median_ms:.1f} ms, p99 {figures.p99_ms:.1f} ms, {figures.failed} failed"
