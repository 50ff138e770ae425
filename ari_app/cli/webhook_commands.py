"""The words of `agi-router webhooks`. What each of them does stands in `ari_app.cli.webhooks`."""

from typing import Annotated

import typer

from ari_app.cli.completion import (
    delivery_states,
    directions,
    event_types,
    queue_ids,
    route_names,
    team_ids,
    template_names,
    user_ids,
    webhook_names,
)
from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json

webhooks = typer.Typer(
    help="Look after the webhooks: who is told what, what was sent, and what is sent again.", no_args_is_help=True
)

Webhook = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its name, or its id.", autocompletion=webhook_names)]
Type = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE", help="Such as call.ended, or call.* for a family; may be repeated.", autocompletion=event_types
    ),
]
User = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="Only what concerns this user; may be repeated.", autocompletion=user_ids),
]
Team = Annotated[
    list[str] | None, typer.Option(metavar="ID", help="Only what concerns this team.", autocompletion=team_ids)
]
Queue = Annotated[
    list[str] | None, typer.Option(metavar="ID", help="Only what concerns this queue.", autocompletion=queue_ids)
]
Number = Annotated[list[str] | None, typer.Option(metavar="NUMBER", help="Only calls with this number.")]
Route = Annotated[
    list[str] | None, typer.Option(metavar="ROUTE", help="Only calls of this route.", autocompletion=route_names)
]
Direction = Annotated[
    list[str] | None,
    typer.Option(metavar="DIRECTION", help="inbound, outbound or internal.", autocompletion=directions),
]
Template = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Send events in this shape, such as voipline.", autocompletion=template_names),
]
Header = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A header of every request; may be repeated. @FILE as VALUE reads it."),
]


@webhooks.command("list", epilog=EXIT_STATUSES)
@told
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Show the webhooks, and how each does: what waits, what was given up, when it last succeeded."""
    from ari_app.cli.webhooks import list_webhooks

    list_webhooks(context.obj, as_json=as_json)


@webhooks.command("create", epilog=EXIT_STATUSES)
@told
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it: letters, digits, . _ - and @.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the receiver listens: https://...")],
    *,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="Such as call.ended, or call.* for a family; may be repeated. Without it: all.",
            autocompletion=event_types,
        ),
    ] = None,
    user: User = None,
    team: Team = None,
    queue: Queue = None,
    number: Number = None,
    route: Route = None,
    direction: Direction = None,
    template: Template = None,
    header: Header = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Send nothing until it is enabled.")] = False,
    as_json: Json = False,
) -> None:
    """Tell a receiver what happens from now on, and print its secret: the only time that it is shown."""
    from ari_app.cli.webhooks import create_webhook, headers

    wanted = {
        "name": name,
        "url": url,
        "types": type_,
        "users": user,
        "teams": team,
        "queues": queue,
        "numbers": number,
        "routes": route,
        "directions": direction,
        "template": template,
        "headers": headers(header),
        "enabled": False if disabled else None,
    }
    create_webhook(context.obj, wanted, as_json=as_json)


@webhooks.command("show", epilog=EXIT_STATUSES)
@told
def show(context: typer.Context, webhook: Webhook, as_json: Json = False) -> None:
    """Show all of one webhook but its secret, which nobody can show."""
    from ari_app.cli.webhooks import show_webhook

    show_webhook(context.obj, webhook, as_json=as_json)


@webhooks.command("change", epilog=EXIT_STATUSES)
@told
def change(
    context: typer.Context,
    webhook: Webhook,
    *,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Another name.")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Another address.")] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help='Instead of the types until now; may be repeated. "" alone: all.',
            autocompletion=event_types,
        ),
    ] = None,
    user: User = None,
    team: Team = None,
    queue: Queue = None,
    number: Number = None,
    route: Route = None,
    direction: Direction = None,
    template: Template = None,
    header: Header = None,
    as_json: Json = False,
) -> None:
    """Change what is given, and leave the rest. What is given replaces what was there; "" alone takes it away."""
    from ari_app.cli.webhooks import change_webhook, headers

    wanted = {
        "name": name,
        "url": url,
        "types": type_,
        "users": user,
        "teams": team,
        "queues": queue,
        "numbers": number,
        "routes": route,
        "directions": direction,
        "template": template,
        "headers": headers(header),
    }
    change_webhook(context.obj, webhook, wanted, as_json=as_json)


@webhooks.command("enable", epilog=EXIT_STATUSES)
@told
def enable(context: typer.Context, webhook: Webhook, as_json: Json = False) -> None:
    """Send to it again, first of all what has waited meanwhile."""
    from ari_app.cli.webhooks import change_webhook

    change_webhook(context.obj, webhook, {"enabled": True}, as_json=as_json)


@webhooks.command("disable", epilog=EXIT_STATUSES)
@told
def disable(context: typer.Context, webhook: Webhook, as_json: Json = False) -> None:
    """Send it nothing for now. What it would get waits, for as long as deliveries are kept."""
    from ari_app.cli.webhooks import change_webhook

    change_webhook(context.obj, webhook, {"enabled": False}, as_json=as_json)


@webhooks.command("delete", epilog=EXIT_STATUSES)
@told
def delete(context: typer.Context, webhook: Webhook, as_json: Json = False) -> None:
    """Delete it, with all that waits for it and what is on record of its deliveries."""
    from ari_app.cli.webhooks import delete_webhook

    delete_webhook(context.obj, webhook, as_json=as_json)


@webhooks.command("rotate", epilog=EXIT_STATUSES)
@told
def rotate(
    context: typer.Context,
    webhook: Webhook,
    keep_old: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="For how long the secret until now signs as well, such as 24h or 7d; 0 for not at all."
        ),
    ] = "24h",
    as_json: Json = False,
) -> None:
    """Give it a new secret, and print it."""
    from ari_app.cli.keys import seconds
    from ari_app.cli.webhooks import rotate_webhook

    keep_old_s = 0 if keep_old == "0" else seconds(keep_old, "--keep-old")
    rotate_webhook(context.obj, webhook, 0 if keep_old_s is None else keep_old_s, as_json=as_json)


@webhooks.command("test", epilog="Exit status: 0 the receiver has it, 1 it has not, 2 wrong usage or configuration.")
@told
def test(
    context: typer.Context,
    webhook: Webhook,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, max=600, help="For how long to wait for what comes of it.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Send a webhook.test to it alone, whatever its filter is, and show what its receiver answers."""
    from ari_app.cli.webhooks import test_webhook

    test_webhook(context.obj, webhook, wait, as_json=as_json)


@webhooks.command("deliveries", epilog=EXIT_STATUSES)
@told
def deliveries(
    context: typer.Context,
    webhook: Webhook,
    delivery: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="One of them, with every attempt.", show_default=False)
    ] = None,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help="pending, delivered or failed.", autocompletion=delivery_states),
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Such as call.ended, or call.*.", autocompletion=event_types),
    ] = None,
    call: Annotated[str, typer.Option(metavar="ID", help="Of this call.")] = "",
    since: Annotated[str, typer.Option(metavar="TIME", help="Happened since then: 2026-11-21T09:00, or 2h.")] = "",
    before: Annotated[str, typer.Option(metavar="TIME", help="Happened before then.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """Show what was sent, the newest first; with an ID, that delivery with its body and every attempt."""
    from ari_app.cli.webhooks import moment, show_deliveries, show_delivery

    if delivery is not None:
        show_delivery(context.obj, webhook, delivery, as_json=as_json)
        return
    wanted = {
        "state": state or [],
        "type": type_ or [],
        "call_id": call,
        "since": moment(since, "--since"),
        "before": moment(before, "--before"),
    }
    show_deliveries(context.obj, webhook, wanted, limit, as_json=as_json)


@webhooks.command("replay", epilog=EXIT_STATUSES)
@told
def replay(
    context: typer.Context,
    webhook: Webhook,
    delivery: Annotated[
        int | None,
        typer.Argument(metavar="[ID]", min=1, help="What this delivery carried; else a period.", show_default=False),
    ] = None,
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="What happened since then: 2026-11-21T09:00, or 2h for the last two.")
    ] = "",
    before: Annotated[str, typer.Option(metavar="TIME", help="And before then.")] = "",
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only of this type; may be repeated.", autocompletion=event_types),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what was given up.")] = False,
    as_json: Json = False,
) -> None:
    """Send events again, in their order and with the same webhook-id: one, or those of a period."""
    from ari_app.cli.webhooks import moment, replay_events, replay_one

    if delivery is not None:
        replay_one(context.obj, webhook, delivery, as_json=as_json)
        return
    wanted = {
        "since": moment(since, "--since"),
        "before": moment(before, "--before"),
        "types": type_ or [],
        "only_failed": failed,
    }
    replay_events(context.obj, webhook, wanted, as_json=as_json)


@webhooks.command("types", epilog=EXIT_STATUSES)
@told
def types(
    type_: Annotated[
        str, typer.Argument(metavar="[TYPE]", help="An example of this one.", autocompletion=event_types)
    ] = "",
    as_json: Json = False,
) -> None:
    """List the types of events; with a TYPE, print an example of what is sent."""
    from ari_app.cli.webhooks import show_types

    show_types(type_, as_json=as_json)


@webhooks.command("deliver", epilog=EXIT_STATUSES)
@told
def deliver(context: typer.Context) -> None:
    """Deliver, and do nothing else, until it is told to stop (SIGTERM, Ctrl-C).

    With PostgreSQL beside a running router, in as many processes as you like; with SQLite while no router runs.
    """
    from ari_app.cli.delivering import deliver_until_stopped

    deliver_until_stopped(context.obj)


@webhooks.command("template", epilog=EXIT_STATUSES)
@told
def template(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as voipline.", autocompletion=template_names)],
    *,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only of this type; may be repeated.", autocompletion=event_types),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a template makes of calls as they happen every day; nothing is sent."""
    from ari_app.cli.webhook_templates import show_template

    show_template(context.obj, name, type_ or [], as_json=as_json)
