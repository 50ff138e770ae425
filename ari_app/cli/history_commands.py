"""The words of `agi-router history`. What each of them does stands in a module of its own."""

from typing import Annotated

import typer

from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json

history = typer.Typer(help="Look after the history of all calls of the PBX.", no_args_is_help=True)


@history.command(epilog=EXIT_STATUSES)
@told
def gaps(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show when Asterisk was not heard: calls of that time are missing, unless they were filled in. Times are UTC."""
    from ari_app.cli.history import show_gaps

    show_gaps(context.obj, limit, as_json=as_json)


@history.command(epilog=EXIT_STATUSES)
@told
def fill(context: typer.Context, as_json: Json = False) -> None:
    """Read once more what the gaps have swallowed, from the table that history.fill_from names."""
    from ari_app.cli.history import fill_gaps

    fill_gaps(context.obj, as_json=as_json)


@history.command("erase", epilog=EXIT_STATUSES)
@told
def erase(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Whose; in any form, such as +14155550177.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    as_json: Json = False,
) -> None:
    """Delete every call with a number, for its owner who asks for it. It cannot be undone."""
    from ari_app.cli.erasing import erase_number

    erase_number(context.obj, number, yes=yes, as_json=as_json)
