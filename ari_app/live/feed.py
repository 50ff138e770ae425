"""What happens to a call, for whoever follows it while it goes on: the log, and a bell for each new event."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from ari_app.domain import events as e
from ari_app.domain.call_log import CallWriter
from ari_app.domain.events import CallEvent
from ari_app.live.forms import read_form
from ari_app.storage.call_log import CallLog

LONGEST_WAIT_S: Final = 30.0


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

    def write(self, call_id: str, event: CallEvent) -> None:
        """See the protocol."""
        self._log.write(call_id, event)
        for follower in self._followers.get(call_id, ()):
            follower.set()

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
