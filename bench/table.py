"""The figures as tables for a terminal."""

from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from bench.plan import BUSY, CALM
from bench.results import Delay, Goal, Results, WayResult, goals
from bench.stage import Returning, Way

HIGHER_IS_BETTER = "highest rate held"
DOORS = {Way.ROUTER: "ARI door", Way.AGI: "AGI door"}


def show(console: Console, results: Results) -> None:
    """Print the comparison, the goals, and what was wrong."""
    console.print(comparison(results))
    console.print(goal_table(goals(results)))
    if results.problems:
        console.print(
            f"[bold red]The run failed:[/] {len(results.problems)} problems, the first: {results.problems[0]}"
        )


def comparison(results: Results) -> Table:
    """All ways side by side, and the ratio of each door to the native dialplan."""
    native = results[Way.NATIVE]
    doors = [results[door] for door in DOORS]
    title = "The router beside the native dialplan" + (" (quick run: coarse figures)" if results.quick else "")
    table = Table(title=title)
    table.add_column("figure")
    for heading in ("native", *(text for door in DOORS.values() for text in (door, "ratio"))):
        table.add_column(heading, justify="right")

    def compare(name: str, figure: Callable[[WayResult], float], form: str = ".1f") -> None:
        theirs = figure(native)
        cells = [text for door in doors for text in (f"{figure(door):{form}}", ratio(figure(door), theirs))]
        table.add_row(name, f"{theirs:{form}}", *cells)

    def tell(name: str, figure: Callable[[WayResult], str], theirs: str = "") -> None:
        cells = [text for door in doors for text in (figure(door), "")]
        table.add_row(name, theirs or figure(native), *cells)

    for rate in (CALM, BUSY):
        for unit in ("median", "p95", "p99"):
            compare(f"post-dial delay at {rate}/s, {unit}, ms", _delay_ms(rate, unit))
        tell(f"calls at {rate}/s, failed", _calls_at(rate))
    for way in (Returning.CREATED, Returning.RUNG):
        theirs, ours = results.returning[Returning.NATIVE].median_ms, results.returning[way].median_ms
        name = f"post-dial delay, API slow, caller known, {way.value}, median, ms"
        table.add_row(name, f"{theirs:.1f}", f"{ours:.1f}", ratio(ours, theirs))
    table.add_row("click to dial, request to first INVITE, median, ms", "-", f"{results.clicks.median_ms:.1f}", "")
    table.add_row("click to dial, calls, failed", "-", _calls(results.clicks), "")
    compare(f"{HIGHER_IS_BETTER}, calls/s", lambda way: way.ramp.highest_rate, "d")
    tell("CPU per call, the app, ms", lambda way: f"{way.cpu_ms_per_call[BUSY].app:.1f}", theirs="-")
    compare("CPU per call, Asterisk, ms", lambda way: way.cpu_ms_per_call[BUSY].asterisk)
    tell("calls held at once, all bridged", lambda way: str(way.held.calls))
    tell("Asterisk's memory per held call, KB", _asterisk_kb)
    return table


def goal_table(reached: list[Goal]) -> Table:
    """Each goal with its figure."""
    table = Table(title="Goals")
    table.add_column("figure")
    for heading in ("goal", "value", ""):
        table.add_column(heading, justify="right")
    for goal in reached:
        verdict = "[green]met[/]" if goal.met else "[yellow]missed[/]"
        table.add_row(goal.name, goal.bound, f"{goal.value:.2f}", verdict)
    return table


def ratio(ours: float, theirs: float) -> str:
    """ "1.04": the router's figure is so many times the native dialplan's."""
    return f"{ours / theirs:.2f}" if theirs else "-"


def _delay_ms(rate: int, unit: str) -> Callable[[WayResult], float]:
    return lambda way: float(getattr(way.delay[rate], f"{unit}_ms"))


def _calls_at(rate: int) -> Callable[[WayResult], str]:
    return lambda way: _calls(way.delay[rate])


def _calls(delay: Delay) -> str:
    return f"{delay.calls + delay.failed}, {delay.failed}"


def _asterisk_kb(way: WayResult) -> str:
    return f"{(way.held.asterisk_holding_kb - way.held.asterisk_at_rest_kb) / way.held.calls:.0f}"
