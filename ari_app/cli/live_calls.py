"""`agi-router live` and `agi-router steer`: the calls that go on right now, and what is done to one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from agi_router.document.problems import suggestion
from ari_app.cli.outcome import CommandError, Status, unfound
from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.live.steering import LONGEST_ANSWER_S, ActionName
from ari_app.settings import load_control

_ENOUGH: Final = 10_000
"""Columns that no table needs."""


def show_live(config: Path, *, as_json: bool) -> None:
    """The live calls. Raises CommandError when no router runs, ControlError when it does not answer."""
    calls = _asked(config, "live", {})["calls"]
    if as_json:
        print_json(calls)
    elif calls:
        _show(console(), calls)
    else:
        console().print("no live calls")


def steer_call(config: Path, call_id: str, action: str, value: str, party: str) -> None:
    """Have this done. Raises CommandError (wrong usage, no router runs), or ControlError when it can't be done."""
    if action not in (known := get_args(ActionName)):
        raise CommandError(
            f"{printable(action)} is no action{suggestion(action, known)}", "agi-router steer --help", Status.USAGE
        )
    if not call_id:
        raise CommandError("CALL is empty", "Give a live call's id: agi-router live shows them.", Status.USAGE)
    _asked(config, "steer", {"call_id": call_id, "action": action, "value": value, "party": party})


def _asked(config: Path, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return ask(load_control(config), command, LONGEST_ANSWER_S, arguments)
    except NoRouterError as error:
        raise unfound(config, error, error.remedy, Status.FAILED) from None


def _show(terminal: Console, calls: Sequence[Mapping[str, Any]]) -> None:
    """A table, or where that is too wide a few lines for each call: no name of a party may be cut."""
    table = _table(calls)
    if Measurement.get(terminal, terminal.options.update(max_width=_ENOUGH), table).maximum <= terminal.width:
        terminal.print(table)
        return
    for call in calls:
        first, age, state, caller, called = _cells(call)
        terminal.print(Text(f"{first}  {age}  {state}  {caller} -> {called}", "bold"), soft_wrap=True)
        recording = _recording(call)
        for line in [*map(_party, call["parties"]), *([f"recording {recording}"] if recording else [])]:
            terminal.print(Text(f"  {line}"), soft_wrap=True)


def _table(calls: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    recordings = [_recording(call) for call in calls]
    for column in ("id", "for", "state", "from", "to", "parties", *(["recording"] if any(recordings) else [])):
        table.add_column(column, no_wrap=True)
    for call, recording in zip(calls, recordings, strict=True):
        parties = "\n".join(map(_party, call["parties"]))
        table.add_row(*map(Text, (*_cells(call), parties)), *([Text(recording)] if any(recordings) else []))
    return table


def _cells(call: Mapping[str, Any]) -> Sequence[str]:
    return [
        printable(cell)
        for cell in (
            call["call_id"],
            _age(call["began_at"]),
            f"{call['direction']}, {call['state']}",
            call["caller_number"] or call["caller_name"] or "-",
            call["called_number"] or "-",
        )
    ]


def _recording(call: Mapping[str, Any]) -> str:
    paused = ", paused" if call["recording_paused"] else ""
    return printable(f"{call['recording']}{paused}") if call["recording"] else ""


def _party(party: Mapping[str, Any]) -> str:
    """ "leg-1 PJSIP/ada up, holds, muted"."""
    marks = [party["state"], *(mark for mark in ("holds", "muted") if party[mark])]
    return printable(f"{party['party']} {party['endpoint']} {', '.join(marks)}")


def _age(began_at: str) -> str:
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(began_at)).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"
