"""`agi-router calls`: the log as a table, and one call step by step."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from agi_router.directory.directory import Directory
from ari_app.cli.options import read_options
from ari_app.cli.outcome import CommandError
from ari_app.cli.output import console, print_json
from ari_app.domain.call_log import StoredEvent
from ari_app.domain.history import CallFilter, Order
from ari_app.domain.record import CallRecord, Direction, Disposition, fold
from ari_app.domain.story import Line, told
from ari_app.domain.wording import printable
from ari_app.settings import Settings, load_settings
from ari_app.storage.call_reader import read_calls, reading
from ari_app.storage.history import StoredHistory
from ari_app.storage.settings import StorageSettings
from ari_app.web.call_filter import WantedCalls
from ari_app.web.shapes import OF_CALL
from ari_app.web.spreadsheet import as_csv
from ari_app.wire.calls import Call

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
    Disposition.UNANSWERED: "yellow",
}
# A narrow terminal shows fewer columns, and of the id its random part, which `calls` takes as well.
_WIDE = 150
_NARROW = 92
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


def show_calls(config: Path, asked: Mapping[str, Any], limit: int, *, as_json: bool) -> None:
    """The newest calls of those that are asked for. Raises ConfigError, StorageError, and CommandError."""
    settings = load_settings(config)
    records = asyncio.run(_found(settings.storage, _filter(asked, settings), limit))
    if as_json:
        print_json([record_json(record) for record in records])
    elif records:
        terminal = console()
        terminal.print(_table(records, terminal.width))
    else:
        console().print("no calls like that on record" if asked else "no calls on record yet")


def print_csv(config: Path, asked: Mapping[str, Any], limit: int | None) -> None:
    """The same calls for a spreadsheet, all of them where there is no limit."""
    settings = load_settings(config)
    asyncio.run(_write_csv(settings.storage, _filter(asked, settings), limit))


def _filter(asked: Mapping[str, Any], settings: Settings) -> CallFilter:
    routing = settings.routing
    directory = Directory(routing.users, (), routing.policy)
    return read_options(
        WantedCalls,
        asked,
        lambda given: given.wanted(routing.policy.region, directory.user_called),
        command="agi-router calls",
    )


def show_call(config: Path, wanted: str, *, as_json: bool) -> None:
    """One call, its trace line by line. Raises CommandError when no call or several calls have this id."""
    record, history = asyncio.run(_history(load_settings(config).storage, wanted))
    steps = list(told(record.call_id, history))
    if as_json:
        print_json({"call": record_json(record), "events": [_event_json(*each) for each in steps]})
        return
    terminal = console()
    terminal.print(_head(record), soft_wrap=True)
    lines = [line for _, line in steps]
    if not lines:
        terminal.print(f"Asterisk carried it without the router: {_carried(record)}", soft_wrap=True)
    elif terminal.is_terminal:
        terminal.print(_trace(lines))
    else:  # one line each, for grep
        for line in lines:
            terminal.print(Text("  ".join((*_times(line), line.text))), soft_wrap=True)


def _carried(record: CallRecord) -> str:
    """What came of a call of which there are no steps, for the router only heard of it."""
    if record.talk_s is None:
        return record.reason or record.disposition.value
    return f"{printable(record.answered_by)} answered after {record.ring_s or 0:.1f} s, {record.talk_s:.1f} s of talk"


def _trace(lines: Sequence[Line]) -> Table:
    table = Table.grid(padding=(0, 2))
    for line in lines:
        clock, offset = _times(line)
        table.add_row(Text(clock, "dim"), Text(offset, "dim"), Text(line.text, overflow="fold"))
    return table


def _times(line: Line) -> tuple[str, str]:
    return f"{line.at.astimezone():%H:%M:%S.%f}"[:-3], f"{line.offset_s * 1000:+9.0f} ms"


async def _found(settings: StorageSettings, wanted: CallFilter, limit: int) -> Sequence[CallRecord]:
    return [record async for record in _newest(settings, wanted, limit)]


async def _newest(settings: StorageSettings, wanted: CallFilter, limit: int | None) -> AsyncGenerator[CallRecord, None]:
    async with reading(settings) as engine:
        count = 0
        async for record in StoredHistory(engine).every_call(wanted, Order.NEWEST_FIRST):
            yield record
            count += 1
            if count == limit:
                return


async def _write_csv(settings: StorageSettings, wanted: CallFilter, limit: int | None) -> None:
    async with aclosing(_newest(settings, wanted, limit)) as records:
        async for lines in as_csv(OF_CALL, (Call.model_validate(record) async for record in records)):
            sys.stdout.write(lines)


async def _history(settings: StorageSettings, wanted: str) -> tuple[CallRecord, Sequence[StoredEvent]]:
    record = await matching_call(settings, wanted)
    async with read_calls(settings) as calls:
        history = await calls.history(record.call_id)
    events = [stored.event for stored in history if stored.event is not None]
    return (fold(record.call_id, events) if history else record), history


async def matching_call(settings: StorageSettings, wanted: str) -> CallRecord:
    """The call with this id, or the only one whose id begins so. Raises CommandError when there is none, or several."""
    async with read_calls(settings) as calls:
        candidates = await calls.matching(wanted, _MOST_CANDIDATES)
    exact = [record for record in candidates if record.call_id == wanted]
    match exact or candidates:
        case [record]:
            return record
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


def record_json(record: CallRecord) -> dict[str, Any]:
    """The record as programs get it, with the lengths of its parts in seconds."""
    lengths = {"ring_s": record.ring_s, "talk_s": record.talk_s, "total_s": record.total_s}
    return asdict(record) | {name: None if value is None else round(value, 3) for name, value in lengths.items()}


def _event_json(stored: StoredEvent, line: Line) -> dict[str, Any]:
    offset_ms = round(line.offset_s * 1000, 3)
    return {"at": stored.at, "offset_ms": offset_ms, "type": stored.type, "text": line.text, **stored.data}


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
        call_id = Text(printable(record.call_id if width >= _WIDE else record.call_id.rpartition("-")[2]))
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
            text = _seconds(record.ring_s)
        case "talk s":
            text = _seconds(record.talk_s)
        case _:
            text = record.error_code
    return Text(printable(text) or "-")


def _time(at: datetime | None, form: str) -> str:
    return "-" if at is None else format(at.astimezone(), form)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
