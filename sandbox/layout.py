"""Where everything of one run listens: a /24 of loopback addresses of its own."""

import errno
import random
import socket
from dataclasses import dataclass

from sandbox.errors import SandboxError

# Bound, never listened on: the kernel keeps a second owner off this network, and lets go when the first one dies.
CLAIM_PORT = 40404

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
    """A port of this address that is free now; by default of UDP."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
