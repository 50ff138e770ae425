"""`agi-router crm status`: how the login of each CRM stands, and what to do where it does not."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from ari_app.app.crm import crm_memory
from ari_app.cli.contacts import phone_books, show_phone_book
from ari_app.cli.crm_leftovers import leftovers
from ari_app.cli.crm_named import unloaded_connectors
from ari_app.cli.output import console, print_json
from ari_app.cli.router_status import CRM_STATES
from ari_app.control.client import NoRouterError, ask
from ari_app.crm.connector import Connector
from ari_app.crm.told import connector_as_json
from ari_app.domain.wording import printable
from ari_app.live.crm_leftovers import what
from ari_app.logs import LogSettings, set_up_logs
from ari_app.settings import Settings, load_control, load_settings

_STYLES: Final = {"untried": "", "ok": "green", "needed": "yellow", "refused": "bold red"}


def show_crm_status(config: Path, *, as_json: bool) -> None:
    """By the running router; without one, what the configuration and the logins tell. Raises ControlError."""
    try:
        connectors: Sequence[Mapping[str, Any]] = ask(load_control(config), "crm")["connectors"]
        is_running = True
    except NoRouterError:
        set_up_logs(LogSettings(level="error"))
        connectors, is_running = asyncio.run(_alone(load_settings(config))), False
    books, left = phone_books(config), leftovers(config)
    if as_json:
        by_name = {book["connector"]: book for book in books}
        connectors = [{**each, "phone_book": by_name.get(each["name"])} for each in connectors]
        print_json({"running": is_running, "connectors": connectors, "leftovers": [asdict(each) for each in left]})
        return
    out = console()
    unloaded = unloaded_connectors(config, connectors) if is_running else ()
    for name in unloaded:
        out.print(
            Text(f"{name} is in the configuration, but not in the running router yet: restart it", style="yellow")
        )
    for each_left in left:
        name = each_left.connector
        told = f"{name} is not in the configuration, and of it there is {what(each_left)}: agi-router crm forget {name}"
        out.print(Text(printable(told), style="yellow"), soft_wrap=True)
    if not connectors:
        if not unloaded:
            out.print("no CRM is configured; docs/crm.md tells how to connect one")
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("name", "CRM", "login", "since (UTC)", "answered (UTC)"):
        table.add_column(column, overflow="fold", no_wrap=column not in {"name", "CRM"})
    for each in connectors:
        state = Text(CRM_STATES[each["state"]], style=_STYLES[each["state"]])
        since, answered = _minute(each["since"] if is_running else None), _minute(each["answered_at"])
        table.add_row(Text(each["name"]), Text(printable(each["title"])), state, since, answered)
    out.print(table)
    for each in connectors:
        if forms := each.get("matched_forms"):
            out.print(printable(f"{each['name']}: contacts were found by {_counted(forms)}"), markup=False)
        if doubt := each.get("doubt"):
            out.print(Text(printable(f"{each['name']}: {doubt}"), style="yellow"), soft_wrap=True)
        if each["remedy"]:
            out.print(Text(printable(f"{each['name']}: {each['remedy']}"), style="yellow"), soft_wrap=True)
        if (failure := each["failure"]) is not None:
            told = f"{each['name']}: at {_moment(each['failed_at'])} {failure['message']} [{failure['code']}]"
            out.print(Text(printable(told)), soft_wrap=True)
    for book in books:
        show_phone_book(book)
    if not is_running:
        out.print("no router runs: whether the CRMs let it in is seen when one does")


def _counted(forms: Mapping[str, int]) -> str:
    """The forms of numbers that the CRM knew, the most frequent first, which is asked first."""
    most_first = sorted(forms.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{form} ({count})" for form, count in most_first)


async def _alone(settings: Settings) -> list[dict[str, Any]]:
    async with crm_memory(settings) as (logins, grants):
        known = {login.connector: login for login in await logins.all()}
        return [
            connector_as_json(Connector(each, settings.routing.guard, grants, known.get(each.name)))
            for each in settings.crm.connectors
        ]


def _minute(iso: str | None) -> str:
    return "-" if iso is None else f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M}"


def _moment(iso: str | None) -> str:
    return "-" if iso is None else f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S} UTC"
