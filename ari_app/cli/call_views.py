"""`agi-router calls`: the log as a table, and one call step by step."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import CommandError
from ari_app.cli.output import console, print_json
from ari_app.domain.record import CallRecord, Direction, Disposition, fold
from ari_app.domain.story import Line, printable, story
from ari_app.settings import load_settings
from ari_app.storage.call_reader import read_calls
from ari_app.storage.codec import StoredEvent
from ari_app.storage.settings import StorageSettings

_STYLES = {
    Disposition.IN_PROGRESS: "cyan",
    Disposition.ANSWERED: "green",
    Disposition.ABANDONED: "yellow",
    Disposition.REJECTED: "yellow",
    Disposition.TO_DIALPLAN: "yellow",
    Disposition.TO_VOICEMAIL: "yellow",
    Disposition.FAILED: "red",
    Disposition.INTERRUPTED: "red",
    Disposition.AGENT_UNREACHED: "yellow",
    Disposition.CUSTOMER_UNREACHED: "yellow",
}
# A narrow terminal shows fewer columns, and of the id its random part, which `calls` takes as well.
_WIDE = 150
_NARROW = 92
_SHORT_ID = 12
# Each column with the width in characters from which it is shown.
_COLUMNS = (
    ("from", 0),
    ("to", 106),
    ("route", _NARROW),
    ("disposition", 0),
    ("answered by", 0),
    ("ring s", 116),
    ("talk s", 0),
    ("error", 132),
)
_FOLDED = {"route", "answered by", "error"}
_MOST_CANDIDATES = 5


def show_calls(config: Path, limit: int, *, as_json: bool) -> None:
    """The newest calls. Raises ConfigError and StorageError."""
    records = asyncio.run(_recent(load_settings(config).storage, limit))
    if as_json:
        print_json([record_json(record) for record in records])
    elif records:
        terminal = console()
        terminal.print(_table(records, terminal.width))
    else:
        console().print("no calls on record yet")


def show_call(config: Path, wanted: str, *, as_json: bool) -> None:
    """One call, its trace line by line. Raises CommandError when no call or several calls have this id."""
    call_id, history = asyncio.run(_history(load_settings(config).storage, wanted))
    record = fold(call_id, (stored.event for stored in history if stored.event is not None))
    if as_json:
        print_json({"call": record_json(record), "events": [_event_json(*told) for told in _told(call_id, history)]})
        return
    terminal = console()
    terminal.print(_head(record), soft_wrap=True)
    lines = [line for _, line in _told(call_id, history)]
    if terminal.is_terminal:
        terminal.print(_trace(lines))
    else:  # one line each, for grep
        for line in lines:
            terminal.print(Text("  ".join((*_times(line), line.text))), soft_wrap=True)


def _trace(lines: Sequence[Line]) -> Table:
    table = Table.grid(padding=(0, 2))
    for line in lines:
        clock, offset = _times(line)
        table.add_row(Text(clock, "dim"), Text(offset, "dim"), Text(line.text, overflow="fold"))
    return table


def _times(line: Line) -> tuple[str, str]:
    return f"{line.at.astimezone():%H:%M:%S.%f}"[:-3], f"{line.offset_s * 1000:+9.0f} ms"


async def _recent(settings: StorageSettings, limit: int) -> Sequence[CallRecord]:
    async with read_calls(settings) as calls:
        return await calls.recent(limit)


async def _history(settings: StorageSettings, wanted: str) -> tuple[str, Sequence[StoredEvent]]:
    async with read_calls(settings) as calls:
        candidates = await calls.matching(wanted, _MOST_CANDIDATES)
        exact = [record for record in candidates if record.call_id == wanted]
        match exact or candidates:
            case [record]:
                return record.call_id, await calls.history(record.call_id)
            case []:
                raise CommandError(
                    f"no call on record has an id that begins with {printable(wanted)}",
                    "agi-router calls shows the newest ones; --limit 1000 shows more of them.",
                )
            case several:
                raise CommandError(
                    f"several calls have an id that begins with {printable(wanted)}",
                    f"Give more of it: {', '.join(record.call_id for record in several)}.",
                )


def _told(call_id: str, history: Sequence[StoredEvent]) -> Iterator[tuple[StoredEvent, Line]]:
    """Every stored event with its line; one that only a newer version understands is shown as it is stored."""
    lines = story(call_id, (stored.event for stored in history if stored.event is not None))
    for stored in history:
        if stored.event is not None:
            yield stored, next(lines)
        else:
            text = printable(f"{stored.type} (of a newer version): {dict(stored.data)}")
            yield stored, Line(stored.at, (stored.at - history[0].at).total_seconds(), text)


def record_json(record: CallRecord) -> dict[str, Any]:
    """The record as programs get it, with the lengths of its parts in seconds."""
    lengths = {"ring_s": _ring_s(record), "talk_s": record.talk_s, "total_s": record.total_s}
    return asdict(record) | {name: None if value is None else round(value, 3) for name, value in lengths.items()}


def _event_json(stored: StoredEvent, line: Line) -> dict[str, Any]:
    offset_ms = round(line.offset_s * 1000, 3)
    return {"at": stored.at, "offset_ms": offset_ms, "type": stored.type, "text": line.text, **stored.data}


def _ring_s(record: CallRecord) -> float | None:
    """Seconds that the caller heard ringing: from the arrival to the answer, or to the end."""
    until = record.answered_at or record.ended_at
    return (until - record.started_at).total_seconds() if until and record.started_at else None


def _head(record: CallRecord) -> Text:
    caller = "withheld" if record.caller_withheld else record.caller_number or "no number"
    if record.direction is Direction.OUTBOUND:
        caller = f"{record.caller_name or record.agent} (out)"
    started = f"{record.started_at.astimezone():%Y-%m-%d %H:%M:%S %Z}" if record.started_at else "start unseen"
    return Text.assemble(
        (f"call {record.call_id}", "bold"),
        f"  {started}  {printable(caller)} -> {printable(record.called_number) or '-'}  ",
        f"route {printable(record.route) or '-'}  ",
        (record.disposition.value, _STYLES[record.disposition]),
    )


def _table(records: Sequence[CallRecord], width: int) -> Table:
    zones = {f"{record.started_at.astimezone():%Z}" for record in records if record.started_at}
    zone = zones.pop() if len(zones) == 1 else ""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", no_wrap=True)
    table.add_column(f"time {zone}".strip(), no_wrap=True)
    for heading, least_width in _COLUMNS:
        if width >= least_width:
            justify: JustifyMethod = "right" if heading.endswith(" s") else "left"
            table.add_column(heading, justify=justify, overflow="fold", no_wrap=heading not in _FOLDED)
    form = "%H:%M:%S" if width < _NARROW else "%Y-%m-%d %H:%M:%S"
    form += "" if zone else " %Z"
    for record in records:
        cells = [_cell(record, heading) for heading, least_width in _COLUMNS if width >= least_width]
        call_id = Text(printable(record.call_id if width >= _WIDE else record.call_id[-_SHORT_ID:]))
        table.add_row(call_id, _time(record.started_at, form), *cells)
    return table


def _cell(record: CallRecord, heading: str) -> Text:
    match heading:
        case "from":
            agent = f"{record.caller_name or record.agent} (out)" if record.direction is Direction.OUTBOUND else ""
            text = "withheld" if record.caller_withheld else agent or record.caller_number
        case "to":
            text = record.called_number
        case "route":
            text = f"{record.route} (closed)" if record.closed_by else record.route
        case "disposition":
            return Text(record.disposition.value, style=_STYLES[record.disposition])
        case "answered by":
            text = record.answered_by.removeprefix("PJSIP/")
        case "ring s":
            text = _seconds(_ring_s(record))
        case "talk s":
            text = _seconds(record.talk_s)
        case _:
            text = record.error_code
    return Text(printable(text) or "-")


def _time(at: datetime | None, form: str) -> str:
    return "-" if at is None else format(at.astimezone(), form)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
