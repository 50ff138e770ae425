"""A mailbox: the caller goes on to VoiceMail() in the dialplan, for good, and leaves a message."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agi_router.routing.dialplan_place import DialplanPlace
from agi_router.routing.errors import Failure
from ari_app.calls.call import Call
from ari_app.calls.leaving import go_to
from ari_app.calls.ports import ChannelEntered

VOICEMAIL: Final = DialplanPlace("agi-router-voicemail")
MAILBOX: Final = "AGI_ROUTER_MAILBOX"
GREETING: Final = "AGI_ROUTER_GREETING"
CALL: Final = "AGI_ROUTER_CALL"

LEFT: Final = "voicemail-left"
"""An argument of Stasis() in the dialplan: the caller has left a message, and his channel is no more."""

_CALL_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class MessageLeft:
    """The caller of this call has left a message in this mailbox, of which `channel` was his.

    `file` is where Asterisk has it, without an ending.
    """

    call_id: str
    mailbox: str
    file: str
    channel: str


def message_left(told: Sequence[str], channel: str) -> MessageLeft | None:
    """By CALL,MAILBOX,FILE, as the dialplan tells it; None of what is no call's."""
    match told:
        case (call_id, mailbox, *file) if _CALL_ID.fullmatch(call_id):
            return MessageLeft(call_id, mailbox, ",".join(file), channel)
        case _:
            return None


def message_of(entered: ChannelEntered) -> MessageLeft | None:
    """Of a caller who comes only to tell of it: Stasis(app,ROUTE,CALLED,PRESENTATION,voicemail-left,CALL,...)."""
    return message_left(entered.args[4:], entered.name) if is_over(entered) else None


def is_over(entered: ChannelEntered) -> bool:
    """Whether his channel is no more, and only tells that he has left a message."""
    return len(entered.args) > 3 and entered.args[3] == LEFT


async def leave_message(call: Call, mailbox: str) -> Failure | None:
    """Send the caller to this mailbox; why that can't be, and he is still here. Raises CallerGoneError.

    He hears that the person is busy when the step before came to that, else that nobody is there.
    """
    missing = await call.hear_until(asyncio.create_task(_prepare(call, mailbox)))
    return missing or await go_to(call, VOICEMAIL, mailbox)


async def _prepare(call: Call, mailbox: str) -> Failure | None:
    telephony, channel = call.telephony, call.caller.channel_id
    failure = failure_of_mailbox(mailbox, await telephony.read_variable(channel, f"VM_INFO({mailbox},exists)"))
    if failure is None:
        await asyncio.gather(
            telephony.set_variable(channel, MAILBOX, mailbox),
            telephony.set_variable(channel, CALL, call.call_id),
            telephony.set_variable(channel, GREETING, greeting_after(call.last_outcome)),
        )
    return failure


def greeting_after(outcome: str) -> str:
    """VoiceMail()'s option for the greeting that fits what became of the step before: busy, or unavailable."""
    return "b" if outcome == "busy" else "u"


def failure_of_mailbox(mailbox: str, told: str | None) -> Failure | None:
    """Why nobody can leave a message there, by what Asterisk's VM_INFO() told of it; None when he can."""
    match told:
        case "1":
            return None
        case "0":
            return Failure(
                "mailbox_missing",
                f"Asterisk has no mailbox {mailbox}",
                'add it to voicemail.conf; asterisk -rx "voicemail show users" lists those that are there',
            )
        case _:
            return Failure(
                "voicemail_unavailable",
                f"Asterisk does not tell whether it has the mailbox {mailbox}",
                'asterisk -rx "module load app_voicemail.so", and see that modules.conf loads it at each start',
            )
