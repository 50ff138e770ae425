"""The network guard: which addresses a lookup may connect to.

Caller data never reaches the host of a URL, yet a name can resolve to anything. So addresses are checked, not names,
and at the moment of connecting: by the resolver, which hides denied addresses of a name, and by the factory of
sockets, which no connection gets around.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Protocol

from aiohttp import AddrInfoType, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# What `is_global` says yes to in some Python version, though a LAN, a carrier or this host may stand behind it.
DENIED = tuple(
    map(
        ip_network,
        ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "2001::/32", "2002::/16", "3fff::/20"),
    )
)
GLOBAL_UNICAST = ip_network("2000::/3")
"""All of IPv6 that is given out. Outside of it stand translators to IPv4 and the old site-local addresses."""


class NetworkDeniedError(OSError):
    """The guard refuses this address. `host` is the name it came from, or the address itself."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{address} is not an allowed address")
        self.host = host
        self.address = address


@dataclass(frozen=True, slots=True)
class NetworkGuard:
    """Public addresses, and those of the `allowed` networks (`network.allowed_networks`)."""

    allowed: tuple[Network, ...] = ()

    def permits(self, text: str) -> bool:
        """Whether this IP address may be connected to."""
        address = _plain(text)
        if any(address in network for network in self.allowed):
            return True
        if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
            return False
        return address.is_global and not address.is_multicast and not any(address in network for network in DENIED)

    def socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for this address; raises NetworkDeniedError. The only source of sockets for lookups."""
        family, kind, protocol, _, address = info
        if not self.permits(str(address[0])):
            raise NetworkDeniedError(str(address[0]), str(address[0]))
        return socket.socket(family, kind, protocol)


class Guard(Protocol):
    """Says where connections may go."""

    def permits(self, text: str) -> bool:
        """Whether this IP address may be connected to."""

    def socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for this address; raises NetworkDeniedError."""


@dataclass(frozen=True, slots=True)
class GuardInForce:
    """The guard of the configuration that is in force at the moment of connecting."""

    in_force: Callable[[], NetworkGuard]

    def permits(self, text: str) -> bool:
        """See `Guard`."""
        return self.in_force().permits(text)

    def socket(self, info: AddrInfoType) -> socket.socket:
        """See `Guard`."""
        return self.in_force().socket(info)


class GuardedResolver(AbstractResolver):
    """Resolves by the system (hosts file, then DNS) and leaves out what the guard denies.

    Names wait for name servers in `threads`, else in those of the event loop, of which there are few.
    """

    def __init__(self, guard: Guard, threads: Executor | None = None) -> None:
        self._guard = guard
        self._system = ThreadedResolver() if threads is None else _InThreads(threads)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises NetworkDeniedError when none of the name's addresses is permitted."""
        found = await self._system.resolve(host, port, family)
        permitted = [result for result in found if self._guard.permits(result["host"])]
        if found and not permitted:
            raise NetworkDeniedError(host, found[0]["host"])
        return permitted

    async def close(self) -> None:
        """Nothing is held."""
        await self._system.close()


class _InThreads(AbstractResolver):
    """As aiohttp's ThreadedResolver, which knows the threads of the event loop alone."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [
            ResolveResult(
                hostname=host,
                host=_zoned(address),
                port=int(address[1]),
                family=its_family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for its_family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """The threads are somebody else's."""


def _zoned(address: Sequence[Any]) -> str:
    """An IPv6 address of one link is nothing without its zone."""
    host = str(address[0])
    return f"{host}%{address[3]}" if len(address) == 4 and address[3] and "%" not in host else host


def _plain(text: str) -> Address:
    """Without the zone, and an IPv4 address in IPv6 clothes as what it is."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
