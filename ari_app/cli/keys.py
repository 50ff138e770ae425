"""`agi-router keys`: by the running router, so that a change counts at once; without one, in the database."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from ari_app.cli.outcome import CommandError, Status
from ari_app.cli.output import console, errors, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.live.keys import keys_as_json, open_keys, unknown_key
from ari_app.logs import LogSettings, set_up_logs
from ari_app.settings import load_control, load_settings
from ari_app.storage.api_keys import read_api_keys
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_TIME: Final = re.compile(rf"(?P<count>\d{{1,9}})(?P<unit>[{''.join(_UNITS)}])")
_STYLES: Final = {"active": "", "expired": "yellow", "revoked": "dim"}


def seconds(given: str, option: str) -> int | None:
    """What 90d, 12h or 30m is in seconds, None for nothing. Raises CommandError."""
    if not given:
        return None
    time = _TIME.fullmatch(given)
    if time is None or not int(time["count"]):
        raise CommandError(
            f'{option} "{printable(given)}" is no length of time', "Write it as 90d, 12h or 30m.", Status.USAGE
        )
    return int(time["count"]) * _UNITS[time["unit"]]


def create_key(config: Path, wanted: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the token alone on standard output, and on standard error what it is for. Raises ControlError."""
    made = _done(config, "create_key", wanted)
    _tell_token(made, as_json=as_json)


def rotate_key(config: Path, wanted: Mapping[str, Any], *, as_json: bool) -> None:
    """The same with the new token of a key. Raises ControlError."""
    made = _done(config, "rotate_key", wanted)
    _tell_token(made, as_json=as_json)


def change_key(
    config: Path, name: str, scopes: Sequence[str] | None, networks: Sequence[str] | None, *, as_json: bool
) -> None:
    """Replace what is given, and print what the key has now. Raises CommandError for nothing, or ControlError."""
    if scopes is None and networks is None:
        raise CommandError(
            f"nothing of the key {printable(name)} was named that is to change",
            "Say --scope SCOPE, --network NETWORK, or both; a new secret is made by agi-router keys rotate.",
            Status.USAGE,
        )
    changed = _done(config, "change_key", {"name": name, "scopes": scopes, "networks": networks})
    if as_json:
        print_json(changed)
    else:
        console().print(Text(f"the key {printable(name)} has {_rights(changed['key'])}"), soft_wrap=True)


def revoke_key(config: Path, name: str, *, as_json: bool) -> None:
    """Raises ControlError when there is no such key, or it could not be done."""
    revoked = _done(config, "revoke_key", {"name": name})
    if as_json:
        print_json(revoked)
    else:
        console().print(Text(f"the key {printable(name)} is revoked: nobody is let in with it any more"))


def list_keys(config: Path, *, with_revoked: bool, as_json: bool) -> None:
    """Print them. Raises ControlError or StorageError."""
    keys = [key for key in known_keys(config) if with_revoked or key["state"] != "revoked"]
    if as_json:
        print_json({"keys": keys})
        return
    if not keys:
        console().print("there are no keys; agi-router keys create makes one")
        return
    table = Table(box=None, header_style="dim")
    for column in ("name", "state", "scopes", "networks", "expires", "last used"):
        table.add_column(column, overflow="fold")
    for key in keys:
        cells = (
            key["name"],
            key["state"],
            " ".join(key["scopes"]),
            " ".join(key["networks"]),
            _moment(key["expires_at"]),
            _moment(key["last_used_at"]),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells), style=_STYLES[key["state"]])
    console().print(table)


def show_key(config: Path, name: str, *, as_json: bool) -> None:
    """Print all of one. Raises ControlError when there is none of this name."""
    keys = known_keys(config)
    # Of those that had this name, the one that still lives, or else the one that was made last.
    named = sorted((key for key in keys if key["name"] == name), key=lambda key: key["state"] != "revoked")
    if not named:
        raise unknown_key(printable(name), [key["name"] for key in keys if key["state"] != "revoked"])
    key = named[-1]
    if as_json:
        print_json(key)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for label, cell in _rows(key):
        table.add_row(label, Text(printable(cell), overflow="fold"))
    console().print(table)


def known_keys(config: Path) -> Sequence[Mapping[str, Any]]:
    """All keys as JSON, by the running router or as it has left them. Raises ControlError or StorageError."""
    try:
        return _listed(ask(load_control(config), "keys"))
    except NoRouterError:
        return _listed(keys_as_json(tuple(asyncio.run(read_api_keys(load_settings(config).storage)))))


def _listed(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    keys: Sequence[Mapping[str, Any]] = answer["keys"]
    return keys


def _done(config: Path, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return ask(load_control(config), command, arguments=arguments)
    except NoRouterError:
        return asyncio.run(_done_alone(load_settings(config).storage, command, arguments))


async def _done_alone(settings: StorageSettings, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the lock that a serving router would hold. Raises StorageError when another process holds it."""
    set_up_logs(LogSettings(level="warning"))  # standard output is for the token
    async with open_database(settings) as database, open_keys(database) as desk:
        return await desk.commands[command](arguments)


def _tell_token(made: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    key = made["key"]
    console().print(Text(made["token"]), soft_wrap=True)
    remarks = [
        f"This is the key {key['name']}, shown only now: keep it where its program finds it, and nowhere else.",
        _rights(key),
    ]
    if key["old_secret_until"]:
        remarks.append(f"The former one is taken until {_moment(key['old_secret_until'])}.")
    if key["expires_at"]:
        remarks.append(f"It expires at {_moment(key['expires_at'])}.")
    for remark in remarks:
        errors.print(Text(remark), soft_wrap=True)


def _rights(key: Mapping[str, Any]) -> str:
    return f"scopes: {' '.join(key['scopes'])}; networks: {' '.join(key['networks'])}"


def _rows(key: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [
        ("name", key["name"]),
        ("id", key["id"]),
        ("state", key["state"]),
        ("scopes", " ".join(key["scopes"])),
        ("networks", " ".join(key["networks"])),
        ("requests per minute", str(key["requests_per_minute"] or "as configured")),
        ("calls per second", str(key["calls_per_second"] or "any")),
        ("concurrent calls", str(key["concurrent_calls"] or "any")),
        ("created", _moment(key["created_at"])),
        ("expires", _moment(key["expires_at"])),
        ("last used", _moment(key["last_used_at"])),
        *([("old secret until", _moment(key["old_secret_until"]))] if key["old_secret_until"] else []),
        *([("revoked", _moment(key["revoked_at"]))] if key["revoked_at"] else []),
    ]


def _moment(iso: str | None) -> str:
    """In local time, as in all tables."""
    return "never" if iso is None else f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M}"
