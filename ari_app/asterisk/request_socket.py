"""ARI requests over a websocket, which is less work than HTTP; Asterisk takes them there since 22.5.

A websocket carries out its requests one after another, and answers no ping meanwhile: a slow one (a channel that does
not react, a name server that is silent) holds up all behind it. So there are several sockets, each request takes the
one with the fewest before it, no more than a few wait on any, and the event stream carries none.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import aiohttp

LONGEST_QUEUE: Final = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What Asterisk answered, over a websocket or HTTP; `text` is what aioswagger11 asks for."""

    status: int
    reason: str
    body: str

    async def text(self) -> str:
        """The body."""
        return self.body

    async def json(self) -> Any:
        """The body, decoded. Raises ValueError."""
        return json.loads(self.body)


class RequestSocket:
    """One open websocket, for requests only; `listen` must run while it is used."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket
        self._ids = count(1)
        self._owed: dict[str, asyncio.Future[Answer]] = {}

    @property
    def queue(self) -> int:
        """How many answers are owed, those included that nobody waits for any more: the next request has to."""
        return len(self._owed)

    async def request(self, method: str, uri: str, params: Mapping[str, Any] | None, body: str | None) -> Answer:
        """One request; `uri` is what follows /ari/, quoted, and `body` is JSON.

        Raises OSError or aiohttp.ClientError when the socket is lost.
        """
        request_id = str(next(self._ids))
        message: dict[str, Any] = {"type": "RESTRequest", "request_id": request_id, "method": method, "uri": uri}
        if params:
            message["query_strings"] = [{"name": name, "value": str(value)} for name, value in params.items()]
        if body is not None:
            message |= {"content_type": "application/json", "message_body": body}
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._owed[request_id] = answer
        await self._websocket.send_str(json.dumps(message))
        return await answer

    async def listen(self) -> None:
        """Take in answers until the socket closes; what is owed then fails. Raises ValueError for other messages."""
        try:
            async for message in self._websocket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(message.json())
        finally:
            for answer in self._owed.values():
                if not answer.done():
                    answer.set_exception(aiohttp.ClientConnectionError("the connection was lost"))

    def _take(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"type": "RESTResponse", "request_id": str(answered), "status_code": int(status)}:
                answer = self._owed.pop(answered, None)
                if answer is not None and not answer.done():  # who asked may have given up
                    answer.set_result(Answer(status, message.get("reason_phrase", ""), message.get("message_body", "")))
