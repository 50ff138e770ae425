"""The words of the subcommands about whom to reach: text messages, and the phone book."""

from typing import Annotated

import typer

from ari_app.cli.completion import crm_names, user_names
from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json
from ari_app.domain.contacts import ContactKind
from ari_app.domain.messages import MessageDirection

reaching = typer.Typer()


@reaching.command(epilog="Exit status: 0 Asterisk has taken it, 1 it has not, 2 wrong usage or configuration.")
@told
def message(
    context: typer.Context,
    user: Annotated[
        str,
        typer.Argument(
            metavar="USER",
            help="For whom: an id, e-mail address or extension, or one device such as PJSIP/ada.",
            autocompletion=user_names,
        ),
    ],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What phones show.")],
    sender: Annotated[
        str, typer.Option("--from", metavar="WHO", help="Whom phones show: a user, a number or a name.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Have the running router send a text to all phones of USER. Whether they show it is never known."""
    from ari_app.cli.messages import send_message

    send_message(context.obj, user, text, sender, as_json=as_json)


@reaching.command(epilog=EXIT_STATUSES)
@told
def messages(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=10_000, help="How many at most.")] = 20,
    user: Annotated[
        list[str] | None, typer.Option(metavar="USER", help="From or to this user.", autocompletion=user_names)
    ] = None,
    direction: Annotated[
        MessageDirection | None, typer.Option(help="Only those that phones have sent, or that were sent to them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the newest text messages, sent and received. Works beside a running router and without one."""
    from ari_app.cli.messages import show_messages

    show_messages(context.obj, user or [], direction, limit, as_json=as_json)


@reaching.command(epilog=EXIT_STATUSES)
@told
def contacts(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORDS]", help="That all stand in the name, company, e-mail address or number."),
    ] = None,
    number: Annotated[str, typer.Option(metavar="NUMBER", help="Whose number, in any form.")] = "",
    connector: Annotated[
        list[str] | None,
        typer.Option(
            "--crm",
            "--connector",
            metavar="CRM",
            help="Only of this CRM, by its name in the section crm; may be repeated.",
            autocompletion=crm_names,
        ),
    ] = None,
    kind: Annotated[ContactKind | None, typer.Option(help="Only people, or only organizations.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=200, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Search the phone book, the router's own copy of the CRMs' contacts. Works without a router, and without a CRM."""
    from ari_app.cli.contacts import show_contacts

    show_contacts(
        context.obj,
        " ".join(words or ()),
        number,
        connectors=connector or (),
        kinds=() if kind is None else (kind,),
        limit=limit,
        as_json=as_json,
    )
