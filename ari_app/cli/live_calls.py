"""`agi-router live` and `agi-router steer`: the calls that go on right now, and what is done to one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import Status, unfound
from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.story import printable
from ari_app.live.steering import LONGEST_ANSWER_S
from ari_app.settings import load_control


def show_live(config: Path, *, as_json: bool) -> None:
    """The live calls. Raises CommandError when no router runs, ControlError when it does not answer."""
    calls = _asked(config, "live", {})["calls"]
    if as_json:
        print_json(calls)
    elif calls:
        console().print(_table(calls))
    else:
        console().print("no live calls")


def steer_call(config: Path, call_id: str, action: str, value: str, party: str) -> None:
    """Have this done. Raises CommandError when no router runs, ControlError when it can't be done."""
    _asked(config, "steer", {"call_id": call_id, "action": action, "value": value, "party": party})


def _asked(config: Path, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return ask(load_control(config), command, LONGEST_ANSWER_S, arguments)
    except NoRouterError as error:
        raise unfound(config, error, error.remedy, Status.FAILED) from None


def _table(calls: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "for", "state", "from", "to", "parties", "recording"):
        table.add_column(column, no_wrap=column in {"id", "for"})
    for call in calls:
        recording = f"{call['recording']}{', paused' if call['recording_paused'] else ''}" if call["recording"] else ""
        parties = "\n".join(_party(party) for party in call["parties"])
        cells = (
            call["call_id"],
            _age(call["began_at"]),
            f"{call['direction']}, {call['state']}",
            call["caller_number"] or call["caller_name"] or "-",
            call["called_number"] or "-",
        )
        table.add_row(*(Text(printable(cell)) for cell in cells), Text(parties), Text(printable(recording)))
    return table


def _party(party: Mapping[str, Any]) -> str:
    """ "leg-1 PJSIP/ada up, holds, muted"."""
    marks = [party["state"], *(mark for mark in ("holds", "muted") if party[mark])]
    return printable(f"{party['party']} {party['endpoint']} {', '.join(marks)}")


def _age(began_at: str) -> str:
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(began_at)).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"
