"""`agi-router reload`: the running router loads its configuration again, or says why not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from agi_router.document import ConfigError
from ari_app.cli.outcome import CommandError, Status, tell_problems, unfound
from ari_app.cli.output import console, errors, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.control.settings import ControlSettings
from ari_app.domain.wording import printable
from ari_app.live.reload import DEADLINE_S, problem_of_json
from ari_app.settings import load_control


def reload_router(config: Path, *, as_json: bool) -> None:
    """Print what changed; ends with status 1 when the configuration is refused, and the old one stays."""
    control = load_control(config)
    _check_that_it_is_this_one(config, control)
    outcome = ask(control, "reload", DEADLINE_S)
    if as_json:
        print_json(outcome)
    elif outcome["taken"]:
        _tell_taken(config, outcome)
    else:
        tell_problems(ConfigError(map(problem_of_json, outcome["problems"])), console())
        errors.print(
            "  The router keeps the configuration that it has. Mend this one, and reload again.", soft_wrap=True
        )
    if not outcome["taken"]:
        raise typer.Exit(Status.FAILED)


def restart_line(keys: list[str]) -> str:
    """What a running router does not take, and what to do."""
    return f"{', '.join(keys)} changed: restart the router to take {'it' if len(keys) == 1 else 'them'}"


def _check_that_it_is_this_one(config: Path, control: ControlSettings) -> None:
    """Two configurations may share a database or a socket; the router reads its own one, not this."""
    try:
        running = Path(ask(control, "status")["config"])
    except NoRouterError as error:
        raise unfound(config, error, error.remedy, Status.USAGE) from None
    except KeyError:
        raise CommandError("the router that runs is of an older version", "Restart it.") from None
    if running.resolve() != config.resolve():
        raise CommandError(
            f"the router at {control.socket} runs with another configuration: {running}",
            f"Reload that one: agi-router --config {running} reload",
            Status.USAGE,
        )


def _tell_taken(config: Path, outcome: Mapping[str, Any]) -> None:
    terminal = console()
    for change in outcome["changes"]:
        for sentence in change["text"]:
            terminal.print(printable(sentence), markup=False, soft_wrap=True)
    if not outcome["changes"]:
        terminal.print("nothing has changed that a running router takes")
    if keys := outcome["restart_needed_for"]:
        terminal.print(restart_line(keys), style="yellow", markup=False, soft_wrap=True)
    terminal.print(f"OK: the router has loaded {config}", style="bold green", markup=False, soft_wrap=True)
