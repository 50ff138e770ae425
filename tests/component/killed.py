"""Processes for kill tests: each is at its job until it is killed, at any moment, and is then started anew."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from tests import warm

KILLS: Final = 12


async def start_module(module: str, *words: str) -> tuple[warm.Process, asyncio.StreamReader]:
    """A process of this module, and what it prints."""
    ours, theirs = os.pipe()
    try:
        process = await warm.start(*words, stdout=theirs, stderr=2, module=module)
    finally:
        os.close(theirs)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(ours, "rb"))
    return process, lines


class Job(Protocol):
    """What a process has to do."""

    @property
    def module(self) -> str:
        """The module that does it: it says "ready" once it is at work, and each call that is committed whole."""

    def words(self) -> str:
        """All of it, as the only argument of this module."""


@dataclass
class Worker:
    """A process of this job that is started again when it was killed. `whole` are the calls that it has committed."""

    job: Job
    whole: list[str] = field(default_factory=list)
    process: warm.Process | None = None
    reading: "asyncio.Task[None] | None" = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self.ready.clear()
        self.process, lines = await start_module(self.job.module, self.job.words())
        self.reading = asyncio.create_task(self._read(lines))

    async def kill(self) -> None:
        assert self.process is not None
        assert self.reading is not None
        self.process.send_signal(signal.SIGKILL)
        assert await self.process.wait() == -signal.SIGKILL
        await self.reading

    async def _read(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            word = line.decode().strip()
            if word == "ready":
                self.ready.set()
            elif word.startswith("call-"):
                self.whole.append(word)


@asynccontextmanager
async def at_work(*jobs: Job) -> AsyncIterator[list[Worker]]:
    """A process of each job, until the block ends."""
    workers = [Worker(job) for job in jobs]
    await asyncio.gather(*(worker.start() for worker in workers))
    try:
        yield workers
    finally:
        await asyncio.gather(*(worker.kill() for worker in workers))


async def kill_at_random(workers: Sequence[Worker], chance: Random) -> None:
    """One after the other, each at work for a moment at least."""
    for _ in range(KILLS):
        worker = chance.choice(workers)
        await asyncio.wait_for(worker.ready.wait(), 60)
        await asyncio.sleep(chance.random() * 1.5)
        await worker.kill()
        await worker.start()


def say(word: str) -> None:
    """Tell the test, from within such a process."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
