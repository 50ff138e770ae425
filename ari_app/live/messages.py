"""The desk of text messages: sends them to all phones of a user, and takes those that phones send.

A message is on record, and others are told of it, once it is known what came of it. Nothing here is waited for by who
reads Asterisk's events.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import structlog
from pydantic import BaseModel, ConfigDict, Field

from agi_router.directory.users import EndpointDevice, User
from agi_router.document.problems import suggestion
from agi_router.routing.errors import Failure
from agi_router.routing.printable import one_line
from ari_app.calls.clock import now
from ari_app.calls.ids import new_message_id
from ari_app.calls.ports import TelephonyError
from ari_app.calls.roster import TECHNOLOGY
from ari_app.control.settings import ControlError
from ari_app.domain.messages import (
    LONGEST_TEXT,
    ContactResult,
    MessageArchive,
    MessageDirection,
    MessageStatus,
    MessageWriter,
    ReceivedText,
    TextMessage,
    cut,
    readable,
)
from ari_app.domain.notices import Notice
from ari_app.live.device_lookup import DeviceLookup
from ari_app.live.floods import Floods
from ari_app.live.forms import read_form
from ari_app.live.message_json import message_as_json, notice_of
from ari_app.live.once import Once, Outcome

ROUTER: Final = "agi-router"
"""Whom phones show as the sender where none is named."""
_SENDER: Final = re.compile(r"[A-Za-z0-9+*._-]{1,64}")
"""What a SIP address needs no escape for: phones show escapes as they are."""
_LONGEST_ADDRESS: Final = 254

log = structlog.get_logger("agi_router.messages")


class MessageForm(BaseModel):
    """A text message for all phones of a user, or for one of his devices."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"to": "ada@example.com", "text": "Grace Hopper waits at the door."}]},
    )

    to: str = Field(
        min_length=1,
        max_length=_LONGEST_ADDRESS,
        description="A user's id, e-mail address or extension, or one of a user's devices (PJSIP/ada).",
        examples=["ada@example.com"],
    )
    text: str = Field(
        min_length=1,
        max_length=LONGEST_TEXT,
        description=f"At most {LONGEST_TEXT} bytes in UTF-8; control characters but line breaks and tabs are left out.",
        examples=["Grace Hopper waits at the door."],
    )
    sender: str = Field(
        default=ROUTER,
        alias="from",
        min_length=1,
        max_length=_LONGEST_ADDRESS,
        description="Whom phones show, and where a reply goes: a user, shown by his extension, else a number or a name"
        " of letters, digits and + * . _ -",
        examples=["102"],
    )


class Texting(Protocol):
    """The switch, as far as it sends messages."""

    @property
    def is_connected(self) -> bool:
        """Whether requests have somewhere to go right now."""
        ...

    async def send_text(self, endpoint: str, contact: str, sender: str, text: str) -> None:
        """Hand it over for this contact (a SIP URI) of a PJSIP endpoint. Raises a TelephonyError.

        It returns when the switch has taken it, which tells nothing of the phone.
        """
        ...


class People(Protocol):
    """Whom names mean, in the configuration in force."""

    def user_called(self, name: str) -> str | None:
        """The id of the user with this id, e-mail address or extension; None when there is none."""
        ...

    def user_of_endpoint(self, endpoint: str) -> str:
        """The id of the user who has this device; "" when nobody has it."""
        ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A message that can be understood."""

    user: str
    endpoint: str
    endpoints: tuple[str, ...]
    sender: str
    text: str


class MessageDesk:
    """Sends and takes messages. `tell` is given what others may be told of; it never waits."""

    def __init__(
        self,
        *,
        texting: Texting,
        look_up: DeviceLookup,
        people: Callable[[], People],
        writer: MessageWriter,
        archive: MessageArchive,
        once: Once,
        tell: Callable[[Notice], None],
        region: Callable[[], str],
    ) -> None:
        self.archive = archive
        self._texting = texting
        self._look_up = look_up
        self._people = people
        self._writer = writer
        self._once = once
        self._tell = tell
        self._region = region
        self._floods = Floods()
        self._users: Mapping[str, User] = {}

    def know(self, users: Iterable[User]) -> None:
        """The users of the configuration in force."""
        self._users = {user.id: user for user in users}

    async def flush(self) -> None:
        """Wait until all messages are on record."""
        await self._writer.flush()

    async def send(self, form: MessageForm, key: str = "", message_id: str = "") -> TextMessage | Failure:
        """Send it; the message, or why no phone gets it. `key` is the name of the API key that asks.

        A message that was understood is on record either way, and others are told of it.
        """
        wanted = self._wanted(form)
        if isinstance(wanted, Failure):
            return wanted
        results = await self._hand_over(wanted)
        why = results if isinstance(results, Failure) else _refused(wanted, results)
        message = TextMessage(
            id=message_id or new_message_id(),
            at=now(),
            direction=MessageDirection.OUTBOUND,
            status=MessageStatus.SENT if why is None else MessageStatus.FAILED,
            sender=wanted.sender,
            recipient=form.to,
            text=wanted.text,
            user=wanted.user,
            endpoint=wanted.endpoint,
            contacts=() if isinstance(results, Failure) else results,
            reason="" if why is None else why.code,
            key=key,
        )
        self._keep(message)
        return message if why is None else why

    async def send_once(self, form: MessageForm, *, key: str, owner: str, idempotency_key: str) -> Outcome[TextMessage]:
        """Send it, or tell what became of it: the message of an earlier request with the same key of idempotency."""

        async def do(message_id: str) -> TextMessage | Failure:
            sent = await self.send(form, key, message_id)
            if not isinstance(sent, Failure):
                await self.flush()  # what was answered is known after a crash
            return sent

        return await self._once.carry_out(
            {"message": form.model_dump()}, owner, idempotency_key, new_id=new_message_id(), do=do, told=self._told
        )

    async def _told(self, message_id: str) -> TextMessage | Failure:
        await self.flush()
        return await self.archive.message(message_id) or Failure(
            "idempotency_outcome_unknown",
            f"the router ended while it carried out this request: no message {message_id} is on record, but phones may"
            " have it",
            "to send it again, ask with a new key",
        )

    def receive(self, received: ReceivedText) -> None:
        """A phone has sent this. Returns at once."""
        if not self._floods.lets_in(received.endpoint):
            return
        user = self._people().user_of_endpoint(received.endpoint.removeprefix(TECHNOLOGY))
        self._keep(
            TextMessage(
                id=new_message_id(),
                at=now(),
                direction=MessageDirection.INBOUND,
                status=MessageStatus.RECEIVED,
                sender=cut(one_line(received.sender), _LONGEST_ADDRESS),
                recipient=cut(one_line(received.recipient), _LONGEST_ADDRESS),
                text=cut(readable(received.text), LONGEST_TEXT),
                user=user,
                endpoint=received.endpoint,
                reason="text_lost" if received.lost_bytes else "",
            )
        )

    async def answer(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """A command of the control socket: the message that was sent, or a ControlError with why it was not."""
        sent = await self.send(read_form(MessageForm, arguments))
        if isinstance(sent, Failure):
            raise ControlError(f"{sent.message} [{sent.code}]", sent.remedy)
        return message_as_json(sent)

    def _keep(self, message: TextMessage) -> None:
        self._writer.put(message)
        self._tell(notice_of(message, self._region()))

    def _wanted(self, form: MessageForm) -> _Wanted | Failure:
        people = self._people()
        endpoint = form.to.removeprefix(TECHNOLOGY)
        is_device = form.to.startswith(TECHNOLOGY)
        user = people.user_of_endpoint(endpoint) if is_device else people.user_called(form.to)
        known = self._users.get(user or "")
        if known is None:
            return _unknown(form.to, [name for each in self._users.values() for name in (each.id, each.email) if name])
        endpoints = tuple(each.endpoint for each in known.devices if isinstance(each, EndpointDevice))
        text = readable(form.text)
        if not text.strip():
            return Failure("text_empty", "the text has nothing that a phone could show", "write something")
        if len(text.encode()) > LONGEST_TEXT:
            return Failure(
                "text_too_long",
                f"the text has {len(text.encode())} bytes in UTF-8, and may have {LONGEST_TEXT}",
                "shorten it, or send it in parts",
            )
        sender = self._shown(people, form.sender)
        if isinstance(sender, Failure):
            return sender
        return _Wanted(known.id, form.to if is_device else "", (endpoint,) if is_device else endpoints, sender, text)

    def _shown(self, people: People, sender: str) -> str | Failure:
        """The user part of the SIP address that phones show, and to which they reply."""
        user = self._users.get(people.user_called(sender) or "")
        shown = sender if user is None else user.extension or user.id
        if _SENDER.fullmatch(shown):
            return shown
        return Failure(
            "sender_malformed",
            f"{sender!r} cannot be shown as the sender",
            "name a user who has an extension, a number, or a word of letters, digits and + * . _ -",
        )

    async def _hand_over(self, wanted: _Wanted) -> tuple[ContactResult, ...] | Failure:
        known = await self._look_up(wanted.endpoints) if self._texting.is_connected and wanted.endpoints else {}
        if known is None or not self._texting.is_connected:
            return Failure(
                "asterisk_unreachable",
                "there is no connection to Asterisk",
                "ask again when it is back; agi-router doctor tells what is wrong with it",
            )
        contacts = [
            (endpoint, contact.removeprefix(f"{TECHNOLOGY}{endpoint}/"))
            for endpoint, device in known.items()
            for contact in device.contacts
        ]
        return tuple(await asyncio.gather(*(self._send(wanted, *each) for each in contacts)))

    async def _send(self, wanted: _Wanted, endpoint: str, contact: str) -> ContactResult:
        result = partial(ContactResult, endpoint=TECHNOLOGY + endpoint, contact=contact)
        try:
            await self._texting.send_text(endpoint, contact, wanted.sender, wanted.text)
        except TelephonyError as error:
            log.warning("Asterisk did not take a message", endpoint=endpoint, reason=str(error))
            return result(status=MessageStatus.FAILED, reason=str(error))
        return result(status=MessageStatus.SENT)


def _refused(wanted: _Wanted, results: Sequence[ContactResult]) -> Failure | None:
    """Why nobody gets it; None when at least one contact does."""
    whose = wanted.endpoint or f"the user {wanted.user}"
    if not results:
        return Failure(
            "not_registered",
            f"no phone of {whose} is registered",
            "send it again when one is; GET /api/v1/devices, or agi-router agents, tells who can be reached",
        )
    if all(result.status is MessageStatus.FAILED for result in results):
        return Failure(
            "asterisk_refused",
            f"Asterisk took the message for no phone of {whose}: {results[0].reason}",
            "are res_pjsip_messaging.so and res_ari_endpoints.so loaded? agi-router doctor tells more",
        )
    return None


def _unknown(name: str, known: Sequence[str]) -> Failure:
    return Failure(
        "user_unknown",
        f"there is no user, and no user's device, called {name}{suggestion(name, known)}",
        "name one of directory.users by id, e-mail address or extension, or a device of one, such as PJSIP/ada",
    )
