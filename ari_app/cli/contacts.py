"""`agi-router contacts` and `crm sync`: the phone book is searched, and brought up to date."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import CommandError, Status, unfound
from ari_app.cli.output import console, errors, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.control.settings import ControlError, ControlSettings
from ari_app.domain.contacts import ContactKind
from ari_app.domain.phone_book import BookEntry, ContactFilter, SyncRun, SyncState, searched_for
from ari_app.domain.unavailable import UnavailableError
from ari_app.domain.wording import printable
from ari_app.live.contact_json import entry_as_json, sync_as_json
from ari_app.settings import load_control, load_settings
from ari_app.storage.phone_book_reader import read_phone_book
from ari_app.storage.settings import StorageSettings

LOOK_AGAIN_S: Final = 0.25


def show_contacts(
    config: Path,
    search: str,
    number: str,
    *,
    connectors: Sequence[str],
    kinds: Sequence[ContactKind],
    limit: int,
    as_json: bool,
) -> None:
    """Print those that fit, by their names. Raises StorageError."""
    settings = load_settings(config)
    wanted = searched_for(search, number, settings.routing.policy.region, connectors=connectors, kinds=kinds)
    entries, total, runs = asyncio.run(_found(settings.storage, wanted, limit))
    if as_json:
        print_json({"items": [entry_as_json(entry) for entry in entries], "total": total})
        return
    if entries:
        _show(entries)
    else:
        is_searched = wanted != ContactFilter()
        console().print("no contact like that in the phone book" if is_searched else "the phone book is empty")
    if len(entries) < total:
        errors.print(f"{total - len(entries)} more: name further words, or -n {min(total, 200)}", soft_wrap=True)
    for name, run in sorted(runs.items()):
        if run.failure is not None:
            hint = f"{name} was not read to the end the last time: {run.failure.message}"
            errors.print(printable(hint), style="yellow", markup=False, soft_wrap=True)


def synchronise(config: Path, name: str, *, full: bool, as_json: bool) -> None:
    """Have a run begin, or join the one that goes on, and show it to its end; `full`: one that reads all contacts.

    Raises CommandError when it broke off or no router runs, ControlError for what cannot be read.
    """
    control = load_control(config)
    try:
        begun = ask(control, "crm_sync", arguments={"crm": name, "full": full})
    except NoRouterError as error:
        remedy = f"Start one: agi-router --config {config} serve. It reads contacts by itself, by phone_book.every."
        raise unfound(config, error, remedy, Status.FAILED) from None
    told = _followed(control, name, begun)
    if as_json:
        print_json(told)
    trouble = told["trouble"]
    if trouble is not None:
        where = f"at page {told['page']} of {told['hook']}" if told["hook"] else "before the first page"
        raise CommandError(
            f"the contacts of {name} were not read to the end, it broke off {where}: {trouble['message']}"
            f" [{trouble['code']}]; those of the phone book stay",
            trouble["remedy"],
        )
    if not as_json:
        console().print(_read(name, told), soft_wrap=True)
        if told["unusable"]:
            errors.print(f"{told['unusable']} records have no id that can be kept; they were left out", soft_wrap=True)


def _read(name: str, told: Mapping[str, Any]) -> str:
    of_them = f"{told['changed']} were new or had changed"
    if not told["full"]:
        return f"read {told['seen']} contacts of {name} that may have changed: {of_them}; --full reads all of them"
    return f"read {told['seen']} contacts of {name}: {of_them}, {told['deleted']} were deleted"


def phone_books(config: Path) -> Sequence[Mapping[str, Any]]:
    """The last run of each CRM that had one, beside a running router and without one; none where nobody can tell."""
    try:
        told = ask(load_control(config), "phone_books")["phone_books"]
    except NoRouterError:
        try:
            runs = asyncio.run(_runs(load_settings(config).storage))
        except UnavailableError:
            return ()
        told = [sync_as_json(name, run) for name, run in sorted(runs.items())]
    except ControlError:
        return ()
    return [each for each in told if each["state"] is not None]


def show_phone_book(told: Mapping[str, Any]) -> None:
    """How the copy of one CRM's contacts stands, in a line, and one more for what is wrong with it."""
    whole_at = "never" if told["whole_at"] is None else f"at {told['whole_at'][:19].replace('T', ' ')} UTC"
    line = f"{told['connector']}: all contacts were last read into the phone book {whole_at}"
    console().print(Text(printable(line)), soft_wrap=True)
    if (trouble := told["trouble"]) is not None:
        where = f"{told['hook']}, page {told['page']}: " if told["hook"] else ""
        goes_on = told["state"] == SyncState.RUNNING
        state = "a run goes on, and asks for a page once more" if goes_on else "the last run broke off"
        broken = f"{told['connector']}: {state}: {where}{trouble['message']} [{trouble['code']}]"
        console().print(Text(printable(broken), style="yellow"), soft_wrap=True)


def _followed(control: ControlSettings, name: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(name, total=None, told="")
        while told["state"] == SyncState.RUNNING:
            shown = f"{told['hook']}, page {told['page']}: {told['seen']} contacts" if told["hook"] else ""
            if told["trouble"] is not None:
                shown += f"; once more, as {printable(told['trouble']['message'])}"
            progress.update(task, told=shown)
            time.sleep(LOOK_AGAIN_S)
            told = ask(control, "crm_synced", arguments={"crm": name})
    return told


async def _runs(storage: StorageSettings) -> Mapping[str, SyncRun]:
    async with read_phone_book(storage) as book:
        return await book.runs()


async def _found(
    storage: StorageSettings, wanted: ContactFilter, limit: int
) -> tuple[Sequence[BookEntry], int, Mapping[str, SyncRun]]:
    async with read_phone_book(storage) as book:
        entries, total = await book.search(wanted, offset=0, limit=limit)
        return entries, total, await book.runs()


def _show(entries: Sequence[BookEntry]) -> None:
    table = Table(box=None, header_style="dim")
    for column in ("name", "company", "phones", "e-mail", "crm", "id"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        contact = entry.contact
        company = "organization" if contact.kind is ContactKind.ORGANIZATION else contact.company
        cells = (contact.name, company, ", ".join(contact.phones), contact.email, contact.connector, contact.id)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console().print(table)
