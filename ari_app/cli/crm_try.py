"""`agi-router crm try`: runs one hook of a CRM for real, and shows what was asked and what came."""

import asyncio
import json
import mimetypes
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import typer
from rich.table import Table
from rich.text import Text

from agi_router.document.problems import suggestion
from agi_router.lookup.grants import ShortMemory
from agi_router.routing.decision import ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure
from agi_router.routing.numbers import normalise
from agi_router.routing.printable import printable as as_long
from ari_app.app.crm import crm_for_command
from ari_app.calls.clock import now
from ari_app.cli.crm_named import pairs
from ari_app.cli.outcome import CommandError, Status
from ari_app.cli.output import console, errors, print_json
from ari_app.crm.access import missing_properties
from ari_app.crm.connector import Connector
from ari_app.crm.document import find, with_defaults
from ari_app.crm.document.variables import taken
from ari_app.crm.finding import number_values
from ari_app.crm.settings import ConnectorSettings
from ari_app.domain.crm import HookError, HookName, Record, Upload
from ari_app.domain.wording import printable
from ari_app.logs import LogSettings, set_up_logs
from ari_app.settings import Settings, load_settings

MOST_SHOWN: Final = 4000
MOST_RECORDS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be tried. `crm` names a connector of the configuration or a document."""

    crm: str
    hook: str
    values: Sequence[str] = ()
    properties: Sequence[str] = ()
    file: Path | None = None
    deadline_s: float = 15.0
    only_shown: bool = False
    all_pages: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of it. `failure` is None when the hook did what it should."""

    sent: SentRequest | None
    received: ReceivedAnswer | None = None
    records: Sequence[Record] = field(default=())
    failure: Failure | None = None
    is_undone: bool = False
    pages: int = 0


def try_hook(config: Path, wish: Wish, *, as_json: bool) -> None:
    """Ends with status 1 when the hook failed. Raises CommandError, ConfigError, StorageError."""
    set_up_logs(LogSettings(level="error"))
    hook = _hook(wish.hook)
    tried = asyncio.run(_tried(load_settings(config), wish, hook))
    if as_json:
        print_json({"hook": hook.value, "ok": tried.failure is None, **asdict(tried)})
    else:
        _print(tried, is_sent=not wish.only_shown)
    if tried.failure is not None:
        raise typer.Exit(Status.FAILED)


def _hook(given: str) -> HookName:
    names = {name.value.lower(): name for name in HookName}
    if given.lower() not in names:
        raise CommandError(
            f'there is no hook "{printable(given)}"{suggestion(given, [name.value for name in HookName])}',
            "agi-router crm check shows what a document offers.",
            Status.USAGE,
        )
    return names[given.lower()]


async def _tried(settings: Settings, wish: Wish, hook: HookName) -> Tried:
    values = _values(wish, hook, settings.routing.policy.region)
    upload = _upload(wish.file)
    async with _connector(settings, wish) as connector:
        try:
            if wish.only_shown:
                return Tried(sent=connector.rendered(hook, values, upload))
            if not wish.all_pages:
                answer = await connector.run(hook, values, deadline_s=wish.deadline_s, upload=upload)
                return Tried(sent=answer.sent, received=answer.received, records=answer.records, pages=1)
            answers = [each async for each in connector.pages(hook, values, deadline_s=wish.deadline_s)]
            records = [record for answer in answers for record in answer.records]
            last = answers[-1]
            return Tried(sent=last.sent, received=last.received, records=records, pages=len(answers))
        except HookError as error:
            return Tried(sent=error.sent, received=error.received, failure=error.failure, is_undone=error.is_undone)


@asynccontextmanager
async def _connector(settings: Settings, wish: Wish) -> AsyncIterator[Connector]:
    """That of the configuration, else one of the document with the properties that are given here."""
    if wish.crm in {each.name for each in settings.crm.connectors}:
        if wish.properties:
            raise CommandError(
                f"{wish.crm} has its properties by its configuration and its login",
                "Leave --property out, or name the document instead of the connector.",
                Status.USAGE,
            )
        async with crm_for_command(settings, wish.crm) as connector:
            yield connector
        return
    document = find(wish.crm, Path())
    given = pairs(wish.properties, "--property")
    unknown = [name for name in given if name not in {each.name for each in document.properties}]
    if unknown:
        raise CommandError(
            f'"{printable(unknown[0])}" is no property of {document.name}'
            f"{suggestion(unknown[0], [each.name for each in document.properties])}",
            "agi-router crm check shows its properties.",
            Status.USAGE,
        )
    if missing := missing_properties(document, with_defaults(document, given)):
        raise CommandError(
            f"{document.name} needs {', '.join(missing)}",
            f'Give it: --property "{missing[0]}=VALUE", or =@FILE.',
            Status.USAGE,
        )
    made = ConnectorSettings(name=document.id, document=document, properties=given)
    async with Connector(made, settings.routing.guard, ShortMemory()) as connector:
        yield connector


def _values(wish: Wish, hook: HookName, region: str) -> dict[str, str]:
    values = pairs(wish.values, "--with")
    known = taken(hook)
    for name in values:
        if name not in known:
            raise CommandError(
                f"{hook.value} knows no ${printable(name)}${suggestion(name, known)}", "Correct --with.", Status.USAGE
            )
    of_file = {}
    if wish.file is not None and wish.file.is_file():
        of_file = {
            "file_name": wish.file.name,
            "media_type": _media_type(wish.file),
            "file_size": str(wish.file.stat().st_size),
        }
    return {"now": now().isoformat(timespec="seconds"), **_of_number(hook, values, region), **of_file, **values}


def _of_number(hook: HookName, values: Mapping[str, str], region: str) -> dict[str, str]:
    """As a call asks: with the number in all of its forms."""
    text = values.get("phone") or values.get("number", "")
    number = normalise(text, region) if hook is HookName.FIND_CONTACT else None
    return {} if number is None else number_values(number, text)


def _upload(file: Path | None) -> Upload | None:
    return None if file is None else Upload(path=file, file_name=file.name, media_type=_media_type(file))


def _media_type(file: Path) -> str:
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _print(tried: Tried, *, is_sent: bool) -> None:
    out = console()
    if tried.sent is not None:
        out.print(Text(f"{tried.sent.method} {tried.sent.url}", style="bold"), soft_wrap=True)
        for name, value in tried.sent.headers.items():
            out.print(Text(printable(f"{name}: {value}"), style="dim"), soft_wrap=True)
        if tried.sent.body:
            out.print(Text(_pretty(tried.sent.body)), soft_wrap=True)
    if tried.received is not None:
        out.print()
        out.print(Text(f"{tried.received.status} after {tried.received.elapsed_ms:.0f} ms", style="bold"))
        if tried.received.body:
            out.print(Text(_pretty(tried.received.body)), soft_wrap=True)
    if tried.failure is not None:
        errors.print(Text(f"error: {printable(tried.failure.message)}", style="bold red"), soft_wrap=True)
        errors.print(Text(f"  {tried.failure.remedy}"), soft_wrap=True)
        errors.print(Text(f"  {_certainty(tried)}"), soft_wrap=True)
    elif is_sent:
        out.print()
        _print_records(tried)


def _certainty(tried: Tried) -> str:
    return "The CRM has done nothing." if tried.is_undone else "The CRM may have done it all the same."


def _print_records(tried: Tried) -> None:
    out, records = console(), tried.records
    pages = f" on {tried.pages} pages" if tried.pages > 1 else ""
    out.print(Text(f"{len(records)} record{'' if len(records) == 1 else 's'}{pages}", style="bold"))
    status = 0 if tried.received is None else tried.received.status
    if not records and status >= 300:
        hint = f"{status} is taken for: there is none (no_records_statuses). A wrong request_path would look the same."
        out.print(Text(hint, style="yellow"), soft_wrap=True)
    columns = [name for name in (records[0] if records else {}) if any(record.get(name) for record in records)]
    if not columns:
        return
    table = Table(*columns, box=None, header_style="dim")
    for record in records[:MOST_RECORDS]:
        table.add_row(*(Text(printable(record.get(name, "")), overflow="fold") for name in columns))
    out.print(table)
    if len(records) > MOST_RECORDS:
        out.print(f"and {len(records) - MOST_RECORDS} more: --json prints all")


def _pretty(body: str) -> str:
    """JSON over several lines, indented; all else as it came, without what a terminal would obey."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body
    shown = "\n".join(map(as_long, text.splitlines()))
    return shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}\n(and so on)"
