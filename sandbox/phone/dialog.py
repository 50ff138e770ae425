"""What both ends of a call agree on (RFC 3261, section 12), and the requests inside it."""

from dataclasses import dataclass
from typing import Self

from sipmessage import URI, Address, CSeq, Request, Response

from sandbox.layout import Peer
from sandbox.phone.transactions import ServerTransaction

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY"


@dataclass(slots=True, kw_only=True)
class Dialog:
    """One end of a dialog. There is no proxy in the sandbox, so no route set."""

    call_id: str
    local: str  # our From header, with its tag
    remote: str
    target: URI
    contact: Address
    sequence: int

    @classmethod
    def of_outgoing(cls, invite: Request, answer: Response, contact: Address) -> Self:
        """The dialog that a 2xx to our INVITE makes."""
        return cls(
            call_id=invite.call_id,
            local=invite.headers["From"],
            remote=answer.headers["To"],
            target=answer.contact[0].uri if answer.contact else invite.uri,
            contact=contact,
            sequence=invite.cseq.sequence,
        )

    @classmethod
    def of_incoming(cls, transaction: ServerTransaction, contact: Address) -> Self:
        """The dialog that our 2xx to this INVITE makes."""
        invite = transaction.request
        to = invite.to_address
        local = Address(to.uri, to.name, to.parameters.replace(tag=transaction.local_tag))
        return cls(
            call_id=invite.call_id,
            local=str(local),
            remote=invite.headers["From"],
            target=invite.contact[0].uri,
            contact=contact,
            sequence=0,
        )

    @property
    def peer(self) -> Peer:
        """Where the other end listens."""
        return self.target.host, self.target.port or 5060

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return Address.parse(self.local).parameters["tag"] or ""

    @property
    def remote_tag(self) -> str:
        """The other end's tag."""
        return Address.parse(self.remote).parameters["tag"] or ""

    def request(self, method: str) -> Request:
        """The next request of this dialog; an ACK has the number of its INVITE."""
        if method != "ACK":
            self.sequence += 1
        request = new_request(method, self.target, from_header=self.local, to_header=self.remote, call_id=self.call_id)
        request.cseq = CSeq(self.sequence, method)
        request.contact = [self.contact]
        return request


def new_request(method: str, uri: URI, *, from_header: str, to_header: str, call_id: str) -> Request:
    """A request with what all have in common; CSeq 1 until it is set otherwise."""
    request = Request(method, uri)
    request.headers.set("From", from_header)
    request.headers.set("To", to_header)
    request.call_id = call_id
    request.cseq = CSeq(1, method)
    request.max_forwards = 70
    request.headers.set("Allow", ALLOW)
    request.user_agent = "agi-router sandbox"
    return request
