"""Asterisk's side of what is changed of agents: it does what it is asked, and tells it a moment later."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ari_app.calls.memberships import Membership
from ari_app.calls.ports import TelephonyError
from ari_app.calls.presence import Presence


@dataclass(slots=True)
class FakeBreaks:
    """Queues. Each of `refusals` is raised once, before anything is done; `silent` tells nothing of what is done."""

    presence: Presence
    asked: list[tuple[str, bool, str]] = field(default_factory=list)
    refusals: list[TelephonyError | None] = field(default_factory=list)
    silent: bool = False

    async def set_break(self, member: Membership, *, paused: bool, reason: str) -> None:
        self.asked.append((member.queue, paused, reason))
        if self.refusals and (refusal := self.refusals.pop(0)) is not None:
            raise refusal
        changed = replace(member, paused=paused, reason=reason if paused else "")
        self._tell(lambda: self.presence.memberships.put(changed))

    def _tell(self, what: Callable[[], None]) -> None:
        if not self.silent:
            asyncio.get_running_loop().call_soon(what)


@dataclass(slots=True)
class FakeDevices:
    """Custom device states."""

    presence: Presence
    asked: list[tuple[str, str]] = field(default_factory=list)
    refusal: TelephonyError | None = None
    silent: bool = False

    async def set_device_state(self, device: str, state: str) -> None:
        self.asked.append((device, state))
        if self.refusal is not None:
            raise self.refusal
        if not self.silent:
            asyncio.get_running_loop().call_soon(self.presence.device_changed, device, state)
