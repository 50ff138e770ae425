"""`agi-router message` and `messages`: a text to the phones of a user, and the messages on record."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from agi_router.directory.directory import Directory
from ari_app.cli.outcome import Status, unfound
from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.history import Paging
from ari_app.domain.messages import MessageDirection, MessageFilter, MessageStatus, TextMessage
from ari_app.domain.wording import printable
from ari_app.live.message_json import message_as_json
from ari_app.settings import load_control, load_settings
from ari_app.storage.messages import read_messages
from ari_app.storage.settings import StorageSettings
from ari_app.web.call_filter import user_ids

LONGEST_ANSWER_S: Final = 30.0
"""Asterisk is asked for each phone."""
_STYLES: Final = {MessageStatus.SENT: "green", MessageStatus.RECEIVED: "cyan", MessageStatus.FAILED: "red"}


def send_message(config: Path, user: str, text: str, sender: str, *, as_json: bool) -> None:
    """Have the router send it. Raises CommandError when no router runs, ControlError when nobody gets it."""
    asked = {"to": user, "text": text} | ({"from": sender} if sender else {})
    try:
        message = ask(load_control(config), "message", LONGEST_ANSWER_S, asked)
    except NoRouterError as error:
        remedy = f"Start one: agi-router --config {config} serve. Or is it another configuration that runs?"
        raise unfound(config, error, remedy, Status.FAILED) from None
    if as_json:
        print_json(message)
        return
    terminal = console()
    for contact in message["contacts"]:
        reached = f"{contact['endpoint']} at {contact['contact']}"
        outcome = f"not sent to {reached}: {contact['reason']}" if contact["reason"] else f"sent to {reached}"
        terminal.print(printable(outcome), markup=False, soft_wrap=True)


def show_messages(
    config: Path, users: Sequence[str], direction: MessageDirection | None, limit: int, *, as_json: bool
) -> None:
    """Print the newest ones. Raises StorageError."""
    settings = load_settings(config)
    directory = Directory(settings.routing.users, (), settings.routing.policy)
    wanted = MessageFilter(
        users=user_ids(users, directory.user_called), directions=() if direction is None else (direction,)
    )
    found = asyncio.run(_found(settings.storage, wanted, limit))
    if as_json:
        print_json([message_as_json(message) for message in found])
    elif found:
        _show(found)
    else:
        console().print("no messages like that on record" if users or direction else "no messages on record yet")


async def _found(storage: StorageSettings, wanted: MessageFilter, limit: int) -> Sequence[TextMessage]:
    async with read_messages(storage) as messages:
        return (await messages.messages(wanted, Paging(limit=limit, is_counted=False))).items


def _show(messages: Sequence[TextMessage]) -> None:
    table = Table(box=None, header_style="dim")
    for column in ("time UTC", "", "from", "to", "text"):
        table.add_column(column, overflow="fold", no_wrap=column == "time UTC")
    for message in messages:
        status = f"{message.status} ({message.reason})" if message.reason else message.status
        table.add_row(
            f"{message.at:%Y-%m-%d %H:%M:%S}",
            Text(status, _STYLES[message.status]),
            Text(printable(message.endpoint if message.direction is MessageDirection.INBOUND else message.sender)),
            Text(printable(message.recipient)),
            Text(printable(" ".join(message.text.split()))),
        )
    console().print(table)
