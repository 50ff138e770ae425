"""Whether Asterisk's host resolves its own name by itself. Where it asks a name server that is silent, calls stall."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic

HOST_NAME = Topic("host-name", Group.ASTERISK)

PATIENCE_S: Final = 2.0
HOSTS: Final = Path("/etc/hosts")
STALL: Final = "about one call in fifteen stalls for five seconds whenever the name server is silent"


@dataclass(frozen=True, slots=True)
class HostName:
    """This machine's name. `resolved_ms` is None when it was not resolved, or not within PATIENCE_S."""

    name: str
    is_in_hosts_file: bool
    resolved_ms: float | None


def host_check(ari_url: str) -> Check:
    """Asks only this machine; Asterisk may run on another one."""

    async def host() -> Sequence[Finding]:
        asterisk = urlsplit(ari_url).hostname or ""
        if not await _is_here(asterisk):
            return [elsewhere(asterisk)]
        name = socket.gethostname()
        return [judge_host_name(HostName(name, _names(HOSTS, name), await _resolved_ms(name)))]

    return Check(HOST_NAME, host, deadline_s=2 * PATIENCE_S + 1)


def judge_host_name(host: HostName) -> Finding:
    """A warning at most: Asterisk in a container has a name and a hosts file of its own, unseen from here."""
    if host.is_in_hosts_file:
        return HOST_NAME.ok(f"{host.name}, this machine's name, stands in {HOSTS}")
    how = "does not resolve" if host.resolved_ms is None else f"resolves in {host.resolved_ms:.0f} ms"
    return HOST_NAME.warning(
        f"{host.name}, this machine's name, is not in {HOSTS} and {how}: {STALL}",
        f'add it where Asterisk runs: echo "127.0.1.1 {host.name}" >> {HOSTS}',
    )


def elsewhere(asterisk: str) -> Finding:
    """From here nobody can tell."""
    return HOST_NAME.skipped(
        f"Asterisk runs on another machine, {asterisk}, and whether that knows its own name is not seen from here",
        f'run there: grep -w "$(hostname)" {HOSTS}; where that finds nothing, {STALL}',
    )


def _names(hosts: Path, name: str) -> bool:
    try:
        lines = hosts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(name in line.partition("#")[0].split()[1:] for line in lines)


async def _is_here(host: str) -> bool:
    """Whether an address of this host is one of this machine's: only those can be bound."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    return any(_binds(family, address) for family, _, _, _, address in found)


def _binds(family: socket.AddressFamily, address: tuple[Any, ...]) -> bool:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


async def _resolved_ms(name: str) -> float | None:
    started = monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.get_running_loop().getaddrinfo(name, None)
    except OSError:
        return None
    return (monotonic() - started) * 1000
