"""Answers that are sent while they are made, to readers who take them."""

import asyncio
from contextlib import suppress
from typing import Final

from fastapi.responses import StreamingResponse
from starlette.types import Message, Send

STALLED_S: Final = 60.0
"""A reader who takes nothing for so long is cut off."""


class BoundedStream(StreamingResponse):
    """As fast as the reader takes it, if he takes it."""

    async def stream_response(self, send: Send) -> None:
        """Send it, part by part."""

        async def sent(message: Message) -> None:
            async with asyncio.timeout(STALLED_S):
                await send(message)

        with suppress(TimeoutError):
            await super().stream_response(sent)
