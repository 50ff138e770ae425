"""Progress while it is measured."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

TICK_S = 0.25


class Screen:
    """A bar for what is measured now. It is drawn four times a second: drawing must not be what is measured."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=4,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    @asynccontextmanager
    async def step(self, what: str, seconds: float) -> AsyncIterator[None]:
        """Show `what` with a bar that fills in `seconds`, for as long as the block takes."""
        bar = self._progress.add_task(what, total=seconds)
        filling = asyncio.create_task(self._fill(bar, seconds))
        try:
            yield
        finally:
            filling.cancel()
            self._progress.remove_task(bar)

    def say(self, line: str) -> None:
        """Leave a line above the bar."""
        self._progress.console.print(line, highlight=False)

    async def _fill(self, bar: TaskID, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            await asyncio.sleep(TICK_S)
            self._progress.advance(bar, TICK_S)
