"""`agi-router status`: what the running router says of itself."""

from pathlib import Path

from rich.table import Table

from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.control.settings import ControlError
from ari_app.domain.story import printable
from ari_app.settings import load_settings


def show_status(config: Path, *, as_json: bool) -> None:
    """Print the answer. Raises ControlError when no router runs or it does not answer."""
    try:
        status = ask(load_settings(config).control, "status")
    except NoRouterError as error:
        raise ControlError(
            str(error), f"Start one: agi-router --config {config} serve. Or is it another configuration that runs?"
        ) from None
    if as_json:
        print_json(status)
        return
    table = Table(show_header=False, box=None)
    for name, value in status.items():
        table.add_row(name.replace("_", " "), _shown(value))
    console().print(table)


def _shown(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "-"
        case _:
            return printable(str(value))
