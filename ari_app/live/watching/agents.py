"""Tells when an agent stands otherwise than before: in a talk, in wrap-up, not to be disturbed, on a break of a queue.

Ringing is no change: calls tell of it. Who changes several times within GATHER_S is told of once.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from agi_router.decide import RoutingSettings
from ari_app.calls.presence import Presence
from ari_app.domain.notices import About, Notices, NoticeType
from ari_app.live.agents import FREE, RINGING, agent_as_json
from ari_app.live.watching.teams import teams_of
from ari_app.live.watching.telling import notice

GATHER_S: Final = 0.25

log = structlog.get_logger("agi_router.agents")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is told of an agent. `breaks` are the queues to which he is logged in, whether he is paused there, and why.

    None while the queues are not known.
    """

    state: str
    dnd: bool
    breaks: tuple[tuple[str, bool, str], ...] | None


class AgentWatch:
    """`is_wanted` tells whether anybody listens, and `listeners_changed` has the event of the next change of that.

    While nobody listens nobody is looked at.
    """

    def __init__(
        self,
        presence: Presence,
        notices: Notices,
        *,
        is_wanted: Callable[[], bool],
        listeners_changed: Callable[[], asyncio.Event],
        gather_s: float = GATHER_S,
    ) -> None:
        self._presence = presence
        self._notices = notices
        self._is_wanted = is_wanted
        self._listeners_changed = listeners_changed
        self._gather_s = gather_s
        self._teams: Mapping[str, frozenset[str]] = {}
        self._queue_ids: Mapping[str, str] = {}

    def know(self, routing: RoutingSettings) -> None:
        """From now on this is the directory."""
        self._teams = teams_of(routing)
        self._queue_ids = {queue.name: queue.id for queue in routing.queues}

    async def run(self) -> None:
        """Look at each change, until cancelled."""
        before: dict[str, Standing] | None = None
        while True:
            changed, listeners = self._presence.changed, self._listeners_changed()
            if not self._is_wanted():
                before = None
                await listeners.wait()
                continue
            try:
                before, wait_s = self._look(before)
            except Exception:
                log.exception("how the agents stand cannot be told; looking again at the next change")
                before, wait_s = None, None
            await _first(changed, listeners, wait_s)
            await asyncio.sleep(self._gather_s)

    def _look(self, before: Mapping[str, Standing] | None) -> tuple[dict[str, Standing], float | None]:
        """Tell who stands otherwise; how all stand, and in how many seconds somebody's wrap-up is over."""
        now: dict[str, Standing] = {}
        waits = []
        for member in self._presence.members():
            agent = agent_as_json(self._presence, member)
            if agent["for_s"] is not None:
                waits.append(agent["for_s"])
            known = None if before is None else before.get(member.user)
            standing = _standing(agent, known, queues_known=self._presence.memberships.known)
            now[member.user] = standing
            if known is not None and standing != known and not _is_first_hearing(known, standing):
                self._tell(agent, known)
        return now, min(waits, default=None)

    def _tell(self, agent: Mapping[str, Any], known: Standing) -> None:
        user = agent["user"]
        about = About(
            users=frozenset([user]),
            teams=self._teams.get(user, frozenset()),
            queues=frozenset(self._queue_ids.get(each["queue"], each["queue"]) for each in agent["queues"]),
        )
        before = {"state": known.state, "dnd": known.dnd}
        self._notices.tell(
            notice(NoticeType.AGENT_CHANGED, f"agent/{user}", {"agent": dict(agent), "before": before}, about=about)
        )


def _standing(agent: Mapping[str, Any], known: Standing | None, *, queues_known: bool) -> Standing:
    """A link that is lost tells nothing of breaks: they are what they were."""
    breaks = tuple((each["queue"], each["paused"], each["reason"]) for each in agent["queues"])
    kept = None if known is None else known.breaks
    return Standing(
        state=FREE if agent["state"] == RINGING else agent["state"],
        dnd=agent["dnd"],
        breaks=breaks if queues_known else kept,
    )


def _is_first_hearing(known: Standing, standing: Standing) -> bool:
    """Of queues, and nothing else is new."""
    return known.breaks is None and standing == replace(known, breaks=standing.breaks)


async def _first(changed: asyncio.Event, listeners: asyncio.Event, wait_s: float | None) -> None:
    """Return when one of them is set, or after so many seconds."""
    waiting = [asyncio.ensure_future(event.wait()) for event in (changed, listeners)]
    try:
        await asyncio.wait(waiting, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
