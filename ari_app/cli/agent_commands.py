"""The words of `agi-router agents`. What each of them does stands in `ari_app.cli.agents`."""

from typing import Annotated, Literal

import typer

from ari_app.cli.completion import user_names
from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json

agents = typer.Typer(
    help="Show how each user stands: registered, in a call, in wrap-up, logged in to queues, on break; or change it.",
    epilog=EXIT_STATUSES,
    invoke_without_command=True,
)

User = Annotated[
    str,
    typer.Argument(metavar="USER", help="An id, e-mail address or extension.", autocompletion=user_names),
]
Queue = Annotated[str, typer.Option(metavar="QUEUE", help="In this queue alone, by its id or name.")]


@agents.callback()
@told
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show how each user stands, where nothing is to be changed."""
    if context.invoked_subcommand is None:
        from ari_app.cli.agents import show_agents

        show_agents(context.obj, as_json=as_json)


@agents.command(epilog=EXIT_STATUSES)
@told
def pause(
    context: typer.Context,
    user: User,
    queue: Queue = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, such as lunch.")] = "",
    as_json: Json = False,
) -> None:
    """Let USER have a break: his queues give him no calls. Needs asterisk.ami, with write = agent in manager.conf."""
    from ari_app.cli.agents import change_agent

    change_agent(context.obj, {"user": user, "action": "pause", "queue": queue, "reason": reason}, as_json=as_json)


@agents.command(epilog=EXIT_STATUSES)
@told
def resume(context: typer.Context, user: User, queue: Queue = "", as_json: Json = False) -> None:
    """End USER's break."""
    from ari_app.cli.agents import change_agent

    change_agent(context.obj, {"user": user, "action": "resume", "queue": queue}, as_json=as_json)


@agents.command(epilog=EXIT_STATUSES)
@told
def dnd(
    context: typer.Context,
    user: User,
    state: Annotated[Literal["on", "off"], typer.Argument(metavar="on|off")],
    as_json: Json = False,
) -> None:
    """Say for USER that he does not want to be disturbed, or that he may be."""
    from ari_app.cli.agents import change_agent

    change_agent(context.obj, {"user": user, "action": "dnd", "on": state == "on"}, as_json=as_json)


@agents.command("end-wrap-up", epilog=EXIT_STATUSES)
@told
def end_wrap_up(context: typer.Context, user: User, as_json: Json = False) -> None:
    """Let USER take calls again at once, before the wrap-up of his team is over."""
    from ari_app.cli.agents import change_agent

    change_agent(context.obj, {"user": user, "action": "end-wrap-up"}, as_json=as_json)
