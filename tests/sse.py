"""A reader of Server-Sent Events, as the standard has it: https://html.spec.whatwg.org/#parsing-an-event-stream."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class Message:
    """One event: `id` is the last one that the stream has told by then, `data` its JSON."""

    id: str
    event: str
    data: dict[str, Any]


class EventSource:
    """An open stream. `last_id` is what a browser would send when it connects again."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.last_id = ""
        self.retry_ms: int | None = None
        self.comments = 0

    async def next(self) -> Message:
        """The next event. Raises EOFError when the stream ends."""
        event, last_id = "message", self.last_id
        data: list[str] = []
        async for raw in self.answer.content:
            line = raw.decode().removesuffix("\n")
            field, _, value = line.partition(":")
            match field, value.removeprefix(" "):
                case "", "" if not line:
                    self.last_id = last_id
                    if data:
                        return Message(last_id, event, json.loads("\n".join(data)))
                    event = "message"
                case "", _:
                    self.comments += 1
                case "event", name:
                    event = name
                case "data", text:
                    data.append(text)
                case "id", name:
                    last_id = name
                case "retry", number:
                    self.retry_ms = int(number)
        raise EOFError

    async def all(self) -> list[Message]:
        """What comes until the stream ends."""
        messages = []
        while True:
            try:
                messages.append(await self.next())
            except EOFError:
                return messages


@asynccontextmanager
async def following(
    http: aiohttp.ClientSession, url: str, token: str, last_id: str = "", **query: Any
) -> AsyncIterator[EventSource]:
    """Follow `url`, which is that of the router; the block ends the connection."""
    headers = {"authorization": f"Bearer {token}"} | ({"last-event-id": last_id} if last_id else {})
    timeout = aiohttp.ClientTimeout(total=None)
    async with http.get(f"{url}/api/v1/events", headers=headers, params=query, timeout=timeout) as answer:
        assert answer.status == 200, await answer.text()
        yield EventSource(answer)
