"""IP addresses and networks, and where a request behind proxies came from."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from ari_app.access.forwarding import ProxyHeader, entries

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: Final[tuple[Network, ...]] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
EVERYWHERE: Final[tuple[Network, ...]] = (ip_network("0.0.0.0/0"), ip_network("::/0"))


class NoAddressError(Exception):
    """Nobody can tell where a request came from; the text says why."""


def network(given: str) -> Network:
    """A network in CIDR form; a bare address is that one alone. Raises ValueError that says how to write it."""
    try:
        return _unmapped(ip_network(given, strict=True))
    except ValueError as error:
        hint = f"write for example {_meant(given)}, or one address"
        raise ValueError(f'"{given}" is not a network ({error}); {hint}') from None


def address(given: str) -> Address:
    """An IP address; one of IPv4 in IPv6's clothes (RFC 4291, section 2.5.5.2) is that of IPv4. Raises ValueError."""
    parsed = ip_address(given)
    if isinstance(parsed, IPv6Address):
        return parsed.ipv4_mapped or parsed
    return parsed


def contains(networks: Iterable[Network], one: Address) -> bool:
    """Whether it is in any of them. In none of none: nobody is let in by a list that is empty."""
    return any(one in each for each in networks)


def client_address(
    peer: str, forwarded: Sequence[str], proxies: Sequence[Network], header: ProxyHeader = ProxyHeader.X_FORWARDED_FOR
) -> Address:
    """Where a request came from: the address of its connection, or what a trusted proxy says of that.

    `forwarded` are the values of all of these headers, in their order. Each proxy adds the address that it saw at the
    right, so that what is left of the first untrusted one is hearsay, and never looked at. Raises NoAddressError for a
    trusted proxy that says nothing, or what is no address.
    """
    try:
        seen = address(peer.partition("%")[0])  # fe80::1%eth0: the interface is ours, and no part of an address
    except ValueError:
        raise NoAddressError("the connection has no IP address") from None
    said = entries(header, forwarded)
    if contains(proxies, seen) and not said:
        raise NoAddressError(f"the trusted proxy {seen} sends no {header}")
    while said and contains(proxies, seen):
        seen = _told_by(seen, said.pop(), header)
    return seen


def _told_by(proxy: Address, entry: str, header: ProxyHeader) -> Address:
    """192.0.2.1, 192.0.2.1:4711, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:4711."""
    host, has_port, port = entry, "", ""
    if entry.startswith("["):
        host, closed, rest = entry[1:].partition("]")
        host, has_port, port = host if closed else "", rest[:1], rest[1:]
    elif entry.count(":") == 1:
        host, has_port, port = entry.partition(":")
    is_port = not port if not has_port else port.isascii() and port.isdigit()
    try:
        return address(host if has_port in {"", ":"} and is_port and "%" not in host else "")
    except ValueError:
        raise NoAddressError(f"what the trusted proxy {proxy} sends as {header} is no address") from None


def _unmapped(given: Network) -> Network:
    """::ffff:192.0.2.0/120 is 192.0.2.0/24, as its addresses are those of IPv4."""
    if isinstance(given, IPv6Network) and given.prefixlen >= 96 and (base := given.network_address.ipv4_mapped):
        return IPv4Network((base, given.prefixlen - 96))
    return given


def _meant(given: str) -> str:
    try:
        return str(ip_network(given, strict=False))
    except ValueError:
        return "10.0.0.0/8"
