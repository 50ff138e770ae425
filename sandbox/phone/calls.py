"""What calls in both directions have in common: they are heard, and they end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, TypeVar

from sipmessage import Address, MediaType, Request, Response

from sandbox.patience import PATIENCE_S
from sandbox.phone.dialog import ALLOW, Dialog
from sandbox.phone.dtmf import INFO_TYPE, info_body
from sandbox.phone.media import Media
from sandbox.phone.transactions import ClientTransaction, ServerTransaction, SipSocket
from sandbox.phone.transfer import Transfer, refer_to
from sandbox.tone import RINGING_HZ

SDP = MediaType.parse("application/sdp")

M = TypeVar("M", Request, Response)
How = Literal["bye", "cancel", "hung_up", "rejected", "failed"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended, seen from this phone; `reason` is the Reason header of the BYE or CANCEL.

    bye and cancel came from the other side; hung_up (a BYE or CANCEL) and rejected (a response) were ours;
    failed is a response of the other side.
    """

    how: How
    reason: str | None = None


class CallError(Exception):
    """The call is not in the state that this needs."""


@asynccontextmanager
async def patience(seconds: float, complaint: str) -> AsyncIterator[None]:
    """At most so long; raises TimeoutError with the complaint."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TimeoutError(f"{complaint} within {seconds:g} s") from None


class Call:
    """What calls in both directions have in common once they are set up."""

    def __init__(
        self, phone: str, *, sip: SipSocket, media: Media, contact: Address, on_end: Callable[[], None]
    ) -> None:
        self.phone = phone
        self.media = media
        self._sip = sip
        self._contact = contact
        self._on_end = on_end
        self._dialog: Dialog | None = None
        self._transfer: Transfer | None = None
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._names: asyncio.Queue[str] = asyncio.Queue()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._ended.done()

    async def hears(self, frequency_hz: int, seconds: float = 1.0, *, timeout_s: float = PATIENCE_S) -> bool:
        """Whether, from now on, this tone is the dominant one for `seconds` without a break, within `timeout_s`."""
        return await self.media.hears((frequency_hz,), seconds, timeout_s)

    async def hears_ringing(self, seconds: float = 0.2, *, timeout_s: float = PATIENCE_S) -> bool:
        """Whether it hears Asterisk's ringing tone, which is a chord, for so long."""
        return await self.media.hears(RINGING_HZ, seconds, timeout_s)

    async def hears_sound(self, seconds: float = 0.1, *, timeout_s: float = PATIENCE_S) -> bool:
        """Whether, from now on, there is any sound for `seconds` without a break, such as a voice."""
        return await self.media.hears((), seconds, timeout_s)

    async def falls_silent(self, seconds: float, *, timeout_s: float = PATIENCE_S) -> bool:
        """Whether there is no sound for `seconds`, whatever came before, within `timeout_s`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while loop.time() < until:
            if not await self.hears_sound(timeout_s=seconds):
                return True
        return False

    async def receives(self, keys: str, *, timeout_s: float = PATIENCE_S) -> bool:
        """Whether exactly these keys, in RTP (RFC 4733), have come or come within `timeout_s`."""
        return await self.media.receives(keys, timeout_s)

    async def next_name(self, timeout_s: float = PATIENCE_S) -> str:
        """Whom it is shown next, after what it was shown at first: the name of a P-Asserted-Identity (RFC 4916)."""
        async with patience(timeout_s, f"{self.phone} was shown nobody else"):
            return await self._names.get()

    async def ended(self, timeout_s: float = PATIENCE_S) -> Ending:
        """Wait for its end, whoever ends it."""
        async with patience(timeout_s, f"{self.phone}'s call did not end"):
            return await asyncio.shield(self._ended)

    async def hang_up(self, reason: str | None = None, *, timeout_s: float = PATIENCE_S) -> None:
        """Send BYE and wait for its answer. `reason` is a Reason header. Raises CallError before the answer."""
        dialog = self._answered()
        if self.is_over:
            return
        bye = dialog.request("BYE")
        if reason is not None:
            bye.headers.set("Reason", reason)
        self._end(Ending("hung_up", reason))
        async with patience(timeout_s, f"{self.phone}'s BYE was not answered"):
            await self._sip.request(bye, dialog.peer).final()

    async def press(self, digit: str, by: Literal["rtp", "info"] = "rtp") -> None:
        """Press a key: in RTP (RFC 4733), or by SIP INFO. Raises CallError or MediaError where that cannot be."""
        dialog = self._answered()
        if by == "rtp":
            self.media.press(digit)
            return
        info = dialog.request("INFO")
        info.content_type = MediaType.parse(INFO_TYPE)
        info.body = info_body(digit)
        async with patience(PATIENCE_S, f"{self.phone}'s INFO was not answered"):
            response = await self._sip.request(info, dialog.peer).final()
        if response.code >= HTTPStatus.MULTIPLE_CHOICES:
            raise CallError(f"{self.phone}'s INFO was refused: {response.code} {response.phrase}.")

    async def hold(self, direction: Literal["sendonly", "inactive"] = "sendonly") -> None:
        """The Hold key: a re-INVITE with this direction (RFC 3264, section 8.4). This phone sends nothing meanwhile."""
        self.media.hold(direction)
        await self._renegotiate()

    async def resume(self) -> None:
        """End the hold."""
        self.media.hold(None)
        await self._renegotiate()

    async def transfer(
        self, number: str, *, replaced: "Call | None" = None, headers: Mapping[str, str] | None = None
    ) -> Transfer:
        """The Transfer key: have the other side connected with `number`, which is asked nothing here (blind).

        With `replaced`, a call of this phone's with that number, it is connected with whom that call speaks (attended).
        Raises CallError when the other side does not try.
        """
        dialog = self._answered()
        refer = dialog.request("REFER")
        other = None if replaced is None else replaced._replaceable()
        refer.headers.set("Refer-To", refer_to(number, dialog.target.host, other))
        refer.headers.set("Referred-By", f"<{self._contact.uri}>")
        for name, value in (headers or {}).items():
            refer.headers.set(name, value)
        transfer = self._transfer = Transfer()
        async with patience(PATIENCE_S, f"{self.phone}'s REFER was not answered"):
            response = await self._sip.request(refer, dialog.peer).final()
        if response.code >= HTTPStatus.MULTIPLE_CHOICES:
            raise CallError(f"{self.phone}'s transfer was refused: {response.code} {response.phrase}.")
        return transfer

    async def close(self) -> None:
        """End it, whatever its state; what the phone does when it goes away."""
        await self.hang_up()

    def receive(self, transaction: ServerTransaction) -> None:
        """Answer a request inside the dialog; called by the phone."""
        match transaction.request.method:
            case "BYE":
                transaction.respond(transaction.response(200, "OK"))
                self._end(Ending("bye", transaction.request.headers.get("Reason")))
            case "UPDATE":
                self._take_identity(transaction.request)
                transaction.respond(transaction.response(200, "OK"))
            case "INVITE":
                self._take_identity(transaction.request)
                if transaction.request.body:
                    self.media.connect(transaction.request.body)
                transaction.respond(self._with_session(transaction.response(200, "OK")))
            case "NOTIFY" if self._transfer is not None:
                self._transfer.receive(transaction)
            case "OPTIONS":
                transaction.respond(transaction.response(200, "OK"))
            case _:
                refusal = transaction.response(405, "Method Not Allowed")
                refusal.headers.set("Allow", ALLOW)
                transaction.respond(refusal)

    def _take_identity(self, request: Request) -> None:
        asserted = request.headers.get("P-Asserted-Identity")
        if asserted is not None:
            self._names.put_nowait(Address.parse(asserted).name)

    def _answered(self) -> Dialog:
        if self._dialog is None:
            raise CallError(f"{self.phone}'s call is not answered. Use cancel() or reject() instead.")
        return self._dialog

    def _replaceable(self) -> Dialog:
        """What a transfer names by which the other side finds this call."""
        return self._answered()

    async def _renegotiate(self) -> None:
        dialog = self._answered()
        transaction = self._sip.request(self._with_session(dialog.request("INVITE")), dialog.peer)
        async with patience(PATIENCE_S, f"{self.phone}'s re-INVITE was not answered"):
            response = await transaction.final()
        if response.code >= HTTPStatus.MULTIPLE_CHOICES:
            raise CallError(f"{self.phone}'s re-INVITE was refused: {response.code} {response.phrase}.")
        self._acknowledge(transaction, dialog)
        self.media.connect(response.body)

    def _acknowledge(self, transaction: ClientTransaction, dialog: Dialog) -> None:
        ack = dialog.request("ACK")
        ack.via = [self._sip.new_via()]
        transaction.acknowledge(ack)

    def _with_session(self, message: M) -> M:
        message.contact = [self._contact]
        message.content_type = SDP
        message.body = self.media.description()
        return message

    def _end(self, ending: Ending) -> None:
        if not self._ended.done():
            self._ended.set_result(ending)
            self.media.close()
            self._on_end()
