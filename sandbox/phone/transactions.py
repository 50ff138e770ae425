"""SIP over UDP: transactions (RFC 3261, section 17). What is sent twice or lost is dealt with here and nowhere else."""

import asyncio
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Self

from sipmessage import CSeq, Message, Parameters, Request, Response, Via

from sandbox.layout import Peer

T1_S = 0.5  # an estimate of the round trip, by the RFC
T2_S = 4.0  # the longest pause between retransmissions
TIMER_B_S = 64 * T1_S  # when a transaction gives up


class Retransmission:
    """One message, sent now and again at growing intervals until `stop`, or until `on_timeout` is called."""

    def __init__(self, send: Callable[[], None], on_timeout: Callable[[], None]) -> None:
        self._send = send
        self._on_timeout = on_timeout
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + TIMER_B_S
        self._interval = T1_S
        send()
        self._timer = self._loop.call_later(T1_S, self._again)

    def stop(self) -> None:
        """Send no more."""
        self._timer.cancel()

    def _again(self) -> None:
        if self._loop.time() >= self._deadline:
            self._on_timeout()
            return
        self._send()
        self._interval = min(2 * self._interval, T2_S)
        self._timer = self._loop.call_later(self._interval, self._again)


class ClientTransaction:
    """A request on its way, and what came back.

    `on_provisional` sees each 1xx once it arrives. After `TIMER_B_S` without a final response `final` is a 408 of our
    own making, as RFC 3261 has it.
    """

    def __init__(
        self, sip: "SipSocket", request: Request, peer: Peer, on_provisional: Callable[[Response], None]
    ) -> None:
        self.request = request
        self.provisional = asyncio.Event()
        self._sip = sip
        self._peer = peer
        self._on_provisional = on_provisional
        self._final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._ack: Request | None = None
        self._retransmission = Retransmission(lambda: sip.send(request, peer), self._give_up)

    async def final(self) -> Response:
        """The final response. An INVITE's 2xx then waits for `acknowledge`."""
        return await asyncio.shield(self._final)

    def receive(self, response: Response) -> None:
        """Take a response; called by the socket."""
        if response.code < HTTPStatus.OK:
            if self.request.method == "INVITE":
                self._retransmission.stop()
            self.provisional.set()
            self._on_provisional(response)
            return
        self._retransmission.stop()
        if self.request.method == "INVITE":
            if response.code >= HTTPStatus.MULTIPLE_CHOICES:
                self._ack = self._ack or self._ack_of_failure(response)
            if self._ack is not None:
                self._sip.send(self._ack, self._peer)
        if not self._final.done():
            self._final.set_result(response)

    def acknowledge(self, ack: Request) -> None:
        """Send the ACK of a 2xx, now and for each time that the 2xx comes again."""
        self._ack = ack
        self._sip.send(ack, self._peer)

    def cancel_request(self) -> Request:
        """The CANCEL of this INVITE: the same transaction, so the same branch."""
        return self._like_the_invite("CANCEL", self.request.headers["To"])

    def abandon(self) -> None:
        """Send no more: the phone is going."""
        self._retransmission.stop()

    def _ack_of_failure(self, response: Response) -> Request:
        return self._like_the_invite("ACK", response.headers["To"])

    def _like_the_invite(self, method: str, to: str) -> Request:
        request = Request(method, self.request.uri)
        for name in ("Via", "From", "Call-ID"):
            request.headers.set(name, self.request.headers[name])
        request.headers.set("To", to)
        request.cseq = CSeq(self.request.cseq.sequence, method)
        request.max_forwards = 70
        return request

    def _give_up(self) -> None:
        if not self._final.done():
            self._final.set_result(Response(HTTPStatus.REQUEST_TIMEOUT, "Request Timeout"))


class ServerTransaction:
    """A request that came in; the last response is given again whenever the request comes again."""

    def __init__(self, sip: "SipSocket", request: Request, peer: Peer) -> None:
        self.request = request
        self.acknowledged = asyncio.Event()
        self.cancelled: Request | None = None
        self.on_cancel: Callable[[Request], None] = lambda _: None
        self._sip = sip
        self._peer = peer
        self._tag = secrets.token_hex(4)
        self._last: Response | None = None
        self._retransmission: Retransmission | None = None

    @property
    def answered(self) -> bool:
        """Whether a final response has been sent."""
        return self._last is not None and self._last.code >= HTTPStatus.OK

    @property
    def local_tag(self) -> str:
        """Our tag in the To header."""
        return str(self.request.to_address.parameters.get("tag") or self._tag)

    def response(self, code: int, phrase: str) -> Response:
        """A response that carries what it must of the request; not sent yet."""
        response = Response(code, phrase)
        for name in ("Via", "From", "Call-ID", "CSeq"):
            response.headers.setlist(name, list(self.request.headers.getlist(name)))
        to = self.request.to_address
        parameters = to.parameters if code == HTTPStatus.CONTINUE else to.parameters.replace(tag=self.local_tag)
        response.headers.set("To", f"{_without_parameters(self.request.headers['To'])}{parameters}")
        return response

    def respond(self, response: Response) -> None:
        """Send it. A final response to an INVITE is repeated until it is acknowledged."""
        self._last = response
        if self.request.method == "INVITE" and self.answered:
            self._retransmission = Retransmission(self.repeat, lambda: None)
        else:
            self.repeat()

    def repeat(self) -> None:
        """Send the last response again."""
        if self._last is not None:
            self._sip.send(self._last, self._peer)

    def acknowledge(self) -> None:
        """The ACK came; called by the socket."""
        self.abandon()
        self.acknowledged.set()

    def abandon(self) -> None:
        """Send no more."""
        if self._retransmission is not None:
            self._retransmission.stop()


class SipSocket(asyncio.DatagramProtocol):
    """One UDP port that speaks SIP. `on_request` gets each new request once, except ACK and CANCEL."""

    local: Peer

    def __init__(self, on_request: Callable[[ServerTransaction], None]) -> None:
        self._on_request = on_request
        self._client: dict[tuple[str, str], ClientTransaction] = {}
        self._server: dict[tuple[str, str], ServerTransaction] = {}
        self._invites: dict[tuple[str, int], ServerTransaction] = {}

    @classmethod
    async def open(cls, address: str, port: int, on_request: Callable[[ServerTransaction], None]) -> Self:
        """Listen at `address`; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        _, sip = await loop.create_datagram_endpoint(lambda: cls(on_request), local_addr=(address, port))
        return sip

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Asyncio has bound the port."""
        self._transport = transport
        self.local = transport.get_extra_info("sockname")

    def close(self) -> None:
        """Stop all that is still being sent, and listen no more."""
        for sent in self._client.values():
            sent.abandon()
        for received in self._server.values():
            received.abandon()
        self._transport.close()

    def send(self, message: Request | Response, peer: Peer) -> None:
        """Send one message, once."""
        message.content_length = len(message.body)
        self._transport.sendto(bytes(message), peer)

    def request(
        self, request: Request, peer: Peer, on_provisional: Callable[[Response], None] = lambda _: None
    ) -> ClientTransaction:
        """Start a transaction. Gives the request its Via, unless it is a CANCEL, which has its INVITE's."""
        if request.method != "CANCEL":
            request.via = [self.new_via()]
        transaction = ClientTransaction(self, request, peer, on_provisional)
        self._client[_branch(request), request.method] = transaction
        return transaction

    def new_via(self) -> Via:
        """A Via with a branch of its own."""
        branch = f"z9hG4bK{secrets.token_hex(8)}"  # the prefix says: made as RFC 3261 wants it, unique
        return Via("UDP", *self.local, parameters=Parameters(branch=branch, rport=None))

    def datagram_received(self, data: bytes, peer: Peer) -> None:
        """Find the transaction that the message belongs to. What is no SIP raises, and asyncio logs it."""
        message = Message.parse(data)
        if isinstance(message, Response):
            transaction = self._client.get((_branch(message), message.cseq.method))
            if transaction is not None:
                transaction.receive(message)
            return
        known = self._server.get((_branch(message), message.method))
        if message.method == "ACK":
            # The ACK of a 2xx has a branch of its own; call and number tell its INVITE in both cases.
            if invite := self._invites.get((message.call_id, message.cseq.sequence)):
                invite.acknowledge()
        elif known is not None:
            known.repeat()
        else:
            self._new_request(message, peer)

    def _new_request(self, request: Request, peer: Peer) -> None:
        transaction = ServerTransaction(self, request, peer)
        self._server[_branch(request), request.method] = transaction
        if request.method == "CANCEL":
            self._cancel(transaction)
            return
        if request.method == "INVITE":
            self._invites[request.call_id, request.cseq.sequence] = transaction
        self._on_request(transaction)

    def _cancel(self, cancel: ServerTransaction) -> None:
        invite = self._server.get((_branch(cancel.request), "INVITE"))
        if invite is None:
            cancel.respond(cancel.response(481, "Call/Transaction Does Not Exist"))
            return
        cancel.respond(cancel.response(200, "OK"))
        if not invite.answered:
            invite.respond(invite.response(487, "Request Terminated"))
            invite.cancelled = cancel.request
            invite.on_cancel(cancel.request)


def _branch(message: Request | Response) -> str:
    return message.via[0].parameters["branch"] or ""


def _without_parameters(address: str) -> str:
    return address[: address.index(">") + 1] if ">" in address else f"<{address.split(';', maxsplit=1)[0]}>"
