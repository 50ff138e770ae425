"""`agi-router history`: what the history does not know, and how it gets to know it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import Status, unfound
from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.gaps import Gap
from ari_app.settings import load_control, load_settings
from ari_app.storage.gaps import read_gaps

LONGEST_FILL_S = 600.0
"""A gap of days has many calls; nobody waits for it but whoever asked."""


def show_gaps(config: Path, limit: int, *, as_json: bool) -> None:
    """Print the newest gaps. Raises StorageError."""
    gaps = asyncio.run(_gaps(config, limit))
    if as_json:
        print_json({"gaps": [_json(gap) for gap in gaps]})
        return
    terminal = console()
    if not gaps:
        terminal.print("no gaps: Asterisk was heard all the time")
        return
    table = Table(box=None, header_style="dim")
    for column in ("from", "to", "length", "calls"):
        table.add_column(column)
    for gap in gaps:
        table.add_row(
            _moment(gap.began_at.isoformat()),
            _moment(gap.ended_at.isoformat()) if gap.ended_at else Text("still", "red"),
            "" if gap.ended_at is None else str(gap.ended_at - gap.began_at).partition(".")[0],
            Text(f"filled from {gap.source}", "green") if gap.filled else Text("missing", "yellow"),
        )
    terminal.print(table)


def fill_gaps(config: Path, *, as_json: bool) -> None:
    """Have the running router fill all gaps once more. Raises CommandError, or ControlError when it cannot."""
    try:
        answer = ask(load_control(config), "fill", LONGEST_FILL_S)
    except NoRouterError as error:
        remedy = f"Start one: agi-router --config {config} serve. It fills gaps by itself."
        raise unfound(config, error, remedy, Status.FAILED) from None
    if as_json:
        print_json(answer)
        return
    terminal = console()
    for filled in answer["filled"]:
        terminal.print(f"{_moment(filled['began_at'])} to {_moment(filled['ended_at'])}: {filled['calls']} calls")
    if not answer["filled"]:
        terminal.print("there is no gap that is over")


async def _gaps(config: Path, limit: int) -> Sequence[Gap]:
    return await read_gaps(load_settings(config).storage, limit)


def _json(gap: Gap) -> dict[str, object]:
    return {
        "began_at": gap.began_at.isoformat(),
        "ended_at": gap.ended_at and gap.ended_at.isoformat(),
        "filled": gap.filled,
        "source": gap.source,
    }


def _moment(iso: str) -> str:
    """As people read it, in UTC as all times are."""
    return iso[:19].replace("T", " ")
