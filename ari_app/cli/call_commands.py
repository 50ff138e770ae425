"""The words of the subcommands about calls: those on record, a new one, and those that go on."""

from typing import Annotated

import typer

from ari_app.cli.completion import (
    call_ids,
    campaign_ids,
    live_call_ids,
    steering_actions,
    steering_values,
    user_names,
)
from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json

calling = typer.Typer()


@calling.command(epilog=EXIT_STATUSES)
@told
def calls(
    context: typer.Context,
    call_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A call's id, or as much of it as is unambiguous.", autocompletion=call_ids),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=1, max=100_000, help="How many calls: 20, as CSV all.", show_default=False),
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(metavar="USER", help="In which this user took part.", autocompletion=user_names),
    ] = None,
    queue: Annotated[list[str] | None, typer.Option(metavar="ID", help="That waited in this queue.")] = None,
    team: Annotated[list[str] | None, typer.Option(metavar="ID", help="For which this team was rung.")] = None,
    number: Annotated[
        list[str] | None, typer.Option(metavar="NUMBER", help="With this number on either side, in any form.")
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", metavar="DAY", help="Since this day, or moment: 2026-11-21, 2026-11-21T09:00:00.")
    ] = "",
    to: Annotated[str, typer.Option(metavar="DAY", help="Up to this day, all of it; or this moment.")] = "",
    zone: Annotated[str, typer.Option(metavar="ZONE", help="Of days and moments: Europe/Berlin.")] = "UTC",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    as_json: Json = False,
) -> None:
    """Show the newest calls; with an ID, that call step by step. Works beside a running router and without one."""
    from ari_app.cli.call_views import print_csv, show_call, show_calls

    given = {"user": user, "queue": queue, "team": team, "number": number, "from": from_, "to": to}
    asked = {name: value for name, value in given.items() if value}
    if asked or zone != "UTC":
        asked["tz"] = zone
    if call_id is not None:
        show_call(context.obj, call_id, as_json=as_json)
    elif as_csv:
        print_csv(context.obj, asked, limit)
    else:
        show_calls(context.obj, asked, limit or 20, as_json=as_json)


@calling.command(epilog="Exit status: 0 the two have spoken, 1 they have not, 2 wrong usage or configuration.")
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
    record: Annotated[
        bool | None,
        typer.Option("--record/--no-record", help="Record the talk, or not, where recordings are not off."),
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
        "record": record,
    }
    place_call(context.obj, request, as_json=as_json)


@calling.command(epilog=EXIT_STATUSES)
@told
def live(context: typer.Context, as_json: Json = False) -> None:
    """Show the calls that go on right now: who speaks with whom, who holds, who is muted, what is recorded."""
    from ari_app.cli.live_calls import show_live

    show_live(context.obj, as_json=as_json)


@calling.command(epilog=EXIT_STATUSES)
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
