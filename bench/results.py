"""The figures of a run: what each way came to, their ratios, and the goals. docs/bench.md describes latest.json."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from bench.held import Held
from bench.load import Block
from bench.plan import BUSY, CALM
from bench.stage import Returning, Way

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Post-dial delay in milliseconds, over the `calls` that went through."""

    calls: int
    failed: int
    median_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """CPU time per call, in milliseconds. The API's is told to show that it does not distort the rest."""

    app: float
    asterisk: float
    api: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RampStep:
    """One rate that was tried. `backlog_ms` is the post-dial delay that the last calls had."""

    rate: int
    placed_rate: float
    backlog_ms: float
    calls: int
    failed: int
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """The search for the highest rate; `left_behind` tells what its overload leaked."""

    highest_rate: int
    steps: Sequence[RampStep]
    left_behind: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WayResult:
    """All figures of one way; `delay` and `cpu_ms_per_call` by rate."""

    delay: Mapping[int, Delay]
    cpu_ms_per_call: Mapping[int, Cpu]
    held: Held
    ramp: Ramp


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure, and the bound that it is hoped to keep."""

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool:
        """Whether the figure, as it is printed, keeps its bound."""
        value = round(self.value, 2)
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)

    @property
    def bound(self) -> str:
        """The bound in a few characters."""
        return f"≤ {self.at_most:g}" if self.at_most is not None else f"≥ {self.at_least:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run; `machine` says where the absolute figures hold. `problems` are what makes it fail.

    `clicks` are the calls that were asked for: from the request to the first INVITE.
    """

    started_at: str
    quick: bool
    machine: Mapping[str, str]
    floor: Delay
    ways: Mapping[Way, WayResult]
    returning: Mapping[Returning, Delay]
    clicks: Delay
    problems: Sequence[str] = field(default=())

    def __getitem__(self, way: Way) -> WayResult:
        return self.ways[way]


def delay(delays_ms: Sequence[float], failed: int = 0) -> Delay:
    """Sum up delays; quantiles lie between the two nearest calls. Without any call all figures are infinite."""
    if len(delays_ms) < 2:
        only = delays_ms[0] if delays_ms else float("inf")
        return Delay(calls=len(delays_ms), failed=failed, median_ms=only, p95_ms=only, p99_ms=only)
    hundredths = quantiles(delays_ms, n=100, method="inclusive")
    return Delay(
        calls=len(delays_ms), failed=failed, median_ms=median(delays_ms), p95_ms=hundredths[94], p99_ms=hundredths[98]
    )


def delay_of(blocks: Iterable[Block]) -> Delay:
    """All calls of these blocks together."""
    blocks = list(blocks)
    return delay([ms for block in blocks for ms in block.delays_ms], sum(block.failed for block in blocks))


def cpu_of(blocks: Iterable[Block]) -> Cpu:
    """CPU time per call over these blocks."""
    blocks = list(blocks)
    calls = sum(len(block.calls) for block in blocks)
    return Cpu(
        app=1000 * sum(block.cpu.app for block in blocks) / calls,
        asterisk=1000 * sum(block.cpu.asterisk for block in blocks) / calls,
        api=1000 * sum(block.cpu.api for block in blocks) / calls,
    )


def goals(results: Results) -> list[Goal]:
    """The router's figures against their bounds; ratios are against the native dialplan of the same run."""
    native, router, agi = results[Way.NATIVE], results[Way.ROUTER], results[Way.AGI]

    def slower(rate: int, figure: str, door: WayResult = router) -> float:
        ours, theirs = getattr(door.delay[rate], figure), getattr(native.delay[rate], figure)
        return float(ours / theirs)

    def returning(way: Returning) -> float:
        return results.returning[way].median_ms / results.returning[Returning.NATIVE].median_ms

    at_rest_mb = router.held.app_at_rest_kb / 1024
    per_call_kb = (router.held.app_holding_kb - router.held.app_at_rest_kb) / router.held.calls
    return [
        Goal(name=f"post-dial delay at {CALM}/s, median, ratio", value=slower(CALM, "median_ms"), at_most=1.0),
        Goal(name=f"post-dial delay at {CALM}/s, p99, ratio", value=slower(CALM, "p99_ms"), at_most=1.0),
        Goal(name=f"post-dial delay at {BUSY}/s, median, ratio", value=slower(BUSY, "median_ms"), at_most=1.1),
        Goal(name=f"post-dial delay at {BUSY}/s, p99, ratio", value=slower(BUSY, "p99_ms"), at_most=1.1),
        Goal(name="delay of a returning caller, created ahead, ratio", value=returning(Returning.CREATED), at_most=1.0),
        Goal(name="delay of a returning caller, rung ahead, ratio", value=returning(Returning.RUNG), at_most=0.1),
        Goal(name="click to dial, request to first INVITE, median, ms", value=results.clicks.median_ms, at_most=10),
        Goal(name="highest rate held, ratio", value=highest_rate_ratio(results, Way.ROUTER), at_least=0.67),
        Goal(name="left behind by overload", value=len(router.ramp.left_behind), at_most=0),
        Goal(name="CPU of the router per call, ms", value=router.cpu_ms_per_call[BUSY].app, at_most=3.0),
        Goal(name="memory of the router at rest, MB", value=at_rest_mb, at_most=100),
        Goal(name="memory of the router per live call, KB", value=per_call_kb, at_most=50),
        Goal(
            name=f"AGI door: post-dial delay at {CALM}/s, median, ratio",
            value=slower(CALM, "median_ms", agi),
            at_most=1.0,
        ),
        Goal(name=f"AGI door: post-dial delay at {CALM}/s, p99, ratio", value=slower(CALM, "p99_ms", agi), at_most=1.0),
        Goal(
            name=f"AGI door: post-dial delay at {BUSY}/s, median, ratio",
            value=slower(BUSY, "median_ms", agi),
            at_most=1.1,
        ),
        Goal(name=f"AGI door: post-dial delay at {BUSY}/s, p99, ratio", value=slower(BUSY, "p99_ms", agi), at_most=1.1),
        Goal(name="AGI door: highest rate held, ratio", value=highest_rate_ratio(results, Way.AGI), at_least=1.0),
        Goal(name="AGI door: left behind by overload", value=len(agi.ramp.left_behind), at_most=0),
        Goal(name="AGI door: CPU of the router per call, ms", value=agi.cpu_ms_per_call[BUSY].app, at_most=3.0),
    ]


def highest_rate_ratio(results: Results, door: Way) -> float:
    """This door's highest rate as a share of the native dialplan's."""
    native = results[Way.NATIVE].ramp.highest_rate
    return results[door].ramp.highest_rate / native if native else float("inf")


def write_json(results: Results, path: Path) -> None:
    """Write latest.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(to_json(results), indent=2, ensure_ascii=False) + "\n")


def to_json(results: Results) -> dict[str, Any]:
    """The document of docs/bench.md."""
    return {
        "schema": SCHEMA,
        "started_at": results.started_at,
        "quick": results.quick,
        "machine": dict(results.machine),
        "measuring_floor": _rounded(asdict(results.floor)),
        "ways": {way.value: _rounded(asdict(figures)) for way, figures in results.ways.items()},
        "returning": {way.value: _rounded(asdict(figures)) for way, figures in results.returning.items()},
        "click_to_dial": _rounded(asdict(results.clicks)),
        "goals": [_rounded({**asdict(goal), "met": goal.met}) for goal in goals(results)],
        "problems": list(results.problems),
    }


def _rounded(value: Any) -> Any:
    """Figures as precise as they mean something; keys as JSON wants them."""
    match value:
        case bool():
            return value
        case float():
            return round(value, 3)
        case dict():
            return {str(key): _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
        case _:
            return value
