"""Tells all CRMs of calls: a lane for each, which begins, changes and ends with its connector."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final, Protocol

import structlog

from ari_app.crm.activity_lane import ActivityLane, Receiver, Sources
from ari_app.domain.activities import ActivityStore
from ari_app.lanes.lane import Pace

STOP_S: Final = 5.0
"""So long a stopping engine waits for answers. What has not come by then is in doubt, as if the router had died."""
RESTART_S: Final = 5.0
CLAIM_DEADLINES: Final = 4
"""A claim outlasts a request and the commits around it."""

log = structlog.get_logger("agi_router.crm")


class Bell(Protocol):
    """Tells that there is more to tell."""

    @property
    def bell(self) -> asyncio.Event:
        """Set when there is: take it, look, then wait for it. Each is set once."""


class ActivityEngine:
    """Made by `telling_crms`."""

    def __init__(self, *, store: ActivityStore, sources: Sources, pace: Pace) -> None:
        self._store = store
        self._sources = sources
        self._pace = pace
        self._lanes: dict[str, tuple[ActivityLane, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def know(self, receivers: Mapping[str, Receiver]) -> None:
        """Tell these CRMs from now on, by their names, and no others."""
        for name in self._lanes.keys() - receivers.keys():
            lane, task = self._lanes.pop(name)
            lane.stop()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        for name, receiver in receivers.items():
            if name not in self._lanes:
                self._begin(name, receiver)
            else:
                self._lanes[name][0].take(receiver)

    def hasten(self, name: str) -> None:
        """This CRM lets us in again, or a person wants it: all that waits for it is due."""
        if name in self._lanes:
            self._lanes[name][0].hasten()

    def look(self) -> None:
        """There is more to tell."""
        for lane, _ in self._lanes.values():
            lane.look()

    async def follow(self, marks: Bell) -> None:
        """Have all lanes look whenever there is more to tell, until cancelled."""
        while True:
            rung = marks.bell
            self.look()
            await rung.wait()

    async def stop(self, within_s: float = STOP_S) -> None:
        """Begin nothing more, wait for what is under way, and give back what takes longer."""
        for lane, _ in self._lanes.values():
            lane.stop()
        tasks = {task for _, task in self._lanes.values()} | self._ending
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _begin(self, name: str, receiver: Receiver) -> None:
        claim = max(self._pace.claim, timedelta(seconds=CLAIM_DEADLINES * receiver.deadline_s))
        # Whoever starts a router, or changes its connectors, expects that what was refused before is tried now.
        lane = ActivityLane(
            receiver, store=self._store, sources=self._sources, pace=replace(self._pace, claim=claim), hastens=True
        )
        self._lanes[name] = lane, asyncio.create_task(_guarded(lane, name), name=f"activities of {name}")


async def _guarded(lane: ActivityLane, name: str) -> None:
    """A fault of the router's own costs this CRM a moment, and the others nothing."""
    while True:
        try:
            return await lane.run()
        except Exception:
            log.exception("what a CRM is told of calls broke off; it goes on soon", connector=name)
        await asyncio.sleep(RESTART_S)


@asynccontextmanager
async def telling_crms(engine: ActivityEngine, marks: Bell, *, stop_s: float = STOP_S) -> AsyncIterator[None]:
    """Tell in the background until the block ends."""
    task = asyncio.create_task(engine.follow(marks), name="activities")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.stop(stop_s)
