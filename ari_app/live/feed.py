"""What happens to a call, for whoever follows it while it goes on: the log, and a bell for each new event."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from ari_app.domain import events as e
from ari_app.domain.call_log import CallWriter
from ari_app.domain.events import CallEvent
from ari_app.live.forms import read_form
from ari_app.storage.call_log import CallLog

LONGEST_WAIT_S: Final = 30.0
LONGEST_COMMIT_S: Final = 2.0
"""How long somebody waits for what has happened to be on the disk, which may be full or slow."""

MOST_OVER: Final = 200
"""Of so many calls that were asked for, and are over, what has happened is still known without the database."""


class FollowForm(BaseModel):
    """What a follower asks: the events of a call after the first `after` ones, and to wait for one if there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    call_id: str = Field(min_length=1, max_length=64)
    after: int = Field(default=0, ge=0)
    wait_s: float = Field(default=0, ge=0, le=LONGEST_WAIT_S)


class Feed(CallWriter):
    """Writes into the log, and wakes who follows the call."""

    def __init__(self, log: CallLog) -> None:
        self._log = log
        self._followers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.witnesses: list[Callable[[str, CallEvent], None]] = []
        """They see every event as well; none of them waits or raises."""
        self._asked_for: dict[str, list[CallEvent]] = {}
        self._over: dict[str, None] = {}  # a call that the dialplan goes on with may end later, too

    def write(self, call_id: str, event: CallEvent) -> None:
        """See the protocol."""
        self._log.write(call_id, event)
        self._keep(call_id, event)
        for witness in self.witnesses:
            witness(call_id, event)
        for follower in self._followers.get(call_id, ()):
            follower.set()

    async def flush(self) -> None:
        """Have all that has happened by now committed, if that goes within LONGEST_COMMIT_S."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_COMMIT_S):
                await self._log.flush()

    async def happened(self, call_id: str) -> Sequence[CallEvent]:
        """What has happened to a call by now. Raises StorageError.

        Whoever asked for a call is told what has become of it also while the database takes or gives nothing: he would
        ask again, and have the same two phones rung.
        """
        await self.flush()
        if (heard := self._asked_for.get(call_id)) is not None:
            return tuple(heard)
        return await self._log.trace(call_id)

    def _keep(self, call_id: str, event: CallEvent) -> None:
        if isinstance(event, e.CallRequested):
            self._asked_for[call_id] = []
        if (heard := self._asked_for.get(call_id)) is None:
            return
        heard.append(event)
        if isinstance(event, e.CallEnded | e.SentToDialplan):
            self._over[call_id] = None
            if len(self._over) > MOST_OVER:
                oldest = next(iter(self._over))
                del self._over[oldest], self._asked_for[oldest]

    async def follow(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The command `follow`: `{"events": [{at, type, data}, ...], "is_over": ...}`, as soon as there is an event."""
        asked = read_form(FollowForm, arguments)
        bell = asyncio.Event()
        followers = self._followers[asked.call_id]
        followers.add(bell)
        try:
            try:
                async with asyncio.timeout(asked.wait_s or None):
                    while not (told := await self._after(asked)) and asked.wait_s:
                        await bell.wait()
                        bell.clear()
            except TimeoutError:
                told = []
        finally:
            followers.discard(bell)
            if not followers:
                self._followers.pop(asked.call_id, None)
        over = {cls.__name__ for cls in (e.CallEnded, e.SentToDialplan)}
        return {"events": told, "is_over": any(event["type"] in over for event in told)}

    async def _after(self, asked: FollowForm) -> list[dict[str, Any]]:
        await self._log.flush()
        history = await self._log.history(asked.call_id)
        return [
            {"at": stored.at.isoformat(), "type": stored.type, "data": dict(stored.data)}
            for stored in history[asked.after :]
        ]
