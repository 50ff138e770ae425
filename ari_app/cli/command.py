"""The command's words: options, arguments and help. What each subcommand does stands in its own module."""

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from ari_app.cli.agent_commands import agents
from ari_app.cli.call_commands import calling
from ari_app.cli.completion import dialplan_files, route_names
from ari_app.cli.crm_commands import crm
from ari_app.cli.crm_connection_commands import connections
from ari_app.cli.history_commands import history
from ari_app.cli.key_commands import keys
from ari_app.cli.message_commands import reaching
from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json
from ari_app.cli.recording_commands import recordings
from ari_app.cli.webhook_commands import webhooks

app = typer.Typer(
    help="Routes Asterisk calls by the answer of your own HTTP API.",
    epilog=EXIT_STATUSES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they would show local variables, and with them secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)
database = typer.Typer(help="Look after the database.", no_args_is_help=True)
app.add_typer(calling)
app.add_typer(reaching)
app.add_typer(database, name="db")
app.add_typer(agents, name="agents")
app.add_typer(keys, name="keys")
app.add_typer(webhooks, name="webhooks")
app.add_typer(history, name="history")
app.add_typer(recordings, name="recordings")
crm.add_typer(connections)
app.add_typer(crm, name="crm")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"agi-router {version('agi-router')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path,
        typer.Option(
            "--config",
            "-c",
            envvar="AGI_ROUTER_CONFIG",
            metavar="FILE_OR_FOLDER",
            help="The configuration: a YAML file, or a folder of them.",
            readable=False,  # our own message tells what to do
        ),
    ] = Path("/etc/agi-router/agi-router.yaml"),
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Keep what all subcommands need."""
    context.obj = config


@app.command(epilog=EXIT_STATUSES)
@told
def serve(context: typer.Context) -> None:
    """Run the router until it is told to stop (SIGTERM, Ctrl-C); SIGHUP loads the configuration again."""
    # From the first moment on it must not end the router; it waits until there is one to take it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    from ari_app.cli.serving import serve_until_stopped

    serve_until_stopped(context.obj)


@app.command("check-config", epilog="Exit status: 0 the configuration can be used, 1 it has mistakes, 2 wrong usage.")
@told
def check_config(context: typer.Context, as_json: Json = False) -> None:
    """Check the configuration: all its problems by file and line, or a summary."""
    from ari_app.cli.checking import check

    check(context.obj, as_json=as_json)


@app.command("test-route", epilog=EXIT_STATUSES)
@told
def test_route(
    context: typer.Context,
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="The route's name.", autocompletion=route_names)],
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="The caller's number in E.164, such as +14155550177.")
    ],
    called: Annotated[str, typer.Option(metavar="NUMBER", help="The number that was called.")] = "",
    name: Annotated[str, typer.Option(help="The caller's name.")] = "",
    withheld: Annotated[
        bool, typer.Option("--withheld", help="The caller withholds number and name; NUMBER is then not sent.")
    ] = False,
    header: Annotated[
        list[str] | None, typer.Option(metavar="X-Foo=VALUE", help="A SIP header of the call; may be repeated.")
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A channel variable; may be repeated.")
    ] = None,
    last_good: Annotated[
        bool,
        typer.Option("--last-good", help="If the API is down, take the caller's last good answer, as a call would."),
    ] = False,
    at: Annotated[
        str, typer.Option(metavar="TIME", help='Another moment for business hours, such as "2026-12-25 10:00".')
    ] = "",
    as_json: Json = False,
) -> None:
    """Ask the API as a call would, and show who would ring. Rings nobody; needs no Asterisk."""
    from ari_app.cli.dry_run_view import dry_run
    from ari_app.live.dry_run import Question

    question = Question(
        route=route,
        number=number,
        called=called,
        name=name,
        withheld=withheld,
        headers=tuple(header or ()),
        variables=tuple(var or ()),
        last_good=last_good,
        at=at,
    )
    dry_run(context.obj, question, as_json=as_json)


@app.command(epilog=EXIT_STATUSES)
@told
def status(context: typer.Context, as_json: Json = False) -> None:
    """Ask the running router how it is."""
    from ari_app.cli.router_status import show_status

    show_status(context.obj, as_json=as_json)


@app.command(epilog=EXIT_STATUSES)
@told
def policy(
    context: typer.Context,
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="Would this number be dialled now? In E.164, such as +14155550177.")
    ] = "",
    route: Annotated[
        str, typer.Option(metavar="ROUTE", help="For a caller of this route.", autocompletion=route_names)
    ] = "",
    key: Annotated[str, typer.Option(metavar="KEY", help="For a program with the API key of this name.")] = "",
    as_json: Json = False,
) -> None:
    """Show how much was dialled outside, and what the limits are; with a NUMBER, whether it would be dialled now."""
    from ari_app.cli.policy_view import show_policy

    show_policy(context.obj, number, route, key, as_json=as_json)


@app.command(epilog="Exit status: 0 the configuration was taken, 1 it was refused, 2 no router was reached.")
@told
def reload(context: typer.Context, as_json: Json = False) -> None:
    """Have the running router load its configuration again. Calls keep the one they began with."""
    from ari_app.cli.reload import reload_router

    reload_router(context.obj, as_json=as_json)


@app.command(epilog=EXIT_STATUSES)
@told
def doctor(
    context: typer.Context,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors, too.")] = False,
    as_json: Json = False,
) -> None:
    """Look whether all is there that calls need: Asterisk, devices, trunks, APIs, database. Places no call."""
    from ari_app.cli.doctor import examine_everything

    examine_everything(context.obj, strict=strict, as_json=as_json)


@app.command(epilog=EXIT_STATUSES)
@told
def dialplan(
    name: Annotated[
        str,
        typer.Argument(
            help="Which file: also ari.conf, http.conf, manager.conf, pjsip.conf, queues.conf.",
            autocompletion=dialplan_files,
        ),
    ] = "agi-router.conf",
) -> None:
    """Print what Asterisk includes: the dialplan, or one of the samples beside it."""
    from ari_app.cli.dialplan_files import print_file

    print_file(name)


@database.command("upgrade", epilog=EXIT_STATUSES)
@told
def upgrade(context: typer.Context) -> None:
    """Bring the database to this version's revision, as a starting router does by itself."""
    from ari_app.cli.database import upgrade_database

    upgrade_database(context.obj)


@database.command("current", epilog=EXIT_STATUSES)
@told
def current(context: typer.Context, as_json: Json = False) -> None:
    """Show the database's revision, and the one this version needs."""
    from ari_app.cli.database import show_revision

    show_revision(context.obj, as_json=as_json)


def main() -> None:
    """The entry point."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A caller's name in letters that the terminal does not know must not end the command.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="agi-router")
    finally:
        _flush()


def _flush() -> None:
    """A reader such as `head` that went away is no error, also not at the interpreter's own last flush."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
