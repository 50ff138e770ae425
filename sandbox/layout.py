"""Where everything of one run listens: a /24 of loopback addresses of its own."""

import errno
import os
import random
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address
from itertools import cycle, islice
from pathlib import Path

from sandbox.errors import SandboxError

# Bound, never listened on: the kernel keeps a second owner off this network, and lets go when the first one dies.
CLAIM_PORT = 40404

# Linux gives ports from 32768 up to whoever asks for any. One of those may be another's before it is listened on, and
# one that two processes try may be as well: each process has its share of those below, above the ports of the RTP.
PORTS_FROM, PORTS_EACH, SHARES = 20_100, 600, 21

Peer = tuple[str, int]  # an IPv4 address and a port

PHONES = ("ada", "ada-desk", "ada-mobile", "bob", "carol")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The addresses and ports of one run. `network` is the first three parts of its addresses, "127.37.91".

    `numbered_phones` is how many phones there are beside `PHONES`: phone001, phone002, and so on.
    """

    network: str
    sip_port: int
    ari_port: int
    ami_port: int
    trunk_port: int
    dead_trunk_port: int
    numbered_phones: int = 0

    @property
    def asterisk(self) -> str:
        """Asterisk's address, for SIP, RTP, ARI and AMI."""
        return f"{self.network}.1"

    @property
    def phone(self) -> str:
        """The address of registered phones."""
        return f"{self.network}.2"

    @property
    def carrier(self) -> str:
        """Who calls from this address is endpoint `carrier`: any DID, no password, its P-Asserted-Identity believed."""
        return f"{self.network}.3"

    @property
    def trunk(self) -> str:
        """Where endpoint `trunk` sends its calls, at `trunk_port`: a test's phone plays the provider there."""
        return f"{self.network}.4"

    @property
    def dead_trunk(self) -> str:
        """Where endpoint `trunk-dead` sends its calls, at `dead_trunk_port`: nobody is there."""
        return f"{self.network}.5"

    @property
    def api(self) -> str:
        """For the customer's API."""
        return f"{self.network}.6"

    @property
    def phones(self) -> tuple[str, ...]:
        """The names of all phones that can register; each one's password is `phone_password(name)`."""
        return PHONES + tuple(f"phone{number:03}" for number in range(1, self.numbered_phones + 1))


def phone_password(name: str) -> str:
    """The SIP password of one of the sandbox's phones."""
    return f"{name}-secret"


class Network:
    """A /24 of loopback addresses that nobody else on this machine takes until `release` or the end of the process."""

    def __init__(self, prefix: str, claim: socket.socket) -> None:
        self.prefix = prefix
        self._claim = claim

    def release(self) -> None:
        """Let others have it."""
        self._claim.close()

    def layout(self, numbered_phones: int = 0) -> Layout:
        """Addresses, with ports that are free now."""
        return Layout(
            network=self.prefix,
            sip_port=free_port(f"{self.prefix}.1"),
            ari_port=free_port(f"{self.prefix}.1", socket.SOCK_STREAM),
            ami_port=free_port(f"{self.prefix}.1", socket.SOCK_STREAM),
            trunk_port=free_port(f"{self.prefix}.4"),
            dead_trunk_port=free_port(f"{self.prefix}.5"),
            numbered_phones=numbered_phones,
        )


def claim_network() -> Network:
    """A network that is free now, chosen by chance so that many owners rarely meet."""
    for _ in range(100):
        prefix = f"127.{random.randint(16, 250)}.{random.randint(1, 250)}"  # noqa: S311 - no secret
        if network := try_claim(prefix):
            return network
    raise SandboxError("No free loopback network was found. End other sandboxes on this machine and try again.")


def try_claim(prefix: str) -> Network | None:
    """This very network, or None when it has an owner."""
    claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        claim.bind((f"{prefix}.1", CLAIM_PORT))
    except OSError as error:
        claim.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return Network(prefix, claim)


def free_port(address: str, kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port of this address that is free now, and that nobody gets by asking for any; by default of UDP."""
    for port in islice(_own_ports(), PORTS_EACH):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:  # as servers do: what is left of closed connections is in nobody's way
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return port
    raise SandboxError(f"of {address}, none of the ports that this process tries is free")


def is_bound(peer: Peer) -> bool:
    """Whether a UDP socket is bound there; asked of the kernel, since trying to bind could hinder the one awaited."""
    (address,) = struct.unpack("=I", IPv4Address(peer[0]).packed)
    return f" {address:08X}:{peer[1]:04X} " in Path("/proc/net/udp").read_text()


@cache
def _own_ports() -> Iterator[int]:
    """All of this process, without an end."""
    first = PORTS_FROM + os.getpid() % SHARES * PORTS_EACH
    begun = random.randrange(PORTS_EACH)  # noqa: S311 - no secret
    return cycle(first + (begun + number) % PORTS_EACH for number in range(PORTS_EACH))
