"""A call that reaches the phone, and what the person there does with it."""

from collections.abc import Callable

from sipmessage import Address, Headers, Request, Response

from sandbox.patience import PATIENCE_S
from sandbox.phone.calls import Call, CallError, Ending, patience
from sandbox.phone.dialog import ALLOW, Dialog
from sandbox.phone.media import Media
from sandbox.phone.transactions import ServerTransaction, SipSocket


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
        takes_updates: bool = False,
    ) -> None:
        super().__init__(phone, sip=sip, media=media, contact=contact, on_end=on_end)
        self.invite: Request = transaction.request
        self._transaction = transaction
        self._takes_updates = takes_updates
        transaction.on_cancel = lambda cancel: self._end(Ending("cancel", cancel.headers.get("Reason")))
        if transaction.cancelled is None:
            transaction.respond(transaction.response(100, "Trying"))
        else:  # both have come before this phone has opened its port for audio
            transaction.on_cancel(transaction.cancelled)

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
        self.progress(180)

    def progress(self, status: int) -> None:
        """A provisional response without a session, such as 181."""
        self._respond(self._response(status, "Ringing" if status == 180 else "Progress"))

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
        if self._takes_updates:
            response.headers.set("Allow", f"{ALLOW}, UPDATE")
        return response

    def _respond(self, response: Response) -> None:
        self._transaction.respond(response)


def _phrase(status: int) -> str:
    phrases = {480: "Temporarily Unavailable", 486: "Busy Here", 487: "Request Terminated", 603: "Decline"}
    return phrases.get(status, "Rejected")
