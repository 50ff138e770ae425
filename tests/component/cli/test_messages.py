"""`agi-router message` and `messages`, beside a router and without one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ari_app.control.server import serve_control
from ari_app.control.settings import ControlError
from ari_app.domain.messages import ContactResult, MessageDirection, MessageStatus, TextMessage
from ari_app.live.message_json import message_as_json
from ari_app.settings import load_settings
from ari_app.storage.messages import writing_messages
from ari_app.storage.serving import open_database
from tests.command import Command

SENT = TextMessage(
    id="msg-1",
    at=datetime(2026, 11, 21, 11, 44, 16, tzinfo=UTC),
    direction=MessageDirection.OUTBOUND,
    status=MessageStatus.SENT,
    sender="102",
    recipient="456",
    text="Come\ndown.",
    user="456",
    contacts=(
        ContactResult(endpoint="PJSIP/ada", contact="sip:ada@192.0.2.7", status=MessageStatus.SENT),
        ContactResult(endpoint="PJSIP/ada", contact="sip:[x]", status=MessageStatus.FAILED, reason="400 bad"),
    ),
)
RECEIVED = TextMessage(
    id="msg-2",
    at=datetime(2026, 11, 21, 11, 45, 0, tzinfo=UTC),
    direction=MessageDirection.INBOUND,
    status=MessageStatus.RECEIVED,
    sender="sip:+14155550177@carrier",
    recipient="crm",
    text="[bold]hello\x1b[2J",
    endpoint="PJSIP/carrier",
)


async def test_what_was_sent_is_told_contact_by_contact(command: Command) -> None:
    asked: list[Mapping[str, Any]] = []

    async def send(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(arguments)
        return message_as_json(SENT)

    async with serve_control(load_settings(command.config).control, {"message": send}):
        told = await command("message", "456", "Come\ndown.", "--from", "102")
        as_json = await command("message", "456", "Come down.", "--json")
    assert told.status == 0
    assert told.out == "sent to PJSIP/ada at sip:ada@192.0.2.7\nnot sent to PJSIP/ada at sip:[x]: 400 bad\n"
    assert asked == [{"to": "456", "text": "Come\ndown.", "from": "102"}, {"to": "456", "text": "Come down."}]
    assert as_json.json["id"] == "msg-1"


async def test_what_cannot_be_sent_is_an_error_with_a_remedy(command: Command) -> None:
    async def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ControlError("no phone of the user 456 is registered [not_registered]", "send it again when one is")

    without = await command("message", "456", "hello")
    assert without.status == 1
    assert "serve" in without.err
    async with serve_control(load_settings(command.config).control, {"message": refuse}):
        refused = await command("message", "456", "hello")
    assert refused.status == 1
    assert "not_registered" in refused.err
    assert "send it again" in refused.err


async def test_messages_are_listed_newest_first_and_steer_no_terminal(command: Command) -> None:
    async with open_database(load_settings(command.config).storage) as database:
        async with writing_messages(database) as log:
            log.put(SENT)
            log.put(RECEIVED)
    listed = await command("messages")
    assert listed.status == 0
    _, newest, oldest = listed.out.splitlines()
    assert newest.split()[:6] == ["2026-11-21", "11:45:00", "received", "PJSIP/carrier", "crm", "[bold]hello\\x1b[2J"]
    assert oldest.split()[2:] == ["sent", "102", "456", "Come", "down."]
    assert "\x1b" not in listed.out
    of_ada = await command("messages", "--user", "456", "--json")
    assert of_ada.json == [message_as_json(SENT)]
    assert (await command("messages", "--direction", "inbound", "-n", "1", "--json")).json[0]["id"] == "msg-2"
    assert "no messages like that" in (await command("messages", "--user", "nobody")).out
