"""A call that the phone places, and how far it came."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from sipmessage import Address, CSeq, Request, Response

from sandbox.layout import Peer
from sandbox.patience import PATIENCE_S
from sandbox.phone.calls import SDP, Call, CallError, Ending, patience
from sandbox.phone.dialog import Dialog
from sandbox.phone.media import Media
from sandbox.phone.transactions import ClientTransaction, SipSocket


@dataclass(frozen=True, slots=True)
class Progress:
    """A response to our INVITE, and when it came, by the event loop's clock, in seconds."""

    status: int
    at: float


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
        self._ringing: Response | None = None
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
            self._acknowledge(self._transaction, self._dialog)
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

    def _replaceable(self) -> Dialog:
        if self._dialog is None and self._ringing is not None:
            return Dialog.of_outgoing(self.invite, self._ringing, self._contact)
        return self._answered()

    def _on_provisional(self, response: Response) -> None:
        self._ringing = response if "tag" in response.to_address.parameters else self._ringing
        self._note(response)
        if response.body:
            self.media.connect(response.body)

    def _note(self, response: Response) -> None:
        self.progress.append(Progress(response.code, asyncio.get_running_loop().time()))
        self._seen[response.code].set()
