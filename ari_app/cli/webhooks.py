"""`agi-router webhooks`: by the running router; without one, in the database."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from ari_app.cli.keys import seconds
from ari_app.cli.outcome import CommandError, Status
from ari_app.cli.output import console, errors, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.live.event_types import DESCRIPTIONS, event_types
from ari_app.live.webhook_commands import webhook_commands
from ari_app.live.webhook_forms import MOST_REPLAYED, Rules, types_of
from ari_app.live.webhooks import open_webhooks, reading_webhooks
from ari_app.logs import LogSettings, set_up_logs
from ari_app.settings import Settings, load_control, load_settings
from ari_app.storage.serving import open_database

REPLAY_DEADLINE_S: Final = 60.0
PAGE: Final = 500
LOOK_AGAIN_S: Final = 0.2
_NARROW: Final = 92
_NOTHING_SENT: Final = "nothing was sent so far; agi-router webhooks test sends something"
_GONE: Final = 410
_STYLES: Final = {"active": "", "disabled": "dim", "secret_lost": "bold red"}
_STATE_STYLES: Final = {"delivered": "", "pending": "yellow", "failed": "bold red"}
_READING: Final = frozenset({"webhooks", "webhook", "webhook_deliveries", "webhook_delivery"})


def headers(given: Sequence[str] | None) -> Mapping[str, str] | None:
    """NAME=VALUE of each; a value that begins with @ is the first line of that file. Raises CommandError."""
    if given is None:
        return None
    read: dict[str, str] = {}
    for header in filter(None, given):
        name, equals, value = header.partition("=")
        if not equals:
            raise CommandError(
                f'--header "{printable(header)}" has no value', "Write it as X-Source=pbx.", Status.USAGE
            )
        if value.startswith("@"):
            try:
                value = (Path(value[1:]).read_text(encoding="utf-8").splitlines() or [""])[0]
            except (OSError, ValueError) as error:
                raise CommandError(
                    f"the file of the header {printable(name)} cannot be read: {error}",
                    "Write @ and a text file with the value in its first line.",
                    Status.USAGE,
                ) from None
        read[name] = value
    return read


def moment(given: str, option: str) -> str | None:
    """A moment in ISO 8601 of what people write: one in local time, or how long ago. Raises CommandError."""
    if not given:
        return None
    try:
        return datetime.fromisoformat(given).astimezone().isoformat()
    except ValueError:
        pass
    try:
        ago_s = seconds(given, option)
    except CommandError:
        raise CommandError(
            f'{option} "{printable(given)}" is no moment',
            "Write 2026-11-21T09:00, or 2h for two hours ago.",
            Status.USAGE,
        ) from None
    return (datetime.now(UTC) - timedelta(seconds=ago_s or 0)).isoformat()


def list_webhooks(config: Path, *, as_json: bool) -> None:
    """Print them. Raises ControlError or StorageError."""
    told = done(config, "webhooks")
    if as_json:
        print_json(told)
        return
    if not told["webhooks"]:
        console().print("there are no webhooks; agi-router webhooks create makes one")
        return
    table = Table(box=None, header_style="dim")
    for column in ("name", "state", "url", "types", "pending", "failed", "last success"):
        table.add_column(column, overflow="fold", no_wrap=column not in {"name", "url", "types"})
    for each in told["webhooks"]:
        cells = (
            each["name"],
            each["state"],
            each["url"],
            _types(each["types"]),
            str(each["pending"]),
            str(each["failed"]),
            _moment(each["last_success_at"]),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells), style=_STYLES[each["state"]])
    console().print(table)


def show_webhook(config: Path, webhook: str, *, as_json: bool) -> None:
    """Print all of one. Raises ControlError or StorageError."""
    told = done(config, "webhook", {"webhook": webhook})
    if as_json:
        print_json(told)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for label, cell in _rows(told):
        table.add_row(label, Text(printable(cell), overflow="fold"))
    console().print(table)


def create_webhook(config: Path, wanted: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the secret alone on standard output, and on standard error what it is for. Raises ControlError."""
    _tell_secret(done(config, "create_webhook", _given(wanted)), as_json=as_json)


def rotate_webhook(config: Path, webhook: str, keep_old_s: int, *, as_json: bool) -> None:
    """The same with the new secret of a webhook. Raises ControlError."""
    _tell_secret(done(config, "rotate_webhook", {"webhook": webhook, "keep_old_s": keep_old_s}), as_json=as_json)


def change_webhook(config: Path, webhook: str, wanted: Mapping[str, Any], *, as_json: bool) -> None:
    """Raises ControlError when there is no such webhook, or it could not be done."""
    given = _given(wanted)
    if not given:
        raise CommandError("nothing is to be changed", "Say what: agi-router webhooks change --help", Status.USAGE)
    told = done(config, "change_webhook", {"webhook": webhook, **given})
    if as_json:
        print_json(told)
        return
    changed = told["webhook"]
    console().print(Text(f"the webhook {printable(changed['name'])} is changed; it is {changed['state']}"))
    _warn(told)


def delete_webhook(config: Path, webhook: str, *, as_json: bool) -> None:
    """Raises ControlError when there is no such webhook, or it could not be done."""
    told = done(config, "delete_webhook", {"webhook": webhook})
    if as_json:
        print_json(told)
    else:
        console().print(Text(f"the webhook {printable(told['name'])} is deleted: nothing is sent to it any more"))


def test_webhook(config: Path, webhook: str, wait_s: float, *, as_json: bool) -> None:
    """Wait for what comes of a test. Raises CommandError when the receiver does not have it by then."""
    sent = done(config, "test_webhook", {"webhook": webhook})
    until = time.monotonic() + wait_s
    while True:
        told = done(config, "webhook_delivery", {"webhook": webhook, "delivery": sent["id"]})
        if told["state"] != "pending" or told["tried"] or time.monotonic() >= until:
            break
        time.sleep(LOOK_AGAIN_S)
    if as_json:
        print_json(told)
        if told["state"] != "delivered":
            raise CommandError(*_untaken(webhook, told))
        return
    for attempt in told["tried"]:
        console().print(_attempt(attempt))
    if told["state"] != "delivered":
        raise CommandError(*_untaken(webhook, told))
    console().print(Text(f"the receiver has taken it: {told['event_id']}"))


def show_deliveries(config: Path, webhook: str, wanted: Mapping[str, Any], limit: int, *, as_json: bool) -> None:
    """Print the newest. Raises ControlError or StorageError."""
    items: list[Mapping[str, Any]] = []
    cursor = None
    while len(items) < limit:
        asked = {"webhook": webhook, "limit": min(PAGE, limit - len(items)), "cursor": cursor, **_given(wanted)}
        page = done(config, "webhook_deliveries", _given(asked))
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    if as_json:
        print_json({"deliveries": items, "next": cursor})
        return
    if not items:
        none = "there are no such deliveries" if any(wanted.values()) else _NOTHING_SENT
        console().print(Text(none), soft_wrap=True)
        return
    terminal = console()
    terminal.print(_deliveries(items, is_narrow=terminal.width < _NARROW))
    if cursor is not None:
        errors.print(f"there are more: --limit {limit * 2}", markup=False)


def _deliveries(items: Sequence[Mapping[str, Any]], *, is_narrow: bool) -> Table:
    """A narrow terminal shows of a call the random part of its id, which `calls` takes as well, and no years."""
    table = Table(box=None, header_style="dim")
    for column in ("id", "happened", "type", "subject", "state", "attempts", "next attempt"):
        if column != "attempts" or not is_narrow:
            table.add_column(column, overflow="fold", no_wrap=column not in {"type", "subject", "state"})
    for each in items:
        due = _moment(each["due_at"], seconds=True) if each["due_at"] else ""
        cells = [
            str(each["id"]),
            _moment(each["at"], seconds=True),
            each["type"],
            each["subject"],
            f"{each['state']} (replay)" if each["is_replay"] else each["state"],
            str(each["attempts"]),
            due,
        ]
        if is_narrow:
            happened, subject = cells[1][len("2026-") :], each["call_id"].rpartition("-")[2] or each["subject"]
            cells = [cells[0], happened, each["type"], subject, cells[4], due[len("2026-") :]]
        table.add_row(*(Text(printable(cell)) for cell in cells), style=_STATE_STYLES[each["state"]])
    return table


def show_delivery(config: Path, webhook: str, delivery: int, *, as_json: bool) -> None:
    """Print one with its body and every attempt. Raises ControlError or StorageError."""
    told = done(config, "webhook_delivery", {"webhook": webhook, "delivery": delivery})
    if as_json:
        print_json(told)
        return
    out = console()
    out.print(Text(f"{told['type']} of {_moment(told['at'], seconds=True)}, webhook-id {told['event_id']}"))
    request = told["request"]
    out.print(Text("nothing: the template has none of it" if request is None else printable(request["body"])))
    for attempt in told["tried"]:
        out.print(_attempt(attempt))
    due = f", tried next at {_moment(told['due_at'], seconds=True)}" if told["due_at"] else ""
    attempts = "1 attempt" if told["attempts"] == 1 else f"{told['attempts']} attempts"
    out.print(Text(f"{told['state']} after {attempts}{due}"))


def replay_one(config: Path, webhook: str, delivery: int, *, as_json: bool) -> None:
    """Raises ControlError when there is no such delivery."""
    told = done(config, "replay_webhook", {"webhook": webhook, "delivery": delivery})
    if as_json:
        print_json(told)
    else:
        console().print(Text(f"{told['type']} is sent again, as delivery {told['id']}"))


def replay_events(config: Path, webhook: str, wanted: Mapping[str, Any], *, as_json: bool) -> None:
    """All of the period, however many they are. Raises ControlError."""
    if wanted["since"] is None:
        raise CommandError(
            "it is not said what is to be sent again",
            "Name a delivery by its ID, or a period: --since 2h, --since 2026-11-21T09:00 --before 2026-11-21T12:00.",
            Status.USAGE,
        )
    count, cursor = 0, None
    while True:
        asked = {"webhook": webhook, "limit": MOST_REPLAYED, "cursor": cursor, **_given(wanted)}
        replayed = done(config, "replay_webhook", _given(asked), REPLAY_DEADLINE_S)
        count += replayed["replayed"]
        cursor = replayed["next"]
        if cursor is None:
            break
    if as_json:
        print_json({"replayed": count})
    else:
        told = "1 event is" if count == 1 else f"{count or 'no'} events are"
        console().print(Text(f"{told} sent again"))


def show_types(type_: str, *, as_json: bool) -> None:
    """Print all types with their sentences, or an example of one. Raises ControlError for one that there is not."""
    named = sorted(types_of([type_])) if type_ else list(DESCRIPTIONS)
    if type_ and not as_json and len(named) == 1:
        print_json(event_types()[named[0]].payload)
        return
    known = {kind: event for kind, event in event_types().items() if kind in named}
    if as_json:
        items = [{"type": k.value, "description": e.description, "example": e.payload} for k, e in known.items()]
        print_json({"types": items})
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for kind, event in known.items():
        table.add_row(Text(kind.value), Text(event.description, overflow="fold"))
    console().print(table)


def done(
    config: Path, command: str, arguments: Mapping[str, Any] | None = None, deadline_s: float = 10.0
) -> Mapping[str, Any]:
    """What the running router answers, or what the database does without one. Raises ControlError or StorageError."""
    given = arguments or {}
    try:
        return ask(load_control(config), command, deadline_s, given)
    except NoRouterError:
        settings = load_settings(config)
        alone = _read_alone if command in _READING else _done_alone
        return asyncio.run(alone(settings, command, given))


async def _read_alone(settings: Settings, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    async with reading_webhooks(settings.storage, Rules.of(settings)) as desk:
        return await webhook_commands(desk)[command](arguments)


async def _done_alone(settings: Settings, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the lock that a serving router would hold. Raises StorageError when another process holds it."""
    set_up_logs(LogSettings(level="error"))  # standard output is for the secret
    async with open_database(settings.storage) as database, open_webhooks(database, Rules.of(settings)) as desk:
        return await webhook_commands(desk)[command](arguments)


def _given(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What was said; a list that holds "" alone is an empty one."""
    return {name: [] if value == [""] else value for name, value in wanted.items() if value is not None}


def _tell_secret(made: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    webhook = made["webhook"]
    console().print(Text(made["secret"]), soft_wrap=True)
    errors.print(
        Text(f"This is the secret of {webhook['name']}, shown only now: its receiver checks signatures by it."),
        soft_wrap=True,
    )
    if webhook["old_secret_until"]:
        errors.print(
            Text(f"The former one signs as well until {_moment(webhook['old_secret_until'])}."), soft_wrap=True
        )
    if webhook["state"] == "active":
        errors.print(Text(f"Try it: agi-router webhooks test {webhook['name']}"), soft_wrap=True)
    _warn(made)


def _warn(told: Mapping[str, Any]) -> None:
    for warning in told["warnings"]:
        errors.print(f"warning: {printable(warning)}", style="yellow", markup=False, soft_wrap=True)


def _untaken(webhook: str, told: Mapping[str, Any]) -> tuple[str, str]:
    if not told["tried"]:
        return (
            "nothing was sent yet",
            f"Does a router run, and is the webhook active? agi-router webhooks show {printable(webhook)} tells; with "
            "webhooks.deliver: false it is agi-router webhooks deliver that sends.",
        )
    if told["tried"][-1]["status"] == _GONE:
        return (
            "the receiver wants no more, and is sent nothing more",
            f"Mend it, and agi-router webhooks enable {printable(webhook)} sends this and all that waits.",
        )
    return (
        "the receiver has not taken it",
        f"It is tried again; agi-router webhooks deliveries {printable(webhook)} {told['id']} shows what comes of it.",
    )


def _attempt(attempt: Mapping[str, Any]) -> Text:
    status = attempt["status"] or "no answer"
    why = f": {attempt['error']}" if attempt["error"] else ""
    at = _moment(attempt["at"], seconds=True)
    line = printable(f"{attempt['number']}. {at} {attempt['url']} {status} in {attempt['elapsed_ms']:.0f} ms{why}")
    answer = f"\n    {printable(attempt['answer'])}" if attempt["error"] and attempt["answer"] else ""
    return Text(line + answer)


def _rows(told: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    filters = ("users", "teams", "queues", "numbers", "routes", "directions")
    kept = told["headers"]
    return [
        ("name", told["name"]),
        ("id", told["id"]),
        ("state", told["state"] + (f": {told['disabled_reason']}" if told["disabled_reason"] else "")),
        ("url", told["url"]),
        ("types", _types(told["types"])),
        *((name, " ".join(told[name])) for name in filters if told[name]),
        ("template", told["template"] or "none: events as they are"),
        ("headers", "only the running router knows" if kept is None else " ".join(kept) or "none"),
        ("created", _moment(told["created_at"])),
        *([("old secret until", _moment(told["old_secret_until"]))] if told["old_secret_until"] else []),
        ("pending", str(told["pending"])),
        *([("waiting since", _moment(told["oldest_pending_at"]))] if told["oldest_pending_at"] else []),
        ("given up", str(told["failed"])),
        ("last success", _moment(told["last_success_at"])),
        *([("failing since", _moment(told["failing_since"]))] if told["failing_since"] else []),
    ]


def _types(types: Sequence[str]) -> str:
    """The whole of a family in one word."""
    if not types:
        return "all"
    words = []
    for family in dict.fromkeys(each.partition(".")[0] for each in types):
        of_family = [each for each in types if each.startswith(f"{family}.")]
        whole = sum(kind.startswith(f"{family}.") for kind in DESCRIPTIONS)
        words += [f"{family}.*"] if 1 < whole == len(of_family) else of_family
    return " ".join(words)


def _moment(iso: str | None, *, seconds: bool = False) -> str:
    """In local time, as in all tables."""
    if iso is None:
        return "never"
    return f"{datetime.fromisoformat(iso).astimezone():{'%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M'}}"
