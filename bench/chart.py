"""The figures as a drawing: a panel for each question, a bar for each way, in one SVG file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from bench.plan import BUSY, CALM
from bench.results import Results
from bench.stage import Way

WIDTH: Final = 860
MARGIN: Final = 32
LABELS: Final = 120  # where the bars begin, from the left of a panel
VALUES: Final = 200  # kept free for the figures, right of the longest bar
BAR: Final = 16
ROW_GAP: Final = 14
TITLE: Final = 30

INK, FAINT = "#1b1f24", "#57606a"
COLOURS: Final = {"native": "#8c959f", "router": "#0969da", "agi": "#1a7f37", "app": "#54aeff"}
FONT: Final = "font-family='Helvetica, Arial, sans-serif'"


@dataclass(frozen=True, slots=True)
class Bar:
    """Parts in a row, each with its colour's name; `text` stands behind them."""

    parts: Sequence[tuple[str, float]]
    text: str

    @property
    def length(self) -> float:
        """All parts together."""
        return sum(value for _, value in self.parts)


@dataclass(frozen=True, slots=True)
class Row:
    """What is compared, and a bar for each way."""

    label: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Panel:
    """One question; all its bars share a scale."""

    title: str
    rows: Sequence[Row]

    @property
    def height(self) -> float:
        """In pixels, with the gap below."""
        return TITLE + sum(len(row.bars) * BAR + ROW_GAP for row in self.rows) + 12


def chart(results: Results) -> str:
    """The SVG document."""
    return draw(
        "The router beside the native dialplan",
        f"{results.machine.get('cpu', '')}; Asterisk {results.machine.get('asterisk', '')}; "
        f"{results.started_at[:10]}{', quick run' if results.quick else ''}",
        [
            _delays(results, CALM),
            _delays(results, BUSY),
            _rates(results),
            _cpu(results),
        ],
    )


def draw(title: str, subtitle: str, panels: Sequence[Panel]) -> str:
    """Panels below each other, under a legend."""
    y = 96.0
    drawn: list[str] = []
    for panel in panels:
        drawn += _panel(panel, y)
        y += panel.height
    legend = [
        *_legend_entry(MARGIN, "native", "native dialplan: CURL() + Dial()"),
        *_legend_entry(MARGIN + 230, "router", "router, ARI door"),
        *_legend_entry(MARGIN + 370, "agi", "router, AGI door"),
        *_legend_entry(MARGIN + 510, "app", "of it, the router's own process"),
    ]
    return "\n".join(
        [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {y:.0f}' width='{WIDTH}' height='{y:.0f}'>",
            f"<rect width='{WIDTH}' height='{y:.0f}' fill='white'/>",
            _text(MARGIN, 36, title, size=20, weight="bold"),
            _text(MARGIN, 58, subtitle, size=12, fill=FAINT),
            *legend,
            *drawn,
            "</svg>\n",
        ]
    )


def _delays(results: Results, rate: int) -> Panel:
    rows = [
        _beside_native(label, {way: getattr(results[way].delay[rate], name) for way in Way}, "{:.1f} ms")
        for label, name in (("median", "median_ms"), ("95 %", "p95_ms"), ("99 %", "p99_ms"))
    ]
    return Panel(f"Post-dial delay at {rate} calls per second (shorter is better)", rows)


def _rates(results: Results) -> Panel:
    rates = {way: results[way].ramp.highest_rate for way in Way}
    return Panel("Highest rate held, calls per second (longer is better)", [_beside_native("", rates, "{:.0f}")])


def _cpu(results: Results) -> Panel:
    native = results[Way.NATIVE].cpu_ms_per_call[BUSY]
    bars = [Bar([("native", native.asterisk)], f"{native.asterisk:.1f} ms")]
    for way in (Way.ROUTER, Way.AGI):
        used = results[way].cpu_ms_per_call[BUSY]
        ours = f"{used.asterisk:.1f} + {used.app:.1f} ms"
        text = f"{ours}   ({_ratio(used.asterisk + used.app, native.asterisk)} x native)"
        bars.append(Bar([(way.value, used.asterisk), ("app", used.app)], text))
    return Panel(
        f"CPU time per call at {BUSY} calls per second: Asterisk + router (shorter is better)", [Row("", bars)]
    )


def _beside_native(label: str, figures: Mapping[Way, float], form: str) -> Row:
    native = figures[Way.NATIVE]
    told = {way: "" if way is Way.NATIVE else f"   ({_ratio(figures[way], native)} x native)" for way in figures}
    return Row(label, [Bar([(way.value, value)], form.format(value) + told[way]) for way, value in figures.items()])


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f}" if theirs else "-"


def _panel(panel: Panel, top: float) -> list[str]:
    longest = max((bar.length for row in panel.rows for bar in row.bars), default=0) or 1
    scale = (WIDTH - 2 * MARGIN - LABELS - VALUES) / longest
    drawn = [_text(MARGIN, top + 14, panel.title, size=14, weight="bold")]
    y = top + TITLE
    for row in panel.rows:
        drawn.append(_text(MARGIN + LABELS - 10, y + len(row.bars) * BAR / 2 + 4, row.label, size=12, anchor="end"))
        for bar in row.bars:
            x = float(MARGIN + LABELS)
            for colour, value in bar.parts:
                drawn.append(
                    f"<rect x='{x:.1f}' y='{y:.1f}' width='{value * scale:.1f}' height='{BAR - 2}' "
                    f"fill='{COLOURS[colour]}'/>"
                )
                x += value * scale
            drawn.append(_text(x + 8, y + BAR - 5, bar.text, size=12))
            y += BAR
        y += ROW_GAP
    return drawn


def _legend_entry(x: float, colour: str, label: str) -> list[str]:
    return [
        f"<rect x='{x}' y='70' width='12' height='12' fill='{COLOURS[colour]}'/>",
        _text(x + 18, 80, label, size=12, fill=FAINT),
    ]


def _text(
    x: float, y: float, content: str, *, size: int, weight: str = "normal", anchor: str = "start", fill: str = INK
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {FONT} font-size='{size}' font-weight='{weight}' text-anchor='{anchor}' "
        f"fill='{fill}' xml:space='preserve'>{escape(content)}</text>"
    )
