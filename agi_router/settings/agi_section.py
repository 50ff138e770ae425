"""The section `agi`: where the AGI door listens, and who may come in."""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from agi_router.document import Section
from agi_router.fastagi.settings import DEFAULT_CONNECTIONS, DEFAULT_PORT, AgiSettings
from agi_router.settings.values import AllowedNetwork

LISTEN: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+))(?::(?P<port>\d{1,5}))?")


def _address(given: str) -> tuple[str, int]:
    """Its IP address and its port. Raises ValueError."""
    listen = LISTEN.fullmatch(given)
    if listen is not None:
        with suppress(ValueError):
            host, port = str(ip_address(listen["six"] or listen["four"])), int(listen["port"] or DEFAULT_PORT)
            if 0 < port < 65536:
                return host, port
    example = f'"127.0.0.1:{DEFAULT_PORT}", or "[::1]:{DEFAULT_PORT}"'
    raise ValueError(f"is no IP address with a port; write it as {example}")


def _listen(given: str) -> str:
    _address(given)
    return given


class AgiSection(Section):
    """`agi`."""

    listen: Annotated[str, AfterValidator(_listen)] = f"127.0.0.1:{DEFAULT_PORT}"
    allowed_networks: tuple[AllowedNetwork, ...] = ()
    max_connections: int = Field(default=DEFAULT_CONNECTIONS, ge=10, le=10_000)

    def settings(self) -> AgiSettings:
        """What it means."""
        host, port = _address(self.listen)
        return AgiSettings(
            host=host, port=port, allowed_networks=self.allowed_networks, max_connections=self.max_connections
        )


def agi_warnings(agi: AgiSettings) -> Iterator[str]:
    """What is allowed and hardly meant, as sentences of the form "KEY: what; what to do"."""
    is_local = ip_address(agi.host).is_loopback
    if is_local and agi.allowed_networks:
        yield (
            f"agi.allowed_networks: nobody reaches {agi.host} from another host; "
            "listen on an address of this host, or leave allowed_networks out"
        )
    if not is_local and not agi.allowed_networks:
        yield (
            f"agi.listen: on {agi.host} other hosts reach the door, and only this one may come in; "
            "name Asterisk's address in agi.allowed_networks, or listen on 127.0.0.1"
        )
    for network in agi.allowed_networks:
        if network.is_global or not network.prefixlen:
            yield (
                f"agi.allowed_networks: {network} holds public addresses, and AGI has neither password nor encryption; "
                "name Asterisk's own address, in a network that you trust"
            )
