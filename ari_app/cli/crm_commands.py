"""The words of `agi-router crm`. What each of them does stands in a module of its own."""

from typing import Annotated

import typer

from ari_app.cli.completion import activity_states, call_ids, crm_documents, crm_names
from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json

crm = typer.Typer(help="Look after the connections to CRMs, and their documents.", no_args_is_help=True)


@crm.command("check", epilog=EXIT_STATUSES)
@told
def check(
    document: Annotated[
        str,
        typer.Argument(
            metavar="DOC",
            help="A file (JSON or YAML), or a document that comes with the router, such as hubspot.",
            autocompletion=crm_documents,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Check a CRM's document: every mistake with its line, or what the document can do and what it cannot."""
    from ari_app.cli.crm_check import check_document

    check_document(document, as_json=as_json)


@crm.command("sync", epilog="Exit status: 0 all contacts were read, 1 they were not, 2 wrong usage or configuration.")
@told
def sync(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="CRM", help="Its name in the section crm.", autocompletion=crm_names)],
    full: Annotated[
        bool, typer.Option("--full", help="All of them, also where the CRM can tell what has changed alone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have the running router read contacts and organizations of a CRM into the phone book. Shows how it goes."""
    from ari_app.cli.contacts import synchronise

    synchronise(context.obj, name, full=full, as_json=as_json)


@crm.command("activities", epilog=EXIT_STATUSES)
@told
def activities(
    context: typer.Context,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help="pending, creating, open, stopped, unknown, failed or dismissed; may be repeated.",
            autocompletion=activity_states,
        ),
    ] = None,
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
    call: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only of this call; may be repeated.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """Show which calls CRMs have, the newest first, and what needs a person: the states unknown and failed."""
    from ari_app.cli.crm_activities import show_activities

    wanted = {"state": state or [], "connector": connector or [], "call": call or [], "limit": limit}
    show_activities(context.obj, wanted, as_json=as_json)


@crm.command("resolve", epilog=EXIT_STATUSES)
@told
def resolve(
    context: typer.Context,
    call: Annotated[str, typer.Argument(metavar="CALL", help="The call's id.")],
    connector: Annotated[
        str, typer.Argument(metavar="CRM", help="Its name in the section crm.", autocompletion=crm_names)
    ],
    *,
    activity: Annotated[str, typer.Option("--activity", metavar="ID", help="The CRM has it, with this id.")] = "",
    again: Annotated[bool, typer.Option("--again", help="The CRM does not have it, or not all: try again.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Do nothing more about it.")] = False,
    as_json: Json = False,
) -> None:
    """Decide about an activity that is unknown or failed."""
    from ari_app.cli.crm_activities import resolve_activity

    resolve_activity(context.obj, call, connector, activity_id=activity, again=again, dismiss=dismiss, as_json=as_json)


@crm.command("assign", epilog=EXIT_STATUSES)
@told
def assign(
    context: typer.Context,
    call: Annotated[
        str,
        typer.Argument(metavar="CALL", help="The id of a call, or its beginning.", autocompletion=call_ids),
    ],
    connector: Annotated[
        str, typer.Argument(metavar="CRM", help="Its name in the section crm.", autocompletion=crm_names)
    ],
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="The CRM's id of the contact.")],
    as_json: Json = False,
) -> None:
    """Say whose number it was in CALL: one of several contacts who share it, or another one than the CRM had told."""
    from ari_app.cli.crm_assign import assign_contact

    assign_contact(context.obj, call, connector, contact, as_json=as_json)


@crm.command("users", epilog=EXIT_STATUSES)
@told
def users(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="[CRM]", help="Its name in the section crm; all where none is named.", autocompletion=crm_names
        ),
    ] = "",
    refresh: Annotated[bool, typer.Option("--refresh", help="Have the running router ask the CRM first.")] = False,
    as_json: Json = False,
) -> None:
    """Show whom of your users the users of each CRM are, by what they match, or what to do."""
    from ari_app.cli.crm_users import show_users

    show_users(context.obj, name, refresh=refresh, as_json=as_json)
