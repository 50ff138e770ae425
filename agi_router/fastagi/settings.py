"""The section `agi`."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

DEFAULT_PORT = 4573
"""FastAGI's own: AGI(agi://host/route) means it."""

DEFAULT_CONNECTIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiSettings:
    """Where the AGI door listens (port 0: any free one), who may come in, and how many at a time.

    AGI knows no password: besides this host only the addresses of `allowed_networks` may connect. A peer gets
    `header_deadline_s` to say what it wants, and Asterisk `answer_deadline_s` to answer a command.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    max_connections: int = DEFAULT_CONNECTIONS
    header_deadline_s: float = 2.0
    answer_deadline_s: float = 5.0

    @property
    def address(self) -> str:
        """Host and port as they are written: "127.0.0.1:4573", "[::1]:4573"."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
