"""The figures as tables for a terminal."""

from rich.console import Console
from rich.table import Table

from bench.plan import BUSY, CALM
from bench.results import Delay, Goal, Results, WayResult, goals
from bench.stage import Returning, Way

HIGHER_IS_BETTER = "highest rate held"


def show(console: Console, results: Results) -> None:
    """Print the comparison, the goals, and what was wrong."""
    console.print(comparison(results))
    console.print(goal_table(goals(results)))
    if results.problems:
        console.print(
            f"[bold red]The run failed:[/] {len(results.problems)} problems, the first: {results.problems[0]}"
        )


def comparison(results: Results) -> Table:
    """Both ways side by side, and the router's ratio to the native dialplan."""
    native, router = results[Way.NATIVE], results[Way.ROUTER]
    title = "The router beside the native dialplan" + (" (quick run: coarse figures)" if results.quick else "")
    table = Table(title=title)
    table.add_column("figure")
    for heading in ("native", "router", "ratio"):
        table.add_column(heading, justify="right")
    for rate in (CALM, BUSY):
        for name, unit in (("median_ms", "median"), ("p95_ms", "p95"), ("p99_ms", "p99")):
            ours, theirs = getattr(router.delay[rate], name), getattr(native.delay[rate], name)
            table.add_row(
                f"post-dial delay at {rate}/s, {unit}, ms", f"{theirs:.1f}", f"{ours:.1f}", ratio(ours, theirs)
            )
        table.add_row(f"calls at {rate}/s, failed", _calls(native.delay[rate]), _calls(router.delay[rate]), "")
    for way in (Returning.CREATED, Returning.RUNG):
        theirs, ours = results.returning[Returning.NATIVE].median_ms, results.returning[way].median_ms
        name = f"post-dial delay, API slow, caller known, {way.value}, median, ms"
        table.add_row(name, f"{theirs:.1f}", f"{ours:.1f}", ratio(ours, theirs))
    table.add_row("click to dial, request to first INVITE, median, ms", "-", f"{results.clicks.median_ms:.1f}", "")
    table.add_row("click to dial, calls, failed", "-", _calls(results.clicks), "")
    table.add_row(
        f"{HIGHER_IS_BETTER}, calls/s",
        str(native.ramp.highest_rate),
        str(router.ramp.highest_rate),
        ratio(router.ramp.highest_rate, native.ramp.highest_rate),
    )
    ours_cpu, theirs_cpu = router.cpu_ms_per_call[BUSY], native.cpu_ms_per_call[BUSY]
    table.add_row("CPU per call, the app, ms", "-", f"{ours_cpu.app:.1f}", "")
    table.add_row(
        "CPU per call, Asterisk, ms",
        f"{theirs_cpu.asterisk:.1f}",
        f"{ours_cpu.asterisk:.1f}",
        ratio(ours_cpu.asterisk, theirs_cpu.asterisk),
    )
    table.add_row("calls held at once, all bridged", str(native.held.calls), str(router.held.calls), "")
    table.add_row("Asterisk's memory per held call, KB", _asterisk_kb(native), _asterisk_kb(router), "")
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


def _calls(delay: Delay) -> str:
    return f"{delay.calls + delay.failed}, {delay.failed}"


def _asterisk_kb(way: WayResult) -> str:
    return f"{(way.held.asterisk_holding_kb - way.held.asterisk_at_rest_kb) / way.held.calls:.0f}"
