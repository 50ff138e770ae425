"""`agi-router recordings`: found in the database; heard, linked and deleted by the running router, or without one."""

import asyncio
import hashlib
import os
import pwd
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import typer
from rich.table import Table
from rich.text import Text

from agi_router.directory.directory import Directory
from ari_app.app.recording_links import links_below
from ari_app.cli.keys import seconds
from ari_app.cli.options import read_options
from ari_app.cli.outcome import CommandError, Status
from ari_app.cli.output import console, errors, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.history import Page, Paging
from ari_app.domain.recordings import RecordingFilter, RecordingKind, RecordingState, StoredRecording
from ari_app.domain.wording import printable
from ari_app.live.recording_commands import recording_as_json, recording_commands
from ari_app.live.recordings import open_recordings
from ari_app.logs import LogSettings, set_up_logs
from ari_app.recordings.folder import FolderStore
from ari_app.settings import Settings, load_control, load_settings
from ari_app.storage.call_reader import reading
from ari_app.storage.recording_reader import RecordingPages
from ari_app.storage.serving import open_database
from ari_app.web.call_filter import WantedPeriod, user_ids

STANDARD_OUTPUT: Final = Path("-")
_STYLES: Final = {
    RecordingState.RUNNING: "cyan",
    RecordingState.ENDED: "yellow",
    RecordingState.STORED: "green",
    RecordingState.LOST: "red",
    RecordingState.DELETED: "dim",
}


def list_recordings(
    config: Path,
    period: Mapping[str, str],
    *,
    call_ids: Sequence[str],
    users: Sequence[str],
    kinds: Sequence[RecordingKind],
    states: Sequence[RecordingState],
    limit: int,
    as_json: bool,
) -> None:
    """Print the newest. Raises ConfigError, StorageError, and CommandError for a wrong day or zone."""
    settings = load_settings(config)
    directory = Directory(settings.routing.users, (), settings.routing.policy)
    wanted = RecordingFilter(
        period=read_options(WantedPeriod, period, lambda given: given.period, command="agi-router recordings list"),
        call_ids=tuple(call_ids),
        users=user_ids(users, directory.user_called),
        kinds=tuple(kinds),
        states=tuple(states),
    )
    page = asyncio.run(_found(settings, wanted, limit))
    if as_json:
        print_json({"recordings": list(map(recording_as_json, page.items)), "total": page.total})
    elif page.items:
        console().print(_table(page.items))
        if page.next is not None:
            errors.print(f"{page.total} in all; --limit shows more of them", markup=False)
    else:
        is_asked = wanted != RecordingFilter()
        console().print("no recordings like that on record" if is_asked else "nothing was recorded so far")


def fetch_recording(config: Path, recording_id: str, file: Path | None, *, force: bool, as_json: bool) -> None:
    """Copy it, whole or not at all. Raises ControlError, StoreError, and CommandError for a file that can't be it."""
    settings = load_settings(config)
    if file == STANDARD_OUTPUT and as_json:
        raise CommandError("standard output is for the sound, or for JSON", "Name a file.", Status.USAGE)
    given = file or Path()
    path = given / f"{recording_id}.wav" if given.is_dir() else given
    if path != STANDARD_OUTPUT and path.exists() and not force:
        raise CommandError(f"{printable(str(path))} is there already", "Name another file, or say --force.")
    told = _done(config, "hear_recording", {"id": recording_id})
    read = FolderStore(settings.recordings.folder).read(told["place"])
    if path == STANDARD_OUTPUT:
        asyncio.run(_copy(read, sys.stdout.buffer.write, told))
        return
    _write(path, lambda write: asyncio.run(_copy(read, write, told)))
    if as_json:
        print_json({**{name: value for name, value in told.items() if name != "place"}, "file": str(path)})
    else:
        lengths = filter(None, (f"{told['size']} bytes", _length(told["seconds"])))
        console().print(Text(f"{printable(str(path))}: {', '.join(lengths)}"), soft_wrap=True)


def link_recording(config: Path, recording_id: str, expires: str, name: str, *, as_json: bool) -> None:
    """Print it, alone on standard output. Raises ControlError, and CommandError for what is no length of time."""
    wanted = {"id": recording_id, "expires_s": seconds(expires, "--expires"), "name": name}
    made = _done(config, "link_recording", {key: value for key, value in wanted.items() if value})
    if as_json:
        print_json(made)
        return
    console().print(Text(made["url"]), soft_wrap=True)
    until = datetime.fromisoformat(made["expires_at"]).astimezone()
    errors.print(
        f"Whoever has this link hears the recording until {until:%Y-%m-%d %H:%M}; it stands as {made['link']} in the "
        "list of who has listened.",
        markup=False,
        soft_wrap=True,
    )


def delete_recording(config: Path, recording_id: str, *, yes: bool, as_json: bool) -> None:
    """Delete its file. Raises ControlError when there is none, or it is not stored yet."""
    if not yes:
        typer.confirm(f"Delete the recording {printable(recording_id)} for ever?", abort=True, err=True)
    deleted = _done(config, "delete_recording", {"id": recording_id})
    if as_json:
        print_json(deleted)
    else:
        console().print(
            Text(f"the recording {printable(recording_id)} is deleted: {deleted['reason']}"), soft_wrap=True
        )


def _done(config: Path, command: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    asked = {**given, "by": _login()}
    try:
        return ask(load_control(config), command, arguments=asked)
    except NoRouterError:
        return asyncio.run(_done_alone(load_settings(config), command, asked))


async def _done_alone(settings: Settings, command: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the lock that a serving router would hold. Raises StorageError when another process holds it."""
    set_up_logs(LogSettings(level="warning"))  # standard output is for what was asked for
    async with (
        open_database(settings.storage) as database,
        open_recordings(database, settings.recordings.folder) as desk,
    ):
        return await recording_commands(desk, lambda: links_below(settings))[command](asked)


def _login() -> str:
    """Who runs the command, by the system and not by his environment."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


async def _found(settings: Settings, wanted: RecordingFilter, limit: int) -> Page[StoredRecording]:
    async with reading(settings.storage) as engine:
        return await RecordingPages(engine).page(wanted, Paging(limit=limit))


def _write(path: Path, fill: Callable[[Callable[[bytes], object]], None]) -> None:
    """The file is whole under its name, or not there; its owner alone may read it."""
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            try:
                fill(file.write)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise CommandError(
            f"{printable(str(path))} can't be written: {error.strerror or error}", "Name a file in another place."
        ) from None


async def _copy(read: AsyncGenerator[bytes], write: Callable[[bytes], object], recording: Mapping[str, Any]) -> None:
    digest = hashlib.sha256()
    async with aclosing(read):
        async for piece in read:
            write(piece)
            digest.update(piece)
    if digest.hexdigest() != recording["sha256"]:
        raise CommandError(
            f"the file of the recording {recording['id']} is not what was stored: its checksum is another",
            "Look after the disk, and who may write there; a backup has it as it was.",
        )


def _table(recordings: Sequence[StoredRecording]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("began", "id", "kind", "state", "length", "note"):
        table.add_column(column, overflow="fold", no_wrap=column not in {"id", "note"})
    for each in recordings:
        table.add_row(
            f"{each.started_at.astimezone():%Y-%m-%d %H:%M}",
            Text(printable(each.id)),
            each.kind.value,
            Text(each.state.value, _STYLES[each.state]),
            _length(each.seconds),
            Text(printable(each.reason or each.mailbox)),
        )
    return table


def _length(seconds_: float | None) -> str:
    return "" if seconds_ is None else f"{seconds_:.1f} s"
