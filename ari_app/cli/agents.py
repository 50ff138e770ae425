"""`agi-router agents`: how each user stands, as the running router knows it, and what is changed of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import Status, unfound
from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.live.agents import LONGEST_ANSWER_S
from ari_app.settings import load_control

_STYLES: Final = {"free": "green", "ringing": "cyan", "in_call": "red", "wrap_up": "yellow", "dnd": "yellow"}
_REGISTERED: Final = {True: Text("yes"), False: Text("no", "red"), None: Text("unknown", "dim")}


def show_agents(config: Path, *, as_json: bool) -> None:
    """Print them. Raises CommandError when no router runs, ControlError when it does not answer."""
    answer = _asked(config, "agents", {})
    if as_json:
        print_json(answer)
    elif answer["agents"]:
        _show(answer["agents"], queues_known=answer["queues_known"])
    else:
        console().print("the configuration has no users")


def change_agent(config: Path, change: Mapping[str, Any], *, as_json: bool) -> None:
    """Have the router change it, and print how the user stands then. Raises as `show_agents`; also when it can't be."""
    agent = _asked(config, "agent", change)
    if as_json:
        print_json(agent)
    else:
        _show([agent], queues_known=agent["queues_known"])


def _asked(config: Path, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return ask(load_control(config), command, LONGEST_ANSWER_S, arguments)
    except NoRouterError as error:
        remedy = f"Start one: agi-router --config {config} serve. Or is it another configuration that runs?"
        raise unfound(config, error, remedy, Status.FAILED) from None


def _show(agents: Sequence[Mapping[str, Any]], *, queues_known: bool) -> None:
    table = Table(box=None, header_style="dim")
    for column in ("user", "name", "registered", "state", "queues", "devices"):
        table.add_column(column, overflow="fold")
    for agent in agents:
        table.add_row(
            Text(printable(agent["user"])),
            Text(printable(agent["name"])),
            _REGISTERED[agent["registered"]],
            Text(_state(agent), _STYLES.get(agent["state"], "")),
            Text(printable(_queues(agent, known=queues_known))),
            Text(printable(", ".join(f"{device} {state or '?'}" for device, state in agent["devices"].items()))),
        )
    console().print(table)


def _state(agent: Mapping[str, Any]) -> str:
    told = str(agent["state"]).replace("_", " ")
    return told if agent["for_s"] is None else f"{told}, {agent['for_s']:.0f} s more"


def _queues(agent: Mapping[str, Any], *, known: bool) -> str:
    """Each queue, and whether he is on break in it."""
    if not known:
        return "unknown"
    return ", ".join(queue["queue"] + _break(queue) for queue in agent["queues"]) or "none"


def _break(queue: Mapping[str, Any]) -> str:
    if not queue["paused"]:
        return ""
    return f" (on break: {queue['reason']})" if queue["reason"] else " (on break)"
