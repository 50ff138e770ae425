"""What is written of a run: latest.json, the tables and the drawing."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.console import Console

from bench.chart import WIDTH, chart
from bench.held import Held
from bench.results import Cpu, Delay, Ramp, RampStep, Results, WayResult, goals, to_json, write_json
from bench.stage import Returning, Way
from bench.table import show

SVG = "{http://www.w3.org/2000/svg}"


def way(median_ms: float, app: float, highest: int) -> WayResult:
    figures = Delay(calls=400, failed=0, median_ms=median_ms, p95_ms=median_ms * 1.2, p99_ms=median_ms * 1.5)
    cpu = Cpu(app=app, asterisk=10.0, api=0.5)
    step = RampStep(rate=highest, placed_rate=highest - 0.1, backlog_ms=12.0, calls=1000, failed=0, held=True)
    return WayResult(
        delay={5: figures, 80: figures},
        cpu_ms_per_call={5: cpu, 80: cpu},
        held=Held(
            calls=200,
            app_at_rest_kb=80_000,
            app_holding_kb=84_000,
            asterisk_at_rest_kb=100_000,
            asterisk_holding_kb=150_000,
        ),
        ramp=Ramp(highest_rate=highest, steps=[step], left_behind=[]),
    )


def known(median_ms: float) -> Delay:
    return Delay(calls=100, failed=0, median_ms=median_ms, p95_ms=median_ms * 1.2, p99_ms=median_ms * 1.5)


RESULTS = Results(
    started_at="2026-11-21T02:00:00+00:00",
    quick=False,
    machine={"cpu": "2 x <Fast & Small>", "asterisk": "22.10.1"},
    floor=Delay(calls=40, failed=0, median_ms=0.07, p95_ms=0.13, p99_ms=0.14),
    ways={Way.NATIVE: way(10.0, 0.0, 240), Way.ROUTER: way(11.0, 3.1, 120), Way.AGI: way(9.0, 2.0, 250)},
    returning={returning: known(ms) for returning, ms in zip(Returning, (104.0, 105.0, 5.0), strict=True)},
    clicks=known(6.5),
)


def met(results: Results) -> Mapping[str, bool]:
    return {goal.name: goal.met for goal in goals(results)}


def test_goals_are_ratios_to_the_native_dialplan_of_the_same_run() -> None:
    verdicts = met(RESULTS)
    assert not verdicts["post-dial delay at 5/s, median, ratio"]
    assert verdicts["post-dial delay at 80/s, median, ratio"]
    assert not verdicts["highest rate held, ratio"]
    assert not verdicts["CPU of the router per call, ms"]
    assert verdicts["memory of the router per live call, KB"]
    assert not verdicts["delay of a returning caller, created ahead, ratio"]
    assert verdicts["delay of a returning caller, rung ahead, ratio"]
    assert verdicts["click to dial, request to first INVITE, median, ms"]


def test_the_agi_door_has_goals_of_its_own() -> None:
    agi = RESULTS[Way.AGI]
    slower = replace(RESULTS, ways={**RESULTS.ways, Way.AGI: replace(agi, ramp=replace(agi.ramp, highest_rate=230))})
    assert met(RESULTS)["AGI door: highest rate held, ratio"]
    assert not met(slower)["AGI door: highest rate held, ratio"]
    assert met(RESULTS)["AGI door: post-dial delay at 5/s, median, ratio"]


def test_what_an_overload_leaves_behind_misses_its_goal() -> None:
    router = RESULTS[Way.ROUTER]
    leaking = replace(router, ramp=replace(router.ramp, left_behind=["2 channels"]))
    assert met(RESULTS)["left behind by overload"]
    assert not met(replace(RESULTS, ways={**RESULTS.ways, Way.ROUTER: leaking}))["left behind by overload"]


def test_the_document_has_every_figure_under_its_name(tmp_path: Path) -> None:
    write_json(replace(RESULTS, problems=["1 of 100 calls failed"]), tmp_path / "new" / "latest.json")
    document = json.loads((tmp_path / "new" / "latest.json").read_text())
    assert document["schema"] == 1
    assert document["ways"]["router"]["delay"]["80"]["median_ms"] == 11.0
    assert document["ways"]["native"]["ramp"]["steps"][0]["held"] is True
    assert document["returning"]["rung ahead"]["median_ms"] == 5.0
    assert document["click_to_dial"]["median_ms"] == 6.5
    assert document["goals"][2] == {
        "name": "post-dial delay at 80/s, median, ratio",
        "value": 1.1,
        "at_most": 1.1,
        "at_least": None,
        "met": True,
    }
    assert document["problems"] == ["1 of 100 calls failed"]


def test_every_member_of_the_document_is_described() -> None:
    description = (Path(__file__).parents[2] / "docs" / "bench.md").read_text()

    def names(value: object) -> set[str]:
        if isinstance(value, dict):
            inner = set().union(*map(names, value.values())) if value else set()
            return {str(name) for name in value if not str(name).isdigit()} | inner
        return set().union(*map(names, value)) if isinstance(value, list) else set()

    missing = {name for name in names(to_json(RESULTS)) if f"`{name}`" not in description}
    assert missing == set()


def test_the_tables_show_all_ways_their_ratio_and_the_verdicts() -> None:
    console = Console(record=True, width=140, force_terminal=False)
    show(console, RESULTS)
    text = console.export_text()
    median = next(line for line in text.splitlines() if "delay at 80/s, median, ms" in line)
    assert [cell.strip() for cell in median.split("│")[2:7]] == ["10.0", "11.0", "1.10", "9.0", "0.90"]
    assert "missed" in text
    assert "met" in text


def test_the_chart_is_an_svg_whose_bars_are_to_scale_and_inside_the_page() -> None:
    svg = ET.fromstring(chart(RESULTS))
    bars = [bar for bar in svg.iter(f"{SVG}rect") if bar.get("height") == "14"]
    native, router, agi = (float(bar.get("width", "")) for bar in bars[:3])
    assert abs(router / native - 1.1) < 0.01
    assert abs(agi / native - 0.9) < 0.01
    assert all(float(bar.get("x", "")) + float(bar.get("width", "")) <= WIDTH for bar in bars)
    text = " ".join("".join(element.itertext()) for element in svg.iter(f"{SVG}text"))
    assert "2 x <Fast & Small>" in text
    assert "11.0 ms   (1.10 x native)" in text
