"""A SIP phone: it registers, takes calls and places them."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Self

from sipmessage import URI, Address, CSeq, MediaType, Parameters, Request, Response

from sandbox.layout import Layout, Peer, is_bound, phone_password
from sandbox.patience import PATIENCE_S
from sandbox.phone.calls import Call, patience
from sandbox.phone.dialog import new_request
from sandbox.phone.digest import authorize
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.media import Media
from sandbox.phone.outgoing import OutgoingCall
from sandbox.phone.transactions import ServerTransaction, SipSocket

REGISTRATION_S = 3600
GOODBYE_S = 10.0
"""A phone that leaves without unregistering is a contact that rings for nobody, for as long as it had registered."""
GONE_S = 1.0
TEXT = MediaType.parse("text/plain;charset=UTF-8")


class RegistrationError(Exception):
    """Asterisk refused the registration, or did not answer."""


class Phone:
    """A phone called `name` at `address`, up between `async with` and its end; then it ends its calls and unregisters.

    `server` is where it sends requests. With a `password` it registers. `port` 0 takes a free port. `tone_hz` is what
    it sends in a call (whole Hz; None sends nothing).
    """

    sip: SipSocket

    def __init__(
        self,
        name: str,
        *,
        server: Peer,
        address: str,
        port: int = 0,
        password: str | None = None,
        tone_hz: int | None = 440,
    ) -> None:
        self.name = name
        self.received: list[IncomingCall] = []
        self.takes_updates = False
        """Whether it says that it allows UPDATE (RFC 3311), by which Asterisk tells news while it rings."""
        self.is_unplugged = False
        """Whether it leaves calls without any answer, as a phone does whose registration has outlived it."""
        self.message_answer: tuple[int, str] | None = (200, "OK")
        self._messages: asyncio.Queue[Request] = asyncio.Queue()
        self._server = server
        self._address = address
        self._port = port
        self._password = password
        self._tone_hz = tone_hz
        self._calls: dict[str, Call] = {}
        self._new_calls: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self._openings: set[asyncio.Task[None]] = set()
        self._register_id = secrets.token_hex(8)
        self._register_sequence = 0

    @classmethod
    def user(cls, layout: Layout, name: str, *, tone_hz: int | None = 440) -> Self:
        """A phone that registers as one of `layout.phones`; several of one name are several contacts."""
        return cls(
            name,
            server=(layout.asterisk, layout.sip_port),
            address=layout.phone,
            password=phone_password(name),
            tone_hz=tone_hz,
        )

    @classmethod
    def carrier(cls, layout: Layout, *, tone_hz: int | None = 440) -> Self:
        """Callers from outside: it can call any DID, and is believed who it says it is."""
        server = (layout.asterisk, layout.sip_port)
        return cls("carrier", server=server, address=layout.carrier, tone_hz=tone_hz)

    @classmethod
    def provider(cls, layout: Layout, *, tone_hz: int | None = 440) -> Self:
        """The provider behind endpoint `trunk`: it receives the calls to numbers outside."""
        server = (layout.asterisk, layout.sip_port)
        return cls("provider", server=server, address=layout.trunk, port=layout.trunk_port, tone_hz=tone_hz)

    async def __aenter__(self) -> Self:
        self.sip = await SipSocket.open(self._address, self._port, self._on_request)
        try:
            if self._password is not None:
                await self.register()
        except BaseException:
            self.sip.close()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._leave(
                asyncio.gather(*(call.close() for call in [*self._calls.values()]), return_exceptions=True)
            )
            if self._password is not None:
                await self._leave(self._register(0))
        finally:
            for call in self._calls.values():
                call.media.close()
            self.sip.close()

    async def _leave(self, goodbye: Awaitable[object]) -> None:
        """Asterisk may be gone, and what it does not answer is not this phone's failure."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(goodbye, GOODBYE_S if is_bound(self._server) else GONE_S)

    @property
    def contact(self) -> Address:
        """Where this phone is reached."""
        host, port = self.sip.local
        return Address(URI("sip", host, user=self.name, port=port))

    async def register(self) -> None:
        """Register for an hour. Raises RegistrationError."""
        response = await self._register(REGISTRATION_S)
        if response.code != 200:
            raise RegistrationError(
                f"{self.name} could not register: {response.code} {response.phrase}. "
                "Is the name one of layout.phones, and is Asterisk up?"
            )

    async def next_call(self, timeout_s: float = PATIENCE_S) -> IncomingCall:
        """The oldest call that nobody took yet."""
        async with patience(timeout_s, f"No call reached {self.name}"):
            return await self._new_calls.get()

    async def call(
        self,
        number: str,
        *,
        caller: str | None = None,
        caller_name: str = "",
        withheld: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> OutgoingCall:
        """Call `number`, which is the user part of the request URI.

        `caller` and `caller_name` stand in From, and are this phone's own when not given. `withheld` is what a carrier
        sends for a caller who hides his number: an anonymous From, the number in P-Asserted-Identity, Privacy: id.
        `headers` are set last.
        """
        identity = Address(URI("sip", self._server[0], user=caller or self.name), caller_name)
        sender = Address(URI("sip", "anonymous.invalid", user="anonymous"), "Anonymous") if withheld else identity
        target = URI("sip", self._server[0], user=number, port=self._server[1])
        invite = self._request("INVITE", target, sender, Address(target), secrets.token_hex(8))
        if withheld:
            invite.headers.set("P-Asserted-Identity", str(identity))
            invite.headers.set("Privacy", "id")
        for name, value in (headers or {}).items():
            invite.headers.set(name, value)
        media = await Media.open(self._address, self._tone_hz)
        call = OutgoingCall(
            self.name,
            invite,
            self._server,
            sip=self.sip,
            media=media,
            contact=self.contact,
            authorize=self._authorize if self._password is not None else None,
            on_end=lambda: self._forget(invite.call_id),
        )
        self._calls[invite.call_id] = call
        return call

    async def next_message(self, timeout_s: float = PATIENCE_S) -> Request:
        """The oldest text message (RFC 3428) that nobody took yet: the request whole."""
        async with patience(timeout_s, f"No message reached {self.name}"):
            return await self._messages.get()

    async def send_message(
        self, number: str, text: str | bytes, *, sender: Address | None = None, headers: Mapping[str, str] | None = None
    ) -> int:
        """Send a text message to `number`; the status that Asterisk answers. `sender` stands in From."""
        target = URI("sip", self._server[0], user=number, port=self._server[1])
        identity = sender or Address(URI("sip", self._server[0], user=self.name))
        message = self._request("MESSAGE", target, identity, Address(target), secrets.token_hex(8))
        message.content_type = TEXT
        message.body = text.encode() if isinstance(text, str) else text
        for name, value in (headers or {}).items():
            message.headers.set(name, value)
        async with patience(PATIENCE_S, f"{self.name}'s message was not answered"):
            response = await self.sip.request(message, self._server).final()
            if response.code == HTTPStatus.UNAUTHORIZED and self._password is not None:
                self._authorize(message, response)
                message.cseq = CSeq(2, "MESSAGE")
                response = await self.sip.request(message, self._server).final()
        return response.code

    def _on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        in_dialog = "tag" in request.to_address.parameters
        if in_dialog and (call := self._calls.get(request.call_id)):
            call.receive(transaction)
        elif in_dialog:
            transaction.respond(transaction.response(481, "Call/Transaction Does Not Exist"))
        elif request.method == "INVITE" and self.is_unplugged:
            pass
        elif request.method == "INVITE":
            opening = asyncio.create_task(self._ring_up(transaction))
            self._openings.add(opening)
            opening.add_done_callback(self._openings.discard)
        elif request.method == "OPTIONS":
            transaction.respond(transaction.response(200, "OK"))
        elif request.method == "MESSAGE":
            self._take_message(transaction)
        else:
            transaction.respond(transaction.response(405, "Method Not Allowed"))

    def _take_message(self, transaction: ServerTransaction) -> None:
        self._messages.put_nowait(transaction.request)
        if self.message_answer is not None:
            transaction.respond(transaction.response(*self.message_answer))

    async def _ring_up(self, transaction: ServerTransaction) -> None:
        call_id = transaction.request.call_id
        media = await Media.open(self._address, self._tone_hz)
        call = IncomingCall(
            self.name,
            transaction,
            sip=self.sip,
            media=media,
            contact=self.contact,
            on_end=lambda: self._forget(call_id),
            takes_updates=self.takes_updates,
        )
        if not call.is_over:
            self._calls[call_id] = call
        self.received.append(call)
        self._new_calls.put_nowait(call)

    def _forget(self, call_id: str) -> None:
        self._calls.pop(call_id, None)

    async def _register(self, expires_s: int) -> Response:
        registrar = URI("sip", self._server[0], port=self._server[1])
        identity = Address(URI("sip", self._server[0], user=self.name))
        request = self._request("REGISTER", registrar, identity, identity, self._register_id)
        request.contact = [self.contact]
        request.expires = expires_s
        response = await self._send_register(request)
        if response.code == 401:
            self._authorize(request, response)
            response = await self._send_register(request)
        return response

    async def _send_register(self, request: Request) -> Response:
        self._register_sequence += 1
        request.cseq = CSeq(self._register_sequence, "REGISTER")
        return await self.sip.request(request, self._server).final()

    def _request(self, method: str, uri: URI, sender: Address, to: Address, call_id: str) -> Request:
        tagged = Address(sender.uri, sender.name, Parameters(tag=secrets.token_hex(4)))
        return new_request(method, uri, from_header=str(tagged), to_header=str(to), call_id=call_id)

    def _authorize(self, request: Request, challenge: Response) -> None:
        authorize(request, challenge, self.name, self._password or "")
