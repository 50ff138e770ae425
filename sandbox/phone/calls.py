"""What calls in both directions have in common: they are heard, and they end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from sipmessage import Address, MediaType, Response

from sandbox.phone.dialog import ALLOW, Dialog
from sandbox.phone.media import Media
from sandbox.phone.transactions import ServerTransaction, SipSocket

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
