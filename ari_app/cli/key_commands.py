"""The words of `agi-router keys`. What each of them does stands in `ari_app.cli.keys`."""

from typing import Annotated

import typer

from ari_app.cli.completion import key_names, scopes
from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json

keys = typer.Typer(
    help="Look after the API keys: who may use the REST API, for what, from where.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The key's name.", autocompletion=key_names)]
Expires = Annotated[
    str, typer.Option("--expires", metavar="TIME", help="For how long it is taken, such as 90d, 12h or 30m.")
]


@keys.command("create", epilog=EXIT_STATUSES)
@told
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who has it: letters, digits, . _ - and @.")],
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="SCOPE",
            help="What it may do, such as calls:place, calls:*, *:read or *; may be repeated.",
            autocompletion=scopes,
        ),
    ],
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="From where, such as 192.0.2.7 or 10.1.0.0/16, or any; may be repeated. Else from this machine alone.",
        ),
    ] = None,
    expires: Expires = "",
    requests_per_minute: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Instead of web.requests_per_minute.")
    ] = None,
    calls_per_second: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many calls it may place in a second.")
    ] = None,
    concurrent_calls: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many calls of it may go on at a time.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key, and print it: the only time that it is shown. It counts at once, also for a running router."""
    from ari_app.cli.keys import create_key, seconds

    wanted = {
        "name": name,
        "scopes": scope,
        "networks": network or [],
        "expires_s": seconds(expires, "--expires"),
        "requests_per_minute": requests_per_minute,
        "calls_per_second": calls_per_second,
        "concurrent_calls": concurrent_calls,
    }
    create_key(context.obj, wanted, as_json=as_json)


@keys.command("list", epilog=EXIT_STATUSES)
@told
def list_(
    context: typer.Context,
    with_revoked: Annotated[bool, typer.Option("--all", help="Also those that were revoked.")] = False,
    as_json: Json = False,
) -> None:
    """Show the keys: what each may do, from where, and when it was last used. The keys themselves nobody can show."""
    from ari_app.cli.keys import list_keys

    list_keys(context.obj, with_revoked=with_revoked, as_json=as_json)


@keys.command("show", epilog=EXIT_STATUSES)
@told
def show(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show all of one key."""
    from ari_app.cli.keys import show_key

    show_key(context.obj, name, as_json=as_json)


@keys.command("change", epilog=EXIT_STATUSES)
@told
def change(
    context: typer.Context,
    name: Name,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What it may do from now on, instead of what it might until now; may be repeated.",
            autocompletion=scopes,
        ),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="From where from now on, such as 192.0.2.7 or 10.1.0.0/16, or any; may be repeated.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change what a key may do, or from where: at once, also for a running router. Secret, end and limits stay."""
    from ari_app.cli.keys import change_key

    change_key(context.obj, name, scope, network, as_json=as_json)


@keys.command("revoke", epilog=EXIT_STATUSES)
@told
def revoke(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """End a key, at once and for ever."""
    from ari_app.cli.keys import revoke_key

    revoke_key(context.obj, name, as_json=as_json)


@keys.command("rotate", epilog=EXIT_STATUSES)
@told
def rotate(
    context: typer.Context,
    name: Name,
    keep_old: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="For how long the secret until now is still taken, such as 24h; else not at all."
        ),
    ] = "",
    expires: Expires = "",
    as_json: Json = False,
) -> None:
    """Give a key a new secret, and print it. Name, scopes, networks and limits stay."""
    from ari_app.cli.keys import rotate_key, seconds

    wanted = {
        "name": name,
        "keep_old_s": seconds(keep_old, "--keep-old") or 0,
        "expires_s": seconds(expires, "--expires"),
    }
    rotate_key(context.obj, wanted, as_json=as_json)
