"""`agi-router crm users`: who of the directory the users of each CRM are, or what to do about it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import Status, unfound
from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.crm.user_map import CrmUserMap
from ari_app.domain.wording import printable
from ari_app.live.crm_users import LONGEST_ANSWER_S, crm_users_as_json, wanted_connectors
from ari_app.settings import load_control, load_settings
from ari_app.storage.crm_users import read_crm_users

_BY = {
    "crm_ids": "crm_ids of the configuration",
    "email": "its e-mail",
    "extension": "its extension",
    "phone": "its phone",
}


def show_users(config: Path, name: str, *, refresh: bool, as_json: bool) -> None:
    """Print them; by what the last router has kept where none runs.

    Raises CommandError when the CRM is to be asked and no router runs, ControlError when that comes to nothing,
    StorageError, and ConfigError.
    """
    try:
        arguments = {"connector": name, "refresh": refresh}
        answer = ask(load_control(config), "crm_users", LONGEST_ANSWER_S, arguments)
    except NoRouterError as error:
        if refresh:
            remedy = f"Start one, which reads them by itself: agi-router --config {config} serve"
            raise unfound(config, error, remedy, Status.FAILED) from None
        answer = _kept(config, name)
    if as_json:
        print_json(answer)
        return
    for connector in answer["connectors"]:
        _show(connector)
    if not answer["connectors"]:
        console().print("no CRM is connected; agi-router crm status tells more")


def _kept(config: Path, name: str) -> Mapping[str, Any]:
    settings = load_settings(config)
    names = [connector.name for connector in settings.crm.connectors]
    wanted = wanted_connectors(name, names)
    users = CrmUserMap()
    users.know(settings.routing.users, settings.routing.policy.region, names)
    if wanted:
        users.take(asyncio.run(read_crm_users(settings.storage)))
    return {"connectors": [crm_users_as_json(each, users) for each in wanted]}


def _show(told: Mapping[str, Any]) -> None:
    terminal = console()
    read = "never read" if told["read_at"] is None else f"read {_moment(told['read_at'])}"
    terminal.print(Text(f"{told['connector']}: {_counted(told['users'])}, {read}", "bold"))
    if (failure := told["failure"]) is not None:
        at = _moment(failure["at"])
        terminal.print(
            Text(f"  not read {at}: {printable(failure['message'])} [{failure['code']}]", "red"), soft_wrap=True
        )
        terminal.print(Text(f"  {printable(failure['remedy'])}"), soft_wrap=True)
    if told["users"]:
        terminal.print(_table(told["users"]))
    _show_others(told)


def _counted(users: Sequence[Mapping[str, Any]]) -> str:
    return f"{len(users)} user{'' if len(users) == 1 else 's'}"


def _table(users: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="dim")
    for column in ("CRM id", "name", "e-mail", "user", "by, or what to do"):
        table.add_column(column, overflow="fold")
    for user in users:
        table.add_row(
            *(Text(printable(user[key])) for key in ("crm_id", "name", "email")),
            Text(printable(user["user"])) if user["user"] else Text("nobody", "yellow"),
            Text(printable(_why(user))),
        )
    return table


def _why(user: Mapping[str, Any]) -> str:
    problem = user["problem"]
    return _BY[user["matched_by"]] if problem is None else f"{problem['message']}: {problem['remedy']}"


def _show_others(told: Mapping[str, Any]) -> None:
    terminal = console()
    for unlisted in told["unlisted"]:
        said = f"crm_ids of user {unlisted['user']} says {unlisted['crm_id']}, whom the CRM does not list: correct it"
        terminal.print(Text(f"  {printable(said)}", "yellow"), soft_wrap=True)
    if told["read_at"] is not None and (unknown := told["unknown_there"]):
        names = ", ".join(user["name"] or user["user"] for user in unknown)
        terminal.print(Text(f"  of your users the CRM does not know {printable(names)}", "dim"), soft_wrap=True)


def _moment(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S} UTC"
