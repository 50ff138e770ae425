"""`agi-router policy`: the counters of the dial policy, and whether a number would be dialled now.

The running router is asked; without one the counters are those that it has left in the database.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import typer
from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import CommandError, Status, tell
from ari_app.cli.output import console, errors, print_json
from ari_app.cli.rules import from_database
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.settings import load_control, load_settings

_STYLES: Final = {"free": "", "near": "yellow", "reached": "bold red"}
_SCOPES: Final = {"limits": "all calls", "route_limits": "route", "key_limits": "API key"}


def show_policy(config: Path, number: str, route: str, key: str, *, as_json: bool) -> None:
    """Print the counters, or the verdict on `number` ("": none). Exits with FAILED when that would not be dialled."""
    if (route or key) and not number:
        raise CommandError(
            "--route and --key go with a NUMBER", "Write one: agi-router policy +14155550177", Status.USAGE
        )
    arguments = {"number": number, "route": route, "key": key}
    try:
        told = {"from": "router", **ask(load_control(config), "policy", arguments=arguments)}
    except NoRouterError:
        told = {"from": "database", **asyncio.run(from_database(load_settings(config), arguments))}
    if as_json:
        print_json(told)
    elif number:
        _show_verdict(told)
    else:
        _show_counters(told)
    if number and not told["allowed"]:
        raise typer.Exit(Status.FAILED)


def _show_counters(told: Mapping[str, Any]) -> None:
    table = Table(box=None)
    table.add_column("of")
    table.add_column("")
    table.add_column("now", justify="right")
    table.add_column("limit", justify="right")
    table.add_column("")
    for (scope, name), counts in groupby(told["counters"], key=lambda count: (count["scope"], count["name"])):
        whose = f"{_SCOPES[scope]} {name}".strip()
        for count in counts:
            limit = "none" if count["limit"] is None else f"{count['limit']:,}"
            cells = (whose, count["measure"].replace("_", " "), f"{count['value']:,.4g}", limit, _remark(count))
            table.add_row(*(Text(printable(cell)) for cell in cells), style=_STYLES[count["state"]])
            whose = ""
    console().print(table)
    if told["from"] == "database":
        errors.print("no router runs: these are the counters that it has left in the database", style="yellow")


def _remark(count: Mapping[str, Any]) -> str:
    remarks = [str(count["number"])] if count["number"] else []
    if count["state"] == "reached":
        room = count["room_at"]
        until = "one of them ends" if room is None else f"{datetime.fromisoformat(room):%Y-%m-%d %H:%M:%S} UTC"
        remarks.append(f"reached, until {until}")
    elif count["state"] == "near":
        remarks.append("near")
    return ", ".join(remarks)


def _show_verdict(told: Mapping[str, Any]) -> None:
    if told["allowed"]:
        console().print(Text(printable(f"{told['number']} would be dialled now"), style="green"))
        return
    error = told["error"]
    tell(printable(f"{told['number']} is not dialled: {error['message']} [{error['code']}]"), error["remedy"])
