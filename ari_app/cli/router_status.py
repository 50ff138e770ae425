"""`agi-router status`: what the running router says of itself."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import Status, unfound
from ari_app.cli.output import console, print_json
from ari_app.cli.reload import restart_line
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.live.reload import problem_of_json
from ari_app.settings import load_control

CRM_STATES = {
    "untried": "not asked yet",
    "ok": "logged in",
    "needed": "login needed",
    "refused": "login refused",
}
_TOLD_BELOW = {"reload_refused", "restart_needed_for"}
_FOR_PROGRAMS = {"tasks_by_coroutine"}


def show_status(config: Path, *, as_json: bool) -> None:
    """Print the answer. Raises CommandError when no router runs, ControlError when it does not answer."""
    try:
        status = ask(load_control(config), "status")
    except NoRouterError as error:
        remedy = f"Start one: agi-router --config {config} serve. Or is it another configuration that runs?"
        raise unfound(config, error, remedy, Status.FAILED) from None
    if as_json:
        print_json(status)
        return
    table = Table(show_header=False, box=None)
    for name, value in status.items():
        if name == "upstreams":
            for upstream in value:
                table.add_row("upstream", Text(printable(_upstream(upstream))))
        elif name == "tokens":
            for token in value:
                table.add_row("token", Text(printable(_token(token))))
        elif name == "crm_activities":
            for crm, counts in value.items():
                told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
                table.add_row("activities", Text(printable(f"{crm}: {told}")))
        elif name == "crm_users":
            for users in value:
                table.add_row("users of a CRM", Text(printable(_crm_users(users))))
        elif name == "crm":
            for connector in value:
                table.add_row("CRM", Text(printable(_crm(connector))))
        elif name == "agi":
            table.add_row("AGI door", Text(printable(_agi_door(value))))
        elif name not in _TOLD_BELOW | _FOR_PROGRAMS:
            table.add_row(name.replace("_", " "), Text(_shown(name, value)))
    console().print(table)
    _tell_of_reloads(status)


def _upstream(upstream: Mapping[str, Any]) -> str:
    """Its origin, its breaker and why it is not closed, and how much it is asked."""
    told = f"{upstream['origin']}: {upstream['breaker'].replace('_', ' ')}"
    if upstream["since"] is not None:
        told += f" since {_moment(upstream['since'])}"
    if upstream["until"] is not None:
        told += f", asked again after {_moment(upstream['until'])}"
    if (reason := upstream["reason"]) is not None:
        told += f", because {reason['message']} [{reason['code']}]"
    return f"{told}; {upstream['in_progress']} of {upstream['max_concurrent']} in progress"


def _token(token: Mapping[str, Any]) -> str:
    """The route, its grant, how long its access token is valid, and why there is no newer one."""
    told = f"{token['route']}: {token['grant']}, "
    if not token["is_usable"]:
        told += "none"
    elif token["valid_until"] is None:
        told += "valid until it is refused"
    else:
        told += f"valid until {_moment(token['valid_until'])}"
    if (failure := token["failure"]) is not None:
        told += f", as {failure['message']} [{failure['code']}]; asked again after {_moment(token['next_try_at'])}"
    return told


def _crm(connector: Mapping[str, Any]) -> str:
    """Its name, how its login stands, and what to do."""
    told = f"{connector['name']} ({connector['title']}): {CRM_STATES[connector['state']]}"
    if connector["remedy"]:
        return f"{told} since {_moment(connector['since'])}; {connector['remedy']}"
    return told if connector["answered_at"] is None else f"{told}, last answered {_moment(connector['answered_at'])}"


def _agi_door(door: Mapping[str, Any] | None) -> str:
    """Where it listens, who asks, and how much it did."""
    if door is None:
        return "closed"
    told = f"{door['listening']}: {door['connections']} connections, {door['served']} served, {door['broken']} broken"
    return f"{told}, {door['refused']} cut off" + (f" (the last, {door['last_refusal']})" if door["refused"] else "")


def _crm_users(users: Mapping[str, Any]) -> str:
    """How many there are, how many of them are ours, and why there are no newer ones."""
    read = "never read" if users["read_at"] is None else f"read {_moment(users['read_at'])}"
    told = f"{users['connector']}: {users['users']}, {users['matched']} of them yours, {read}"
    if (failure := users["failure"]) is not None:
        told += f"; not read {_moment(failure['at'])}, as {failure['message']} [{failure['code']}]"
    return told


def _moment(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S} UTC"


def _tell_of_reloads(status: Mapping[str, Any]) -> None:
    terminal = console()
    if refused := status.get("reload_refused"):
        at = _moment(refused["at"])
        terminal.print(
            f"a configuration was refused at {at}, the one before stays in force:", style="bold red", markup=False
        )
        for told in refused["problems"]:
            terminal.print(f"  {printable(str(problem_of_json(told)))}", markup=False, soft_wrap=True)
    if keys := status.get("restart_needed_for"):
        terminal.print(restart_line(keys), style="yellow", markup=False, soft_wrap=True)


def _shown(name: str, value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "-"
        case list():
            return printable("; ".join(map(str, value))) or "none"
        case str() if name.endswith("_at"):
            return _moment(value)
        case _:
            return printable(str(value))
