"""`agi-router check-config`: every problem at once, or what the configuration amounts to."""

from pathlib import Path
from typing import assert_never

import typer
from rich.table import Table
from rich.text import Text

from agi_router.document import ConfigError
from agi_router.routing.destination import HangupDestination
from agi_router.routing.route import CrmRequest, Request, Response, Route
from ari_app.cli.outcome import Status, tell_problems
from ari_app.cli.output import console, print_json
from ari_app.doctor.configuration import warnings
from ari_app.domain.wording import printable
from ari_app.live.reload import problem_json
from ari_app.settings import Settings, load_settings
from ari_app.settings.web_section import Listener


def check(config: Path, *, as_json: bool) -> None:
    """Print the verdict; ends with status 1 when there are problems."""
    try:
        settings = load_settings(config)
    except ConfigError as error:
        if as_json:
            print_json({"ok": False, "problems": list(map(problem_json, error.problems)), "warnings": []})
        else:
            tell_problems(error, console())
        raise typer.Exit(Status.FAILED) from None
    if as_json:
        print_json({"ok": True, "problems": [], "warnings": warnings(settings), "summary": _summary_json(settings)})
    else:
        _print_summary(config, settings)


def _print_summary(config: Path, settings: Settings) -> None:
    terminal = console()
    routing = settings.routing
    if routing.routes:
        terminal.print(_routes(settings))
        terminal.print()
    terminal.print(_parts(settings))
    terminal.print()
    for warning in warnings(settings):
        terminal.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    terminal.print(f"OK: {config}", style="bold green", markup=False, soft_wrap=True)


def _routes(settings: Settings) -> Table:
    table = Table("route", "asks", "answer names", "then", box=None, pad_edge=False, header_style="bold")
    for route in settings.routing.routes:
        table.add_row(route.name, _asked(route), _named(route.response), _chain(route, settings))
    return table


def _parts(settings: Settings) -> Table:
    routing = settings.routing
    devices = sum(len(user.devices) for user in routing.users)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("users", f"{len(routing.users)} with {devices} devices")
    table.add_row("trunks", ", ".join(f"{trunk.name} ({trunk.endpoint})" for trunk in routing.trunks) or "none")
    if settings.crm.connectors:
        named = ", ".join(f"{crm.name} ({crm.document.name})" for crm in settings.crm.connectors)
        table.add_row("CRMs", Text(printable(named)))
    table.add_row("regions allowed", ", ".join(sorted(routing.policy.regions)) or "none")
    table.add_row("asterisk", f"{settings.asterisk.ari.url}, application {settings.asterisk.ari.app}")
    if settings.agi is not None:
        table.add_row("AGI door", settings.agi.address)
    if settings.web is not None:
        table.add_row("REST API", ", ".join(map(_url, settings.web.listen)))
    table.add_row("database", settings.storage.name)
    table.add_row("control socket", str(settings.control.socket))
    return table


def _url(listener: Listener) -> str:
    return f"{'http' if listener.tls is None else 'https'}://{listener}"


def _named(response: Response) -> str:
    """What the answer may name."""
    if response.type is not None:
        return f"{response.type}, or of the table" if response.values else response.type.value
    return "by its own type" if response.type_paths else "of the table"


def _asked(route: Route) -> str:
    match route.request:
        case Request() as request:
            origins = " or ".join(dict.fromkeys(url.origin for url in request.urls))
            return printable(f"{request.method} {origins}, at most {request.deadline_s:g} s")
        case CrmRequest(crm=crm, deadline_s=deadline_s):
            return printable(f"the CRM {crm}, at most {deadline_s:g} s")
        case _:
            assert_never(route.request)


def _chain(route: Route, settings: Settings) -> str:
    chain = settings.routing.fallback if route.fallback is None else route.fallback
    steps = [f"{step.destination.type} {step.destination.value}" for step in chain]
    ends_here = bool(chain) and isinstance(chain[-1].destination, HangupDestination)
    return ", ".join(steps if ends_here else [*steps, "dialplan"])


def _summary_json(settings: Settings) -> dict[str, object]:
    routing = settings.routing
    return {
        "routes": [route.name for route in routing.routes],
        "users": [user.id for user in routing.users],
        "trunks": [trunk.name for trunk in routing.trunks],
        "crm": {crm.name: crm.document.id for crm in settings.crm.connectors},
        "regions": sorted(routing.policy.regions),
        "asterisk": {"url": settings.asterisk.ari.url, "app": settings.asterisk.ari.app},
        "agi": None if settings.agi is None else {"host": settings.agi.host, "port": settings.agi.port},
        "database": settings.storage.name,
        "control_socket": str(settings.control.socket),
    }
