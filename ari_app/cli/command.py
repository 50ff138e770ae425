"""The command's words: options, arguments and help. What each subcommand does stands in its own module."""

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from ari_app.cli.completion import (
    call_ids,
    campaign_ids,
    dialplan_files,
    live_call_ids,
    route_names,
    steering_actions,
    steering_values,
    user_names,
)
from ari_app.cli.outcome import told

EXIT_STATUSES = "Exit status: 0 done, 1 it could not be done, 2 wrong usage or configuration, 3 serve was replaced."

app = typer.Typer(
    help="Routes Asterisk calls by the answer of your own HTTP API.",
    epilog=EXIT_STATUSES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they would show local variables, and with them secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)
database = typer.Typer(help="Look after the database.", no_args_is_help=True)
app.add_typer(database, name="db")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


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
    from ari_app.cli.dry_run import Question
    from ari_app.cli.dry_run_view import dry_run

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
def calls(
    context: typer.Context,
    call_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A call's id, or as much of it as is unambiguous.", autocompletion=call_ids),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many calls.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the newest calls; with an ID, that call step by step. Works beside a running router and without one."""
    from ari_app.cli.call_views import show_call, show_calls

    if call_id is None:
        show_calls(context.obj, limit, as_json=as_json)
    else:
        show_call(context.obj, call_id, as_json=as_json)


@app.command(epilog="Exit status: 0 the two have spoken, 1 they have not, 2 wrong usage or configuration.")
@told
def call(
    context: typer.Context,
    user: Annotated[
        str,
        typer.Argument(
            metavar="AGENT", help="Who is to speak: an id, e-mail address or extension.", autocompletion=user_names
        ),
    ],
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Whom to call: a number outside, or an extension.")],
    name: Annotated[str, typer.Option(help="Whose number it is, for the agent's phones.")] = "",
    campaign: Annotated[
        str, typer.Option(metavar="ID", help="Call by this campaign.", autocompletion=campaign_ids)
    ] = "",
    customer_first: Annotated[
        bool, typer.Option("--customer-first", help="Call the customer, then the agent.")
    ] = False,
    caller_id: Annotated[str, typer.Option(metavar="NUMBER", help="Show the customer this number of yours.")] = "",
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter, as a channel variable; may be repeated."),
    ] = None,
    agent_ring: Annotated[
        float | None,
        typer.Option(
            "--agent-ring", metavar="SECONDS", min=5, max=3600, help="How long the agent's phones ring, 5 to 3600."
        ),
    ] = None,
    customer_ring: Annotated[
        float | None,
        typer.Option(
            "--customer-ring", metavar="SECONDS", min=5, max=3600, help="How long the customer's does, 5 to 3600."
        ),
    ] = None,
    talk: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="The longest talk, at most the configured one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Have the running router place a call: AGENT's phones ring, then NUMBER. Shows what happens, to the end."""
    from ari_app.cli.placing import parameters, place_call

    request = {
        "user": user,
        "number": number,
        "name": name,
        "campaign": campaign,
        "first": "customer" if customer_first else None,
        "caller_id": caller_id,
        "parameters": parameters(param or ()),
        "agent_ring_s": agent_ring,
        "customer_ring_s": customer_ring,
        "talk_s": talk,
    }
    place_call(context.obj, request, as_json=as_json)


@app.command(epilog=EXIT_STATUSES)
@told
def live(context: typer.Context, as_json: Json = False) -> None:
    """Show the calls that go on right now: who speaks with whom, who holds, who is muted, what is recorded."""
    from ari_app.cli.live_calls import show_live

    show_live(context.obj, as_json=as_json)


@app.command(epilog=EXIT_STATUSES)
@told
def steer(
    context: typer.Context,
    call_id: Annotated[
        str,
        typer.Argument(
            metavar="CALL", help="A live call's id, or as much of it as fits one.", autocompletion=live_call_ids
        ),
    ],
    action: Annotated[
        str,
        typer.Argument(
            metavar="ACTION",
            help="hangup, hold, resume, mute, unmute, dtmf KEYS, transfer TARGET, consult TARGET, complete, cancel, "
            "record start|stop|pause|resume.",
            autocompletion=steering_actions,
        ),
    ],
    value: Annotated[
        str,
        typer.Argument(metavar="[VALUE]", help="What the action needs.", autocompletion=steering_values),
    ] = "",
    party: Annotated[
        str, typer.Option(metavar="PARTY", help="Who acts: caller or leg-1, as `live` shows them; else the agent.")
    ] = "",
) -> None:
    """Do something with a live call, as if PARTY pressed that key."""
    from ari_app.cli.live_calls import steer_call

    steer_call(context.obj, call_id, action, value, party)


@app.command(epilog=EXIT_STATUSES)
@told
def agents(context: typer.Context, as_json: Json = False) -> None:
    """Show how each user stands: registered, in a call, in wrap-up, logged in to queues, on break."""
    from ari_app.cli.agents import show_agents

    show_agents(context.obj, as_json=as_json)


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
