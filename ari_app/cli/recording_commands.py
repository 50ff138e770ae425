"""The words of `agi-router recordings`. What each of them does stands in `ari_app.cli.recordings`."""

from pathlib import Path
from typing import Annotated

import typer

from ari_app.cli.completion import call_ids, recording_ids, user_names
from ari_app.cli.outcome import EXIT_STATUSES, told
from ari_app.cli.output import Json
from ari_app.domain.recordings import RecordingKind, RecordingState

recordings = typer.Typer(
    help="Recordings of calls, and messages that callers left: find them, keep a copy, hand on a link, delete them.",
    no_args_is_help=True,
)

Recording = Annotated[
    str, typer.Argument(metavar="ID", help="The recording's id, as `list` shows it.", autocompletion=recording_ids)
]


@recordings.command("list", epilog=EXIT_STATUSES)
@told
def list_(
    context: typer.Context,
    call: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Of this call; may be repeated.", autocompletion=call_ids),
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(metavar="USER", help="Of calls in which this user took part.", autocompletion=user_names),
    ] = None,
    kind: Annotated[RecordingKind | None, typer.Option(help="Only of calls, or only messages.")] = None,
    state: Annotated[
        list[RecordingState] | None, typer.Option(help="Of this state; may be repeated. `stored` can be heard.")
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", metavar="DAY", help="Begun since this day, or moment: 2026-11-21.")
    ] = "",
    to: Annotated[str, typer.Option(metavar="DAY", help="Begun up to this day, all of it; or this moment.")] = "",
    zone: Annotated[str, typer.Option(metavar="ZONE", help="Of days and moments: Europe/Berlin.")] = "UTC",
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the newest recordings. Works beside a running router and without one."""
    from ari_app.cli.recordings import list_recordings

    period = {"from": from_, "to": to, "tz": zone}
    list_recordings(
        context.obj,
        {name: value for name, value in period.items() if value},
        call_ids=call or (),
        users=user or (),
        kinds=() if kind is None else (kind,),
        states=state or (),
        limit=limit,
        as_json=as_json,
    )


@recordings.command("fetch", epilog=EXIT_STATUSES)
@told
def fetch(
    context: typer.Context,
    recording: Recording,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Where to: a file, a folder, or - for standard output. Else ID.wav here."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="In the place of a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Copy a recording into a file. That somebody has it is put on record, as of everybody who hears one."""
    from ari_app.cli.recordings import fetch_recording

    fetch_recording(context.obj, recording, file, force=force, as_json=as_json)


@recordings.command("link", epilog=EXIT_STATUSES)
@told
def link(
    context: typer.Context,
    recording: Recording,
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="For how long it opens, such as 24h or 7d: at most 30d.")
    ] = "1h",
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Stands in the link, and where it is told who has listened.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Print a link that opens a recording in a browser, for whoever has it, until its time is over."""
    from ari_app.cli.recordings import link_recording

    link_recording(context.obj, recording, expires, name, as_json=as_json)


@recordings.command("delete", epilog=EXIT_STATUSES)
@told
def delete(
    context: typer.Context,
    recording: Recording,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a recording's file for good, also for who has a link. That there was one stays on record."""
    from ari_app.cli.recordings import delete_recording

    delete_recording(context.obj, recording, yes=yes, as_json=as_json)
