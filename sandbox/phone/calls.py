"""Calls as a person at the phone knows them: placed, ringing, answered, heard, hung up."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from sipmessage import Address, CSeq, Headers, MediaType, Request, Response

from sandbox.layout import Peer
from sandbox.phone.dialog import ALLOW, Dialog
from sandbox.phone.media import Media
from sandbox.phone.transactions import ClientTransaction, ServerTransaction, SipSocket

SDP = MediaType.parse("application/sdp")
PATIENCE_S = 5.0

How = Literal["bye", "cancel", "hung_up", "rejected", "failed"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended, seen from this phone; `reason` is the Reason header of the BYE or CANCEL.

    bye and cancel came from the other side; hung_up (a BYE or CANCEL) and rejected (a response) were ours;
    failed is a response of the other side.
    """

    how: How
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A response to our INVITE, and when it came, by the event loop's clock, in seconds."""

    status: int
    at: float


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
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._ended.done()

    async def hears(self, frequency_hz: int, seconds: float = 1.0, *, timeout_s: float = PATIENCE_S) -> bool:
        """Whether, from now on, this tone is the dominant one for `seconds` without a break, within `timeout_s`."""
        return await self.media.hears(frequency_hz, seconds, timeout_s)

    async def ended(self, timeout_s: float = PATIENCE_S) -> Ending:
        """Wait for its end, whoever ends it."""
        async with patience(timeout_s, f"{self.phone}'s call did not end"):
            return await asyncio.shield(self._ended)

    async def hang_up(self, reason: str | None = None, *, timeout_s: float = PATIENCE_S) -> None:
        """Send BYE and wait for its answer. `reason` is a Reason header. Raises CallError before the answer."""
        if self._dialog is None:
            raise CallError(f"{self.phone}'s call is not answered. Use cancel() or reject() instead.")
        if self.is_over:
            return
        bye = self._dialog.request("BYE")
        if reason is not None:
            bye.headers.set("Reason", reason)
        self._end(Ending("hung_up", reason))
        async with patience(timeout_s, f"{self.phone}'s BYE was not answered"):
            await self._sip.request(bye, self._dialog.peer).final()

    async def close(self) -> None:
        """End it, whatever its state; what the phone does when it goes away."""
        await self.hang_up()

    def receive(self, transaction: ServerTransaction) -> None:
        """Answer a request inside the dialog; called by the phone."""
        match transaction.request.method:
            case "BYE":
                transaction.respond(transaction.response(200, "OK"))
                self._end(Ending("bye", transaction.request.headers.get("Reason")))
            case "INVITE":
                if transaction.request.body:
                    self.media.connect(transaction.request.body)
                transaction.respond(self._with_session(transaction.response(200, "OK")))
            case "OPTIONS":
                transaction.respond(transaction.response(200, "OK"))
            case _:
                refusal = transaction.response(405, "Method Not Allowed")
                refusal.headers.set("Allow", ALLOW)
                transaction.respond(refusal)

    def _with_session(self, message: Response) -> Response:
        message.contact = [self._contact]
        message.content_type = SDP
        message.body = self.media.description()
        return message

    def _end(self, ending: Ending) -> None:
        if not self._ended.done():
            self._ended.set_result(ending)
            self.media.close()
            self._on_end()


class IncomingCall(Call):
    """A call that reached this phone. It does nothing by itself but say 100: the test decides."""

    def __init__(
        self,
        phone: str,
        transaction: ServerTransaction,
        *,
        sip: SipSocket,
        media: Media,
        contact: Address,
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(phone, sip=sip, media=media, contact=contact, on_end=on_end)
        self.invite: Request = transaction.request
        self._transaction = transaction
        transaction.on_cancel = lambda cancel: self._end(Ending("cancel", cancel.headers.get("Reason")))
        transaction.respond(transaction.response(100, "Trying"))

    @property
    def headers(self) -> Headers:
        """The INVITE's headers."""
        return self.invite.headers

    @property
    def caller_number(self) -> str:
        """The user part of From."""
        return self.invite.from_address.uri.user or ""

    @property
    def caller_name(self) -> str:
        """The display name of From."""
        return self.invite.from_address.name

    @property
    def called_number(self) -> str:
        """The user part of the request URI."""
        return self.invite.uri.user or ""

    async def ring(self) -> None:
        """180."""
        self._respond(self._response(180, "Ringing"))

    async def send_early_media(self) -> None:
        """183 with a session: the tone goes out before the answer."""
        progress = self._response(183, "Session Progress")
        self.media.connect(self.invite.body)
        self._respond(self._with_session(progress))

    async def answer(self, timeout_s: float = PATIENCE_S) -> None:
        """200, and wait for the ACK."""
        answer = self._response(200, "OK")
        self.media.connect(self.invite.body)
        self._respond(self._with_session(answer))
        self._dialog = Dialog.of_incoming(self._transaction, self._contact)
        async with patience(timeout_s, f"{self.phone}'s answer was not acknowledged"):
            await self._transaction.acknowledged.wait()

    async def reject(self, status: int = 486, phrase: str = "", *, timeout_s: float = PATIENCE_S) -> None:
        """A final failure, such as 486, and wait for its ACK."""
        await self._reject(self._response(status, phrase or _phrase(status)), timeout_s)

    async def redirect(self, uri: str, *, timeout_s: float = PATIENCE_S) -> None:
        """302 to this URI, and wait for its ACK."""
        response = self._response(302, "Moved Temporarily")
        response.headers.set("Contact", f"<{uri}>")
        await self._reject(response, timeout_s)

    async def cancelled(self, timeout_s: float = PATIENCE_S) -> str | None:
        """Wait for the CANCEL; gives its Reason header. Raises CallError when it ended otherwise."""
        ending = await self.ended(timeout_s)
        if ending.how != "cancel":
            raise CallError(f"{self.phone}'s call was not cancelled, it ended with {ending}.")
        return ending.reason

    async def close(self) -> None:
        """Decline it, or hang up."""
        if self._dialog is not None:
            await self.hang_up()
        elif not self.is_over:
            await self.reject(480)

    async def _reject(self, response: Response, timeout_s: float) -> None:
        self._respond(response)
        self._end(Ending("rejected"))
        async with patience(timeout_s, f"{self.phone}'s {response.code} was not acknowledged"):
            await self._transaction.acknowledged.wait()

    def _response(self, status: int, phrase: str) -> Response:
        if self.is_over or self._transaction.answered:
            raise CallError(f"{self.phone} cannot send {status}: the call is answered or over already.")
        response = self._transaction.response(status, phrase)
        response.contact = [self._contact]
        return response

    def _respond(self, response: Response) -> None:
        self._transaction.respond(response)


class OutgoingCall(Call):
    """A call that this phone places; it is on its way as soon as it is made."""

    def __init__(
        self,
        phone: str,
        invite: Request,
        peer: Peer,
        *,
        sip: SipSocket,
        media: Media,
        contact: Address,
        authorize: Callable[[Request, Response], None] | None,
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(phone, sip=sip, media=media, contact=contact, on_end=on_end)
        self.invite = invite
        self.progress: list[Progress] = []
        self._peer = peer
        self._authorize = authorize
        self._seen: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._cancelling = False
        self._transaction = self._send()
        self._story = asyncio.create_task(self._place(), name=f"{phone} calls {invite.uri}")

    async def progressed(self, status: int, timeout_s: float = PATIENCE_S) -> Progress:
        """Wait for this response, such as 180 or 183, or find it among those that came."""
        async with patience(timeout_s, f"{self.phone}'s call got no {status}, only {self.progress}"):
            await self._seen[status].wait()
        return next(progress for progress in self.progress if progress.status == status)

    async def final_response(self, timeout_s: float = PATIENCE_S) -> Response:
        """Wait for the final response."""
        async with patience(timeout_s, f"{self.phone}'s call got no final response, only {self.progress}"):
            return await asyncio.shield(self._final)

    async def final_status(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for the final status, such as 200 or 486."""
        return (await self.final_response(timeout_s)).code

    async def answered(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait for the answer. Raises CallError when there is another final response."""
        response = await self.final_response(timeout_s)
        if response.code >= HTTPStatus.MULTIPLE_CHOICES:
            raise CallError(f"{self.phone}'s call was not answered: {response.code} {response.phrase}.")

    async def cancel(self, reason: str | None = None, *, timeout_s: float = PATIENCE_S) -> None:
        """Give up before the answer, and wait until the other side knows. An answer that crosses is hung up."""
        if self._final.done():
            raise CallError(f"{self.phone} cannot cancel: the call has its final response. Use hang_up() instead.")
        self._cancelling = True
        async with patience(timeout_s, f"{self.phone}'s call could not be cancelled"):
            # A CANCEL before any response might overtake its INVITE.
            await self._transaction.provisional.wait()
            if not self._final.done():
                request = self._transaction.cancel_request()
                if reason is not None:
                    request.headers.set("Reason", reason)
                await self._sip.request(request, self._peer).final()
            await asyncio.shield(self._ended)

    async def close(self) -> None:
        """Cancel it, or hang up."""
        try:
            if self._dialog is not None:
                await self.hang_up()
            elif not self._final.done():
                await self.cancel()
        finally:
            self._story.cancel()
            await asyncio.wait([self._story])

    async def _place(self) -> None:
        response = await self._transaction.final()
        if response.code in {401, 407} and self._authorize is not None and not self._cancelling:
            self._authorize(self.invite, response)
            self.invite.cseq = CSeq(self.invite.cseq.sequence + 1, "INVITE")
            self._transaction = self._send()
            response = await self._transaction.final()
        self._note(response)
        if response.code < HTTPStatus.MULTIPLE_CHOICES:
            self._dialog = Dialog.of_outgoing(self.invite, response, self._contact)
            self._transaction.acknowledge(self._ack(self._dialog))
            self._final.set_result(response)
            if self._cancelling:
                await self.hang_up()
            else:
                self.media.connect(response.body)
        else:
            self._final.set_result(response)
            self._end(Ending("hung_up") if self._cancelling else Ending("failed", response.headers.get("Reason")))

    def _send(self) -> ClientTransaction:
        self.invite.contact = [self._contact]
        self.invite.content_type = SDP
        self.invite.body = self.media.description()
        return self._sip.request(self.invite, self._peer, self._on_provisional)

    def _ack(self, dialog: Dialog) -> Request:
        ack = dialog.request("ACK")
        ack.via = [self._sip.new_via()]
        return ack

    def _on_provisional(self, response: Response) -> None:
        self._note(response)
        if response.body:
            self.media.connect(response.body)

    def _note(self, response: Response) -> None:
        self.progress.append(Progress(response.code, asyncio.get_running_loop().time()))
        self._seen[response.code].set()


def _phrase(status: int) -> str:
    phrases = {480: "Temporarily Unavailable", 486: "Busy Here", 487: "Request Terminated", 603: "Decline"}
    return phrases.get(status, "Rejected")
