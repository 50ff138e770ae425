"""`agi-router crm activities` and `resolve`: by the running router; without one, in the database."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import CommandError, Status
from ari_app.cli.output import console, errors, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.live.activities import ActivityDesk, activity_commands, reading_activities
from ari_app.logs import LogSettings, set_up_logs
from ari_app.settings import Settings, load_control, load_settings
from ari_app.storage.activity_records import ActivityRecords
from ari_app.storage.serving import open_database

LIST: Final = "crm_activities"
RESOLVE: Final = "resolve_activity"
_STYLES: Final = {"pending": "yellow", "creating": "yellow", "unknown": "bold red", "failed": "bold red"}


def show_activities(config: Path, wanted: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the newest. Raises ControlError or StorageError."""
    told = _done(config, LIST, {name: value for name, value in wanted.items() if value})
    if as_json:
        print_json({"activities": told["items"], "next": told["next"]})
        return
    if not told["items"]:
        is_asked = any(wanted[name] for name in ("connector", "state", "call"))
        console().print("there are no such activities" if is_asked else "no CRM was told of a call so far")
        return
    console().print(_table(told["items"]))
    for each in told["items"]:
        if each["error"]:
            console().print(Text(f"{each['call_id']} at {each['connector']}: {printable(each['error'])}"))
    if told["next"] is not None:
        errors.print(f"there are more: --limit {wanted['limit'] * 2}", markup=False)


def resolve_activity(
    config: Path, call: str, connector: str, *, activity_id: str, again: bool, dismiss: bool, as_json: bool
) -> None:
    """Raises ControlError when there is none, or it needs nobody; CommandError for anything but one wish."""
    if bool(activity_id) + again + dismiss != 1:
        raise CommandError(
            "what is to become of the activity is not clear",
            "Say one of --activity ID (the CRM has it), --again (it has not) and --dismiss.",
            Status.USAGE,
        )
    action = "adopt" if activity_id else "again" if again else "dismiss"
    given = {"call": call, "connector": connector, "action": action, "activity_id": activity_id}
    told = _done(config, RESOLVE, given)
    if as_json:
        print_json(told)
        return
    what = {
        "adopt": f"goes on as {printable(activity_id)}",
        "again": "is tried again",
        "dismiss": "is left as it is",
    }
    console().print(Text(f"the activity of {printable(call)} at {printable(connector)} {what[action]}"))


def _table(items: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("began", "call", "crm", "state", "id", "left", "next"):
        table.add_column(column, overflow="fold", no_wrap=column in {"began", "call", "crm", "state"})
    for each in items:
        cells = (
            _moment(each["created_at"]),
            each["call_id"],
            each["connector"],
            each["state"],
            each["activity_id"],
            ", ".join(each["left"]) or each["doing"],
            _moment(each["due_at"]) if each["attempts"] else "",
        )
        table.add_row(*(Text(printable(cell)) for cell in cells), style=_STYLES.get(each["state"], ""))
    return table


def _moment(at: str | None) -> str:
    return "" if at is None else f"{datetime.fromisoformat(at).astimezone():%m-%d %H:%M}"


def _done(config: Path, command: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return ask(load_control(config), command, 10.0, given)
    except NoRouterError:
        return asyncio.run(_done_alone(load_settings(config), command, given))


async def _done_alone(settings: Settings, command: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    set_up_logs(LogSettings(level="error"))
    async with reading_activities(settings.storage) if command == LIST else _changing(settings) as desk:
        return await activity_commands(desk)[command](given)


@asynccontextmanager
async def _changing(settings: Settings) -> AsyncIterator[ActivityDesk]:
    """With the lock that a serving router would hold. Raises StorageError when another process holds it."""
    async with open_database(settings.storage) as database:
        yield ActivityDesk(ActivityRecords(database.writer, database.reader))
