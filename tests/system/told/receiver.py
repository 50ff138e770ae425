"""A program that is told what happens, by webhooks of a router on a real Asterisk."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.router import LANE, Config
from tests.command import Command
from tests.component.http_api import api
from tests.patience import PATIENCE_S
from tests.system.rig import Rig

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Heard:
    """One webhook."""

    headers: Mapping[str, str]
    body: Any


@dataclass
class Receiver:
    """Takes everything; `heard` are the webhooks in the order in which they came."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: web.Request) -> web.Response:
        self.heard.append(Heard(dict(request.headers), json.loads(await request.read())))
        self._more.set()
        return web.Response(status=204)

    @property
    def bodies(self) -> Sequence[Any]:
        """What was heard."""
        return [heard.body for heard in self.heard]

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
        """The first webhook whose body is like this; waits for it."""
        return await self._nth(1, wanted)

    async def of(self, kind: str, count: int = 1) -> Any:
        """The data of this many-th webhook of a type."""
        return (await self._nth(count, lambda body: body["type"] == kind))["data"]

    async def _nth(self, count: int, wanted: Callable[[Any], bool]) -> Any:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while len(found := [body for body in self.bodies if wanted(body)]) < count:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"it did not come; heard was {self.bodies}") from None
        return found[count - 1]


def reachable(config: Config) -> None:
    """Let the router send webhooks to this host."""
    config["network"]["allowed_networks"].append(f"{HOST}/32")


@asynccontextmanager
async def subscribed(rig: Rig, *words: str, name: str = "program") -> AsyncIterator[Receiver]:
    """A receiver that is told by a subscription, as an operator makes it with these words; deleted at the end."""
    receiver = Receiver()
    command = Command(rig.router.config_path)
    async with api(receiver.receive) as port:
        receiver.url = f"http://{HOST}:{port}/"
        made = await command("webhooks", "create", name, receiver.url, *words)
        assert made.status == 0, made.err
        yield receiver
        status = await rig.router.until(lambda status: LANE in status["tasks_by_coroutine"])
        lanes = status["tasks_by_coroutine"][LANE]
        await command("webhooks", "delete", name)
        await rig.router.until(lambda status: status["tasks_by_coroutine"].get(LANE, 0) < lanes)
