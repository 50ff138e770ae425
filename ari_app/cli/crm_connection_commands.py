"""The words of `agi-router crm login`, `logout`, `status` and `try`."""

from pathlib import Path
from typing import Annotated

import typer

from ari_app.cli.completion import crm_hooks, crm_names
from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json

connections = typer.Typer()

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The CRM's name in the configuration.", autocompletion=crm_names)
]
Property = Annotated[
    list[str] | None,
    typer.Option("--property", metavar="NAME=VALUE", help="A property; =@FILE reads it from a file. May be repeated."),
]


@connections.command("login", epilog=EXIT_STATUSES)
@told
def login(
    context: typer.Context,
    name: Name,
    property_: Property = None,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Keep it without asking the CRM for its users first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Connect a CRM: asks what the configuration does not give, tries it, and keeps it sealed in the database."""
    from ari_app.cli.crm_login import log_in

    log_in(context.obj, name, property_, unchecked=unchecked, as_json=as_json)


@connections.command("logout", epilog=EXIT_STATUSES)
@told
def logout(context: typer.Context, name: Name) -> None:
    """Forget what was given at a CRM's login."""
    from ari_app.cli.crm_login import log_out

    log_out(context.obj, name)


@connections.command("forget", epilog=EXIT_STATUSES)
@told
def forget(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that the CRM had in the configuration.")],
    as_json: Json = False,
) -> None:
    """Delete what the database has of a CRM that was taken out of the configuration, or renamed in it."""
    from ari_app.cli.crm_leftovers import forget_crm

    forget_crm(context.obj, name, as_json=as_json)


@connections.command("status", epilog=EXIT_STATUSES)
@told
def status(context: typer.Context, as_json: Json = False) -> None:
    """Show how the login of each CRM stands, and what to do where it does not."""
    from ari_app.cli.crm_status import show_crm_status

    show_crm_status(context.obj, as_json=as_json)


@connections.command("try", epilog=EXIT_STATUSES)
@told
def try_(
    context: typer.Context,
    crm_: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DOC",
            help="A CRM of the configuration, or a document with --property.",
            autocompletion=crm_names,
        ),
    ],
    hook: Annotated[
        str, typer.Argument(metavar="HOOK", help="Such as Users or FindContact.", autocompletion=crm_hooks)
    ],
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="NAME=VALUE", help="A variable of the hook, such as phone=+14155550177."),
    ] = None,
    property_: Property = None,
    *,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="The recording for UpdateCallRecording.")] = None,
    deadline: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, max=600, help="For each request.")] = 15.0,
    all_pages: Annotated[bool, typer.Option("--all", help="Read all pages of a list.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the request, and send nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Run one hook for real, and show the request (secrets masked), the answer, and the records that it gave."""
    from ari_app.cli.crm_try import Wish, try_hook

    wish = Wish(
        crm=crm_,
        hook=hook,
        values=tuple(with_ or ()),
        properties=tuple(property_ or ()),
        file=file,
        deadline_s=deadline,
        only_shown=dry_run,
        all_pages=all_pages,
    )
    try_hook(context.obj, wish, as_json=as_json)
