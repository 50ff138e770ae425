"""A name server on the loopback whose answers a test changes, and a resolver that asks it, by DNS over UDP."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from dnslib import AAAA, QTYPE, RR, A, DNSRecord

_FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers every question from `answers`: a list of addresses for each time that A is asked, the last one for ever.

    Nothing that it says may be kept (TTL 0).
    """

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = DNSRecord.parse(data)
        kind = QTYPE[question.q.qtype]
        turn = min(self.asked.count("A"), len(self.answers) - 1)
        self.asked.append(kind)
        reply = question.reply()
        for address in self.answers[turn]:
            packed = ip_address(address).packed
            if kind == ("A" if len(packed) == 4 else "AAAA"):
                data = A(tuple(packed)) if kind == "A" else AAAA(tuple(packed))
                reply.add_answer(RR(question.q.qname, question.q.qtype, rdata=data, ttl=0))
        self._transport.sendto(reply.pack(), addr)

    @property
    def port(self) -> int:
        return int(self._transport.get_extra_info("sockname")[1])


class DnsResolver(AbstractResolver):
    """Stands where the system's resolver does, and keeps nothing."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found: list[ResolveResult] = []
        for kind, its_family in reversed(_FAMILIES.items()):  # A last: it is what the name server counts turns by
            question = DNSRecord.question(host, kind)
            answer = DNSRecord.parse(await asyncio.to_thread(question.send, "127.0.0.1", self._port, timeout=2))
            found += [
                ResolveResult(hostname=host, host=address, port=port, family=its_family, proto=0, flags=0)
                for address in (str(ip_address(bytes(record.rdata.data))) for record in answer.rr)
            ]
        if not found:
            raise OSError(socket.EAI_NONAME, "Name or service not known")
        return found

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def name_server(*answers: list[str]) -> AsyncIterator[NameServer]:
    """Answers with these addresses, turn by turn."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer([*answers]), ("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
