"""A command in a terminal: what people see there, and type."""

import asyncio
import os
import pty
import re
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.command import AGI_ROUTER, environment
from tests.patience import PATIENCE_S


class Terminal:
    """What a command has shown so far is in `text`."""

    def __init__(self, descriptor: int) -> None:
        self.text = ""
        self._descriptor = descriptor
        self._seen = 0
        self._decoder = getincrementaldecoder("utf-8")()  # a reading may end within a letter
        self._news = asyncio.Event()

    def type(self, text: str) -> None:
        """As on a keyboard."""
        os.write(self._descriptor, text.encode())

    async def until(self, pattern: str) -> str:
        """Wait until the command shows this after what was waited for before; its first group, else all of it."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (found := re.compile(pattern).search(self.text, self._seen)) is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"never shown: {pattern}, but {self.text!r}") from None
        self._seen = found.end()
        return found[1] if found.re.groups else found[0]

    def read(self) -> None:
        try:
            self.text += self._decoder.decode(os.read(self._descriptor, 65_536))
        except OSError:  # the command has ended
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._news.set()


@asynccontextmanager
async def terminal(*words: str) -> AsyncIterator[Terminal]:
    """`agi-router` with these words, until it ends or the block does."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        AGI_ROUTER, *words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment({"COLUMNS": "500"})
    )
    os.close(theirs)
    shown = Terminal(ours)
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, shown.read)
    try:
        yield shown
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0, shown.text
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        loop.remove_reader(ours)
        os.close(ours)
