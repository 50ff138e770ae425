"""What tells others of devices, agents and Asterisk while a router runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agi_router.decide import RoutingSettings
from ari_app.app.memory import Memory
from ari_app.calls.presence import Presence
from ari_app.domain.link import Link
from ari_app.domain.notices import NoticeType
from ari_app.live.watching.agents import AgentWatch
from ari_app.live.watching.asterisk import AsteriskWatch
from ari_app.live.watching.devices import DeviceWatch


@dataclass(frozen=True, slots=True)
class Watching:
    """Takes the states of devices for all who want them, and what is in the directory."""

    presence: Presence
    devices: DeviceWatch
    agents: AgentWatch

    def know(self, routing: RoutingSettings) -> None:
        """From now on this is the directory."""
        self.devices.know(routing)
        self.agents.know(routing)

    def device_changed(self, device: str, state: str) -> None:
        """A device, such as PJSIP/ada, is in this state, a word of Asterisk."""
        self.presence.device_changed(device, state)
        self.devices.see(device, state)


@asynccontextmanager
async def watching(routing: RoutingSettings, memory: Memory, presence: Presence, link: Link) -> AsyncIterator[Watching]:
    """Until the block ends; `link` is that to Asterisk's ARI."""
    receivers = memory.outbox.receivers
    agents = AgentWatch(
        presence,
        memory.notices,
        is_wanted=lambda: receivers.may_want(NoticeType.AGENT_CHANGED),
        listeners_changed=lambda: receivers.changed,
    )
    watch = Watching(presence, DeviceWatch(memory.notices, link), agents)
    watch.know(routing)
    asterisk = AsteriskWatch(memory.notices, link)
    task = asyncio.create_task(agents.run(), name="agents")
    try:
        yield watch
    finally:
        watch.devices.close()
        asterisk.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
